import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeEvent } from '../../src/events/encode-event.ts';
import { EncodedFacts } from '../../src/events/encoded-facts.ts';
import type { Facts } from '../../src/events/facts.ts';
import { objectFacts } from '../../src/events/object-facts.ts';
import type { Trigger } from '../../src/events/triggers.ts';
import { compileRules } from '../../src/rules/compile.ts';
import { visitLeaves } from '../../src/rules/conditions.ts';
import { parseOperatorName } from '../../src/rules/decorators.ts';
import { refereeOf } from '../../src/rules/referee.ts';
import type { RuleDefinition, RuleSet } from '../../src/rules/schema.ts';
import { AUTH, ecsEvent, looseEvent, looseFacts, NOTIFY, ruleSet } from './arbitrary-rules.ts';

const TRIGGERS: readonly Trigger[] = [AUTH, NOTIFY];

interface Tally {
  evaluations: number;
  matches: number;
  refereed: number;
  readonly operators: Map<string, number>;
}

const newTally = (): Tally => ({ evaluations: 0, matches: 0, refereed: 0, operators: new Map() });

/** Holds each trigger's decision against json-rules-engine's matches and DESIGN's words on who decides. */
async function holdAgainstReferee(set: RuleSet, events: readonly Facts[], tally: Tally): Promise<void> {
  const compiled = compileRules(set, { platform: 'linux' });
  const referees = set.rules.map((rule) => refereeOf(rule, set.conditions));
  for (const facts of events) {
    for (const trigger of TRIGGERS) {
      const isRefereed = compiled.needsReferee(trigger, facts);
      if (isRefereed) tally.refereed++;
      const decision = isRefereed
        ? await compiled.decideAsync(trigger, facts)
        : compiled.decide(trigger, facts);
      const matched: RuleDefinition[] = [];
      for (const [index, rule] of set.rules.entries()) {
        if (!rule.on.includes(trigger)) continue;
        tally.evaluations++;
        if (await referees[index]?.matches(facts)) {
          matched.push(rule);
          tally.matches++;
          countOperators(rule, set, tally);
        }
      }
      expect(new Set(decision.matched.map(({ name }) => name))).toEqual(
        new Set(matched.map(({ name }) => name)),
      );
      expect(decision.verdict).toBe(expectedVerdict(matched));
      if (decision.rule !== undefined) expect(decision.matched[0]).toBe(decision.rule);
      expect(decision.annotations === undefined).toBe(matched.length === 0);
    }
  }
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

function countOperators(rule: RuleDefinition, set: RuleSet, tally: Tally): void {
  visitLeaves(rule.conditions, set.conditions, (leaf) => {
    const { decorators, operator } = parseOperatorName(leaf.operator);
    for (const name of [...decorators.map((one) => `${one}:`), operator]) {
      tally.operators.set(name, (tally.operators.get(name) ?? 0) + 1);
    }
  });
}

function print(what: string, { evaluations, matches, refereed, operators }: Tally): void {
  const share = ((100 * matches) / evaluations).toFixed(1);
  const hits = [...operators].sort(([, a], [, b]) => b - a).map(([name, count]) => `${name} ${count}`);
  console.log(`${what}: ${evaluations} evaluations, ${share} % matched, ${refereed} events to the referee`);
  console.log(`  in rules that matched: ${hits.join(', ')}`);
}

const RUNS = Number(process.env.PICKET_PROPERTY_RUNS ?? 600);
const COVERED = 3000;

describe('compiled rules', () => {
  test('decide as json-rules-engine does, over events as objects', { timeout: 120_000 }, async () => {
    const tally = newTally();
    await fc.assert(
      fc.asyncProperty(
        ruleSet(5),
        fc.array(ecsEvent, { minLength: 1, maxLength: 6 }),
        async (set, events) => {
          await holdAgainstReferee(set, events.map(objectFacts), tally);
        },
      ),
      { numRuns: RUNS },
    );
    print('objects', tally);
    expect(tally.evaluations).toBeGreaterThan(COVERED);
  });

  test('decide as json-rules-engine does, over encoded events', { timeout: 120_000 }, async () => {
    const tally = newTally();
    await fc.assert(
      fc.asyncProperty(
        ruleSet(5),
        fc.array(ecsEvent, { minLength: 1, maxLength: 6 }),
        async (set, events) => {
          // One reader for all events, as on the lane.
          const facts = new EncodedFacts();
          for (const event of events) await holdAgainstReferee(set, [facts.reset(encodeEvent(event))], tally);
        },
      ),
      { numRuns: RUNS },
    );
    print('encoded', tally);
    expect(tally.evaluations).toBeGreaterThan(COVERED);
  });

  test('decide as json-rules-engine does, over values of every wrong type', {
    timeout: 120_000,
  }, async () => {
    const tally = newTally();
    await fc.assert(
      fc.asyncProperty(
        ruleSet(5),
        fc.array(looseEvent, { minLength: 1, maxLength: 6 }),
        async (set, events) => {
          await holdAgainstReferee(set, events.map(looseFacts), tally);
        },
      ),
      { numRuns: RUNS },
    );
    print('wrong types', tally);
    expect(tally.evaluations).toBeGreaterThan(COVERED);
  });

  test('decide the same for an event as an object and as bytes', () => {
    fc.assert(
      fc.property(ruleSet(5), ecsEvent, (set, event) => {
        const compiled = compileRules(set, { platform: 'linux' });
        const names = (facts: Facts, trigger: Trigger): string[] =>
          compiled.decide(trigger, facts).matched.map(({ name }) => name);
        const encoded = new EncodedFacts().reset(encodeEvent(event));
        for (const trigger of TRIGGERS)
          expect(names(encoded, trigger)).toEqual(names(objectFacts(event), trigger));
      }),
      { numRuns: RUNS },
    );
  });
});
