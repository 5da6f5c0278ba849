// Runs the tests that stand in rules: each rule alone, with its named conditions, over an event made from `given`.

import type { EcsEvent } from '../events/ecs-event.ts';
import type { Platform } from '../events/triggers.ts';
import { compileRules } from './compile.ts';
import { type Explanation, explainOutcome } from './explain.ts';
import { givenFacts } from './given-facts.ts';
import type { RuleDefinition, RuleSet, RuleTest } from './schema.ts';

type TestStatus = 'passed' | 'failed' | 'todo';

export interface TestResult {
  readonly rule: string;
  readonly test: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly status: TestStatus;
  readonly expected: string;
  readonly actual: string;
  /** Of a test that is not passed: the conditions that decided. */
  readonly why: readonly Explanation[];
}

export async function testRules(ruleSet: RuleSet): Promise<TestResult[]> {
  const results: TestResult[] = [];
  for (const rule of ruleSet.rules) {
    for (const test of rule.tests) results.push(await runTest(rule, test, ruleSet));
  }
  return results;
}

/** `todo-` names a known gap: the test is reported either way, and fails neither. */
async function runTest(rule: RuleDefinition, test: RuleTest, ruleSet: RuleSet): Promise<TestResult> {
  const platform = platformOf(rule, test);
  const given: EcsEvent = { ...test.given, picket: { ...test.given.picket, trigger: test.on } };
  const facts = givenFacts(given);
  // Alone, and enforced: what a rule in shadow mode would do is what its tests are about.
  const alone: RuleSet = { ...ruleSet, rules: [{ ...rule, mode: 'enforce' }] };
  const errors: unknown[] = [];
  const rules = compileRules(alone, { platform, onRefereeError: (_, error) => errors.push(error) });
  const { matched } = rules.needsReferee(test.on, facts)
    ? await rules.decideAsync(test.on, facts)
    : rules.decide(test.on, facts);
  const isMatch = matched.length > 0;
  const actual = isMatch ? rule.event.type : 'none';
  const expected = test.expect.replace(/^todo-/, '');
  const isTodo = test.expect.startsWith('todo-');
  const isRight = actual === expected;
  return {
    rule: rule.name,
    test: test.name,
    file: rule.place.file,
    line: test.line,
    column: test.column,
    status: isTodo ? 'todo' : isRight ? 'passed' : 'failed',
    expected,
    actual,
    why: isRight && !isTodo ? [] : explainOutcome(rule.conditions, ruleSet.conditions, facts, isMatch),
  };
}

export function expectsMatch(expect: string): boolean {
  return expect.replace(/^todo-/, '') !== 'none';
}

function platformOf(rule: RuleDefinition, test: RuleTest): Platform {
  const stated = test.given.host?.os?.type;
  const first = rule.platforms[0] ?? 'linux';
  return stated !== undefined && rule.platforms.includes(stated) ? stated : first;
}
