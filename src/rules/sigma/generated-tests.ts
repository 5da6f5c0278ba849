// Tests for an imported rule: an event that it matches and one that it does not. Only what the compiled rule confirms
// is kept.

import type { EcsEvent } from '../../events/ecs-event.ts';
import { compileRules } from '../compile.ts';
import type { RootCondition } from '../conditions.ts';
import { givenFacts } from '../given-facts.ts';
import { parseRules } from '../load.ts';
import type { Place } from '../rule-document.ts';
import type { RuleDefinition, RuleSet } from '../schema.ts';
import { testRules } from '../testing.ts';
import { exampleOf, type Given, unlike } from './example-event.ts';
import { stringifyRules, type WrittenRule } from './rule-output.ts';
import { SigmaError } from './sigma-error.ts';

const ATTEMPTS = 24;

interface GeneratedTest {
  readonly name: string;
  readonly given: Given;
  readonly expect: 'alert' | 'none';
}

/**
 * @param write the rule with such tests
 * @param place for the error
 * Throws SigmaError where the rule itself does not load: then it has no translation.
 */
export async function generateTests(
  write: (tests: readonly GeneratedTest[]) => WrittenRule,
  place: Place,
): Promise<readonly GeneratedTest[]> {
  const { ruleSet, rule } = requireLoadable(write([]), place);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const given = exampleOf(rule.conditions, attempt);
    if (given === undefined || !(await matches(given, rule, ruleSet))) continue;
    const match: GeneratedTest = { name: 'made from its own values', given, expect: 'alert' };
    const excepted = await exceptedBy(rule, ruleSet, attempt);
    const miss: GeneratedTest = { name: 'something else', given: unlike(given) as Given, expect: 'none' };
    // The loader has a word on what a test may give.
    for (const tests of [[match, ...excepted, miss], [match, ...excepted], [match]]) {
      if (await pass(write(tests))) return tests;
    }
  }
  return [];
}

/** An event that matches but for one `not` of the rule. */
async function exceptedBy(
  rule: RuleDefinition,
  ruleSet: RuleSet,
  attempt: number,
): Promise<readonly GeneratedTest[]> {
  const { conditions } = rule;
  if (!('all' in conditions)) return [];
  for (const part of conditions.all) {
    if (!('not' in part)) continue;
    const turned: RootCondition = { all: conditions.all.map((one) => (one === part ? part.not : one)) };
    const given = exampleOf(turned, attempt);
    if (given === undefined || (await matches(given, rule, ruleSet))) continue;
    const turnedRule = { ...rule, conditions: turned };
    if (!(await matches(given, turnedRule, { ...ruleSet, rules: [turnedRule] }))) continue;
    return [{ name: 'what it takes out', given, expect: 'none' }];
  }
  return [];
}

function load(rule: WrittenRule): ReturnType<typeof parseRules> {
  return parseRules([{ file: 'imported.yaml', text: stringifyRules([rule], '', []) }]);
}

function requireLoadable(
  written: WrittenRule,
  place: Place,
): { readonly ruleSet: RuleSet; readonly rule: RuleDefinition } {
  const { ruleSet, problems } = load(written);
  const error = problems.find(({ severity }) => severity === 'error');
  const [rule] = ruleSet.rules;
  if (error === undefined && rule !== undefined) return { ruleSet, rule };
  throw new SigmaError(
    'internal',
    place,
    `Picket's loader refuses the result: ${error?.message ?? 'no rule'}`,
    {
      found: error?.found,
      expected: error?.expected,
    },
  );
}

async function matches(given: Given, rule: RuleDefinition, ruleSet: RuleSet): Promise<boolean> {
  const [trigger] = rule.on;
  const [platform] = rule.platforms;
  if (trigger === undefined || platform === undefined) return false;
  const event: EcsEvent = { ...given, picket: { trigger } };
  const facts = givenFacts(event);
  const rules = compileRules(ruleSet, { platform });
  return (await rules.decideAsync(trigger, facts)).matched.length > 0;
}

async function pass(rule: WrittenRule): Promise<boolean> {
  const { ruleSet, problems } = load(rule);
  if (problems.some(({ severity }) => severity === 'error')) return false;
  const results = await testRules(ruleSet);
  return results.length > 0 && results.every(({ status }) => status === 'passed');
}
