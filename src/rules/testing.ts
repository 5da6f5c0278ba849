// Runs the tests that stand in rules: each rule alone, with its named conditions, over an event made from `given`. A
// test is about what its rule says, so a site's exceptions fail none; what they change is told beside the result.

import type { EcsEvent } from '../events/ecs-event.ts';
import type { Facts } from '../events/facts.ts';
import type { Platform } from '../events/triggers.ts';
import { type Explanation, explainerOf, explainOutcome } from './explain.ts';
import { givenFacts } from './given-facts.ts';
import { type RuleRunner, runnerOf } from './rule-runner.ts';
import type { RuleDefinition, RuleSet, RuleTest } from './schema.ts';
import type { Coverage } from './test-coverage.ts';

type TestStatus = 'passed' | 'failed' | 'todo';

export interface TestResult {
  /** Its name; of a test of several: what they are called in the test. */
  readonly rule: string;
  readonly test: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly status: TestStatus;
  readonly expected: string;
  readonly actual: string;
  /** A known gap that is none any more. */
  readonly isGapClosed: boolean;
  /** Of a test that is not passed: the conditions that decided. */
  readonly why: readonly Explanation[];
  /** Of a test that is not passed: what else there is to say, a line each. */
  readonly notes: readonly string[];
  /** Exceptions by which the rule does not match where its test expects it to. */
  readonly exceptedBy: readonly { readonly name: string; readonly reason: string }[];
}

export interface TestOptions {
  /** Sees every event that a rule is tested with. */
  readonly coverage?: Coverage | undefined;
  readonly onResult?: ((result: TestResult) => void) | undefined;
}

export async function testRules(ruleSet: RuleSet, options: TestOptions = {}): Promise<TestResult[]> {
  const results: TestResult[] = [];
  for (const rule of ruleSet.rules) {
    if (rule.tests.length === 0) continue;
    const own = runnerOf(rule, rule.own, ruleSet.conditions);
    const effective =
      rule.conditions === rule.own ? undefined : runnerOf(rule, rule.conditions, ruleSet.conditions);
    for (const test of rule.tests) {
      const result = await runTest(rule, test, ruleSet, own, effective, options.coverage);
      options.onResult?.(result);
      results.push(result);
    }
  }
  return results;
}

/** `todo-` names a known gap: the test is reported either way, and fails neither. */
async function runTest(
  rule: RuleDefinition,
  test: RuleTest,
  ruleSet: RuleSet,
  own: RuleRunner,
  effective: RuleRunner | undefined,
  coverage: Coverage | undefined,
): Promise<TestResult> {
  const platform = platformOf(rule, test);
  const facts = givenFacts(eventOf(test));
  const notes: string[] = [];
  const isMatch = await own.matches(platform, test.on, facts).catch((error: unknown) => {
    notes.push(`json-rules-engine can't evaluate ${rule.name}: ${String(error)}`);
    return false;
  });
  await coverage?.see(rule, test.on, facts);
  const isExcepted =
    isMatch && effective !== undefined && !(await effective.matches(platform, test.on, facts));
  const actual = isMatch ? rule.event.type : 'none';
  const expected = test.expect.replace(/^todo-/, '');
  const isTodo = test.expect.startsWith('todo-');
  const isRight = actual === expected && notes.length === 0;
  return {
    rule: rule.name,
    test: test.name,
    file: rule.place.file,
    line: test.line,
    column: test.column,
    status: isTodo ? 'todo' : isRight ? 'passed' : 'failed',
    expected,
    actual,
    isGapClosed: isTodo && isRight,
    why: isRight ? [] : await explainOutcome(rule, rule.own, ruleSet.conditions, test.on, facts),
    notes,
    exceptedBy: isExcepted ? await exceptionsFor(rule, test, ruleSet, facts) : [],
  };
}

async function exceptionsFor(
  rule: RuleDefinition,
  test: RuleTest,
  { conditions }: RuleSet,
  facts: Facts,
): Promise<TestResult['exceptedBy']> {
  const { exceptedBy } = await explainerOf(rule, conditions, test.on).explain(facts);
  return exceptedBy.map(({ name, reason }) => ({ name, reason }));
}

function eventOf({ given, on }: RuleTest): EcsEvent {
  return { ...given, picket: { ...given.picket, trigger: on } };
}

export function expectsMatch(expect: string): boolean {
  return expect.replace(/^todo-/, '') !== 'none';
}

function platformOf(rule: RuleDefinition, test: RuleTest): Platform {
  const stated = test.given.host?.os?.type;
  const first = rule.platforms[0] ?? 'linux';
  return stated !== undefined && rule.platforms.includes(stated) ? stated : first;
}
