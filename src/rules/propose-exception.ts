// The narrowest exception for recorded events on which a rule fires: held to the events, which it must stop, and to the
// rule's own tests, of which it must stop none.

import type { Facts } from '../events/facts.ts';
import type { Platform } from '../events/triggers.ts';
import { compileRules } from './compile.ts';
import { type RootCondition, visitLeaves } from './conditions.ts';
import { type SeenEvent, type TellingFact, tellingFacts } from './exception-facts.ts';
import { effectiveCondition } from './exceptions.ts';
import { accessOf } from './fact-access.ts';
import { givenFacts } from './given-facts.ts';
import type { RuleDefinition, RuleException, RuleSet } from './schema.ts';

export interface ProposedException {
  readonly conditions: RootCondition;
  readonly facts: readonly TellingFact[];
  readonly leftOut: readonly string[];
}

/** Why there is none. */
export interface NoProposal {
  readonly reason: string;
  /** Tests of the rule that it would stop. */
  readonly tests: readonly string[];
}

/** @param events on which the rule fires */
export async function proposeException(
  rule: RuleDefinition,
  ruleSet: RuleSet,
  events: readonly SeenEvent[],
): Promise<ProposedException | NoProposal> {
  const { facts, further, leftOut } = tellingFacts(events, readsArguments(rule, ruleSet));
  if (facts.length === 0) {
    return { reason: 'these events have no fact in common by which to know them again', tests: [] };
  }
  let stopped: readonly string[] = [];
  for (let more = 0; more <= further.length; more++) {
    const chosen = [...facts, ...further.slice(0, more)];
    const conditions: RootCondition = { all: chosen.map(({ leaf }) => leaf) };
    const matches = matcherOf(withAnother(rule, conditions), ruleSet);
    for (const event of events) {
      if (await matches(event)) return { reason: 'the rule would still fire: a path is in doubt', tests: [] };
    }
    stopped = await stoppedTests(rule, ruleSet, matches);
    if (stopped.length === 0) return { conditions, facts: chosen, leftOut };
  }
  return { reason: 'these events look like those that the rule is there for', tests: stopped };
}

export type Matcher = (event: SeenEvent) => Promise<boolean>;

/** The rule alone, by the code that decides live. */
export function matcherOf(rule: RuleDefinition, ruleSet: RuleSet): Matcher {
  const compiled = new Map<Platform, ReturnType<typeof compileRules>>();
  return async ({ facts, trigger, platform }) => {
    let rules = compiled.get(platform);
    if (rules === undefined) {
      rules = compileRules({ ...ruleSet, rules: [{ ...rule, mode: 'enforce' }] }, { platform });
      compiled.set(platform, rules);
    }
    return (await rules.decideAsync(trigger, facts)).matched.length > 0;
  };
}

function withAnother(rule: RuleDefinition, conditions: RootCondition): RuleDefinition {
  const exception: RuleException = {
    name: 'proposed',
    rule: rule.name,
    conditions,
    reason: '',
    place: rule.place,
  };
  return { ...rule, conditions: effectiveCondition(rule.conditions, [exception]) };
}

async function stoppedTests(rule: RuleDefinition, ruleSet: RuleSet, matches: Matcher): Promise<string[]> {
  const matchesNow = matcherOf(rule, ruleSet);
  const stopped: string[] = [];
  for (const { name, given, on, expect } of rule.tests) {
    if (expect.replace(/^todo-/, '') === 'none') continue;
    const facts: Facts = givenFacts({ ...given, picket: { ...given.picket, trigger: on } });
    const platform = given.host?.os?.type ?? rule.platforms[0] ?? 'linux';
    const event = { facts, trigger: on, platform };
    if ((await matchesNow(event)) && !(await matches(event))) stopped.push(name);
  }
  return stopped;
}

function readsArguments(rule: RuleDefinition, { conditions }: RuleSet): boolean {
  let reads = false;
  visitLeaves(rule.own, conditions, ({ fact, path }) => {
    const name = accessOf(fact, path)?.slot?.name ?? fact;
    reads ||= /^process\.(?:args|command_line)/.test(name);
  });
  return reads;
}
