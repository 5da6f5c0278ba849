// Rules without tests, of their own or in test files, and rules whose tests would also pass if the rule never matched.

import type { RuleProblem } from '../rule-problem.ts';
import type { RuleDefinition } from '../schema.ts';
import type { TestedNames } from '../tested-names.ts';
import { expectsMatch } from '../testing.ts';
import { type CheckContext, warning } from './finding.ts';

export function checkRuleTests({ rules, testedNames }: CheckContext): RuleProblem[] {
  return rules.flatMap((rule) => checkTests(rule, testedNames));
}

function checkTests(rule: RuleDefinition, { tested, matching }: TestedNames): RuleProblem[] {
  if (matching.has(rule.name) || rule.tests.some(({ expect }) => expectsMatch(expect))) return [];
  if (rule.tests.length === 0 && !tested.has(rule.name)) {
    return [
      warning(
        rule.place,
        'no-tests',
        `${rule.name} has no tests`,
        'a test that matches and one that does not',
      ),
    ];
  }
  return [
    warning(
      rule.place,
      'no-matching-test',
      `no test of ${rule.name} expects it to match`,
      `a test with \`expect: ${rule.event.type}\``,
    ),
  ];
}
