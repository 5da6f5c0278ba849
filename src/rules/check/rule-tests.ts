// Rules without tests, and rules whose tests would also pass if the rule never matched.

import type { RuleProblem } from '../rule-problem.ts';
import type { RuleDefinition } from '../schema.ts';
import { expectsMatch } from '../testing.ts';
import { type CheckContext, warning } from './finding.ts';

export function checkRuleTests({ rules }: CheckContext): RuleProblem[] {
  return rules.flatMap(checkTests);
}

function checkTests(rule: RuleDefinition): RuleProblem[] {
  if (rule.tests.length === 0) {
    return [
      warning(
        rule.place,
        'no-tests',
        `${rule.name} has no tests`,
        'a test that matches and one that does not',
      ),
    ];
  }
  const matching = rule.tests.some((test) => expectsMatch(test.expect));
  if (matching) return [];
  return [
    warning(
      rule.place,
      'no-matching-test',
      `no test of ${rule.name} expects it to match`,
      `a test with \`expect: ${rule.event.type}\``,
    ),
  ];
}
