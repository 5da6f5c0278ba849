// The tests that stand in a rule, checked: what they give must exist, and what they expect must be possible.

import type { EcsEvent } from '../events/ecs-event.ts';
import type { Platform, Trigger } from '../events/triggers.ts';
import type { Leaf } from './conditions.ts';
import { isMap } from './document-map.ts';
import { factName } from './fact-access.ts';
import type { FindingCode } from './finding-codes.ts';
import { checkGiven, touches } from './given-facts.ts';
import type { DocumentPath, RuleDocument } from './rule-document.ts';
import { describeValue, oneOf, type RuleProblem } from './rule-problem.ts';
import { type RuleEventType, type RuleTest, TEST_KEYS, testSchema } from './schema.ts';
import { explainIssues } from './schema-problems.ts';

export interface TestedRule {
  readonly name: string;
  readonly type: RuleEventType;
  readonly on: readonly Trigger[];
  readonly platforms: readonly Platform[];
  readonly leaves: readonly Leaf[];
}

/** @param path of the list of tests */
export function parseTests(
  tests: readonly unknown[],
  rule: TestedRule,
  path: DocumentPath,
  document: RuleDocument,
  report: (problem: RuleProblem) => void,
): RuleTest[] {
  const names = new Set<string>();
  return tests.flatMap((value, index) => {
    const at = [...path, index];
    const parsed = testSchema.safeParse(value);
    if (!parsed.success) {
      if (!isMap(value)) {
        const expected = 'a map with name, given and expect';
        const found = describeValue(value);
        const message = 'a test is a map';
        report({ ...document.placeOf(at), code: 'test-shape', message, found, expected, severity: 'error' });
      } else {
        for (const problem of explainIssues(parsed.error.issues, document, at, () => TEST_KEYS))
          report(problem);
      }
      return [];
    }
    return [parseTest(parsed.data, rule, names, at, document, report)];
  });
}

interface WrittenTest {
  readonly name: string;
  readonly given: Readonly<Record<string, unknown>>;
  readonly expect: string;
  readonly on?: string | undefined;
}

function parseTest(
  test: WrittenTest,
  rule: TestedRule,
  names: Set<string>,
  at: DocumentPath,
  document: RuleDocument,
  report: (problem: RuleProblem) => void,
): RuleTest {
  const { type, on, leaves } = rule;
  const fail = (key: string, code: FindingCode, message: string, found: string, expected: string): void =>
    report({ ...document.placeOf([...at, key]), code, message, found, expected, severity: 'error' });
  if (names.has(test.name)) {
    const message = `another test of ${rule.name} has this name`;
    fail('name', 'duplicate-test', message, `\`${test.name}\``, 'a name of its own');
  }
  names.add(test.name);
  const expectations = [type, 'none', `todo-${type}`, 'todo-none'];
  if (!expectations.includes(test.expect)) {
    const message = `a test of ${rule.name} can't expect this`;
    fail('expect', 'wrong-expectation', message, describeValue(test.expect), oneOf(expectations));
  }
  const trigger = on.find((one) => one === test.on) ?? on[0] ?? 'picket';
  if (test.on !== undefined && test.on !== trigger) {
    fail('on', 'wrong-trigger', `${rule.name} is not on this trigger`, describeValue(test.on), oneOf(on));
  }
  const given = test.given as EcsEvent;
  const problems = checkGiven(test.given, document, [...at, 'given'], trigger, rule.platforms);
  for (const problem of problems) report(problem);
  // An event without a fact can be the point of a test: where the rule matches, or asks whether it is there.
  const isAboutAbsence =
    !test.expect.endsWith('none') || leaves.some(({ operator }) => operator.endsWith('exists'));
  if (problems.length === 0 && leaves.length > 0 && !isAboutAbsence && !touches(given, leaves)) {
    const message = `the test \`${test.name}\` asserts nothing: it gives no fact that ${rule.name} reads`;
    const read = [...new Set(leaves.map((leaf) => factName(leaf.fact, leaf.path)))];
    fail(
      'given',
      'empty-test',
      message,
      describeValue(test.given),
      `a value for ${oneOf(read.slice(0, 6))}, or null where the event lacks it`,
    );
  }
  const { line, column } = document.placeOf(at);
  return { name: test.name, given, expect: test.expect, on: trigger, line, column };
}
