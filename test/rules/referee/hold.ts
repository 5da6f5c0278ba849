// One case held against the referee: a rule set compiled once, every event of it by both makers of facts and by
// json-rules-engine. A disagreement is an error that shows the rules in question and the event.

import type { RuleResult } from 'json-rules-engine';
import { stringify } from 'yaml';
import type { EcsEvent } from '../../../src/events/ecs-event.ts';
import { encodeEvent } from '../../../src/events/encode-event.ts';
import { EncodedFacts } from '../../../src/events/encoded-facts.ts';
import { type Facts, slotOf } from '../../../src/events/facts.ts';
import { objectFacts } from '../../../src/events/object-facts.ts';
import { type CompiledRules, compileRules } from '../../../src/rules/compile.ts';
import { type Condition, visitLeaves } from '../../../src/rules/conditions.ts';
import type { Decision } from '../../../src/rules/decision.ts';
import { needsReferee } from '../../../src/rules/predicate.ts';
import type { RuleDefinition, RuleSet } from '../../../src/rules/schema.ts';
import { type LooseEvent, looseFacts } from './events.ts';
import { referenceEngine } from './reference-engine.ts';
import type { Tally } from './tally.ts';

export interface Case {
  readonly ruleSet: RuleSet;
  readonly events: readonly EcsEvent[];
  readonly looseEvents: readonly LooseEvent[];
}

class DisagreementError extends Error {
  override readonly name = 'DisagreementError';
}

// One reader for all events of all cases, as on the lane.
const encoded = new EncodedFacts();

export async function holdAgainstReferee(
  { ruleSet, events, looseEvents }: Case,
  tally: Tally,
): Promise<void> {
  const compiled = compileRules(ruleSet, { platform: 'linux' });
  const reference = referenceEngine(ruleSet);
  const refereed = ruleSet.rules.filter((rule) => isRefereed(rule, ruleSet)).length;
  tally.sets++;
  tally.largestSet = Math.max(tally.largestSet, ruleSet.rules.length);
  const hold = async (event: object, makers: Readonly<Record<string, () => Facts>>): Promise<void> => {
    const object = makers.objects?.();
    const results = await reference.run((fact) => {
      const slot = slotOf(fact);
      return slot && object?.get(slot);
    });
    const matched = matchesOf(ruleSet, results);
    for (const [maker, facts] of Object.entries(makers)) {
      const decision = await decide(compiled, ruleSet, facts());
      compare(ruleSet, event, maker, decision, matched);
    }
    tally.events++;
    tally.refereed += refereed;
    for (const result of results) tally.count(result);
  };
  for (const event of events) {
    const bytes = encodeEvent(event);
    await hold(event, { objects: () => objectFacts(event), 'encoded bytes': () => encoded.reset(bytes) });
  }
  for (const event of looseEvents) await hold(event, { objects: () => looseFacts(event) });
}

function isRefereed(rule: RuleDefinition, { conditions }: RuleSet): boolean {
  let isNeeded = false;
  visitLeaves(rule.conditions, conditions, (leaf) => {
    isNeeded ||= needsReferee(leaf);
  });
  return isNeeded;
}

async function decide(compiled: CompiledRules, { rules }: RuleSet, facts: Facts): Promise<Decision> {
  const trigger = rules[0]?.on[0] ?? 'notify.exec';
  return compiled.needsReferee(trigger, facts)
    ? await compiled.decideAsync(trigger, facts)
    : compiled.decide(trigger, facts);
}

function matchesOf({ rules }: RuleSet, results: readonly RuleResult[]): readonly RuleDefinition[] {
  if (results.length !== rules.length) throw new Error(`${results.length} results of ${rules.length} rules`);
  const names = new Set(results.filter(({ result }) => result).map(({ name }) => name));
  return rules.filter(({ name }) => names.has(name));
}

function compare(
  ruleSet: RuleSet,
  event: object,
  maker: string,
  decision: Decision,
  matched: readonly RuleDefinition[],
): void {
  const wrong = ruleSet.rules.filter((rule) => decision.matched.includes(rule) !== matched.includes(rule));
  if (wrong.length > 0) {
    const said = (rule: RuleDefinition): string =>
      `json-rules-engine: ${matched.includes(rule) ? 'matches' : 'no match'}, compiled: ${decision.matched.includes(rule) ? 'matches' : 'no match'}`;
    throw new DisagreementError(
      [
        `compiled rules, read from ${maker}, disagree with json-rules-engine`,
        ...wrong.slice(0, 3).map((rule) => `${said(rule)}\n${described(rule, ruleSet)}`),
        `event:\n${shown(event)}`,
      ].join('\n'),
    );
  }
  if (decision.matched.length !== matched.length) fail(event, maker, 'a rule was named twice');
  const verdict = expectedVerdict(matched);
  if (decision.verdict !== verdict) fail(event, maker, `the verdict is ${decision.verdict}, not ${verdict}`);
  if (decision.rule !== undefined && decision.matched[0] !== decision.rule)
    fail(event, maker, 'the decisive rule is not first');
  if ((decision.annotations === undefined) !== (matched.length === 0))
    fail(event, maker, 'annotations without a match, or none');
}

function fail(event: object, maker: string, what: string): never {
  throw new DisagreementError(`${what}, read from ${maker}\nevent:\n${shown(event)}`);
}

/** Written apart from the code under test: the highest priority wins, at equal priority deny and forward. */
function expectedVerdict(matched: readonly RuleDefinition[]): string {
  let verdict = 'none';
  let priority = 0;
  for (const rule of matched) {
    const { type } = rule.event;
    if (rule.mode !== 'enforce' || type === 'alert' || type === 'tag') continue;
    const isStronger = rule.priority === priority && (type === 'deny' || type === 'forward');
    if (rule.priority > priority || isStronger) {
      verdict = type;
      priority = rule.priority;
    }
  }
  return verdict;
}

/** The rule as in a file, with the named conditions that it refers to. */
function described({ name, on, conditions }: RuleDefinition, ruleSet: RuleSet): string {
  const named = Object.entries(ruleSet.conditions).filter(([key]) => refersTo(conditions, key, ruleSet));
  return shown({
    ...(named.length === 0 ? {} : { conditions: Object.fromEntries(named) }),
    rule: { name, on, conditions },
  });
}

function refersTo(condition: Condition, name: string, ruleSet: RuleSet): boolean {
  const text = JSON.stringify(condition, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  return Object.keys(ruleSet.conditions).some(
    (key) =>
      text.includes(`"condition":"${key}"`) &&
      (key === name || refersTo(ruleSet.conditions[key] as Condition, name, ruleSet)),
  );
}

const shown = (value: unknown): string =>
  stringify(value, { aliasDuplicateObjects: false }).replace(/^/gm, '  ').trimEnd();
