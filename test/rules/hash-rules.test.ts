// Rules that read hashes: what an event must be asked for before it is decided, and that nothing more is.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EcsEvent } from '../../src/events/ecs-event.ts';
import { encodeEvent } from '../../src/events/encode-event.ts';
import { EncodedFacts } from '../../src/events/encoded-facts.ts';
import { type CompiledRules, compileRules } from '../../src/rules/compile.ts';
import type { Condition } from '../../src/rules/conditions.ts';
import { HASH_OF } from '../../src/rules/content-hashes.ts';
import { EventExplainer } from '../../src/rules/explain-event.ts';
import { parseRules, requireRuleSet } from '../../src/rules/load.ts';
import { planPolicy } from '../../src/rules/plan.ts';
import type { RuleSet } from '../../src/rules/schema.ts';

const BAD = 'ba'.repeat(32);
const GOOD = '60'.repeat(32);
const OTHER = '07'.repeat(32);
const TRIGGER = 'auth.open';
const { file: OF_FILE, process: OF_PROCESS } = HASH_OF;
const GUARD = { guardFilesystems: ['/'], maxWaitMs: {}, defaults: {}, neverDenied: [] };

interface Written {
  readonly type: string;
  readonly conditions: Condition;
  readonly priority?: number;
  readonly mode?: string;
}

const at = (fact: string, value: unknown, operator = 'equal'): Condition =>
  ({ fact, operator, value }) as Condition;
const FILE = 'file.hash.sha256';
const PROCESS = 'process.hash.sha256';

function setOf(rules: readonly Written[]): RuleSet {
  const text = JSON.stringify(
    rules.map(({ conditions, type, ...more }, number) => ({
      name: `rule-${number}`,
      on: [TRIGGER],
      platforms: ['linux'],
      conditions: { all: [conditions] },
      event: { type },
      ...more,
    })),
  );
  return requireRuleSet(parseRules([{ file: 'rules.yaml', text }]));
}

const compiled = (rules: readonly Written[]): CompiledRules =>
  compileRules(setOf(rules), { platform: 'linux', lane: 'auth' });

interface Asked {
  readonly path?: string;
  readonly file?: Hash;
  readonly process?: Hash;
}

interface Hash {
  readonly sha256?: string;
  readonly state?: string;
}

/** By default nothing is known yet. */
function event({ path = '/srv/a', file, process }: Asked = {}): Uint8Array {
  const pending = { state: 'pending' };
  return encodeEvent({
    event: { action: 'open' },
    picket: { trigger: TRIGGER },
    host: { os: { type: 'linux' } },
    process: { executable: '/usr/bin/cat', hash: process ?? pending },
    file: { path, hash: file ?? pending },
  } as EcsEvent);
}

const factsOf = (bytes: Uint8Array): EncodedFacts => new EncodedFacts().reset(bytes);
const wantedBy = (rules: readonly Written[], asked: Asked = {}): number =>
  compiled(rules).hashesWanted(TRIGGER, factsOf(event(asked)));
const known = (sha256: string): Hash => ({ sha256, state: 'known' });

describe('an event is asked for a hash', () => {
  const onPath = at('file.path', '/srv/a');

  test('where the verdict depends on it, and on no other', () => {
    expect(wantedBy([{ type: 'deny', conditions: at(FILE, BAD) }])).toBe(OF_FILE);
    expect(wantedBy([{ type: 'deny', conditions: at(PROCESS, [BAD], 'in') }])).toBe(OF_PROCESS);
    const both = { all: [at(FILE, BAD), at(PROCESS, BAD, 'notEqual')] };
    expect(wantedBy([{ type: 'deny', conditions: both }])).toBe(OF_FILE | OF_PROCESS);
    expect(wantedBy([{ type: 'deny', conditions: at('file.hash.state', 'too_large') }])).toBe(OF_FILE);
    expect(wantedBy([{ type: 'deny', conditions: { not: at(FILE, [GOOD], 'in') } }])).toBe(OF_FILE);
  });

  test('not where the rule does not hold whatever the hash is', () => {
    const elsewhere = { all: [at('file.path', '/home/', 'startsWith'), at(FILE, BAD)] };
    expect(wantedBy([{ type: 'deny', conditions: elsewhere }])).toBe(0);
    expect(wantedBy([{ type: 'deny', conditions: elsewhere }], { path: '/home/x' })).toBe(OF_FILE);
    expect(wantedBy([{ type: 'deny', conditions: onPath }])).toBe(0);
  });

  test('not where a rule that is more decisive holds without', () => {
    const byHash = { type: 'deny', conditions: at(FILE, BAD) };
    expect(wantedBy([byHash, { type: 'allow', conditions: onPath, priority: 5 }])).toBe(0);
    expect(wantedBy([byHash, { type: 'deny', conditions: onPath, priority: 5 }])).toBe(0);
    expect(
      wantedBy([
        { ...byHash, priority: 9 },
        { type: 'allow', conditions: onPath },
      ]),
    ).toBe(OF_FILE);
    const allowing = { type: 'allow', conditions: at(FILE, GOOD), priority: 9 };
    expect(wantedBy([allowing, { type: 'deny', conditions: onPath }])).toBe(OF_FILE);
    expect(wantedBy([allowing])).toBe(0);
  });

  test('for the audit alone where no verdict depends on it', () => {
    for (const rule of [
      { type: 'alert', conditions: at(FILE, BAD) },
      { type: 'deny', mode: 'shadow', conditions: at(FILE, BAD) },
    ]) {
      expect(wantedBy([rule])).toBe(0);
      const lane = compiled([rule]);
      expect(lane.hashesToReport(TRIGGER, factsOf(event()))).toBe(OF_FILE);
      expect(lane.hashesToReport(TRIGGER, factsOf(event({ file: known(BAD) })))).toBe(0);
    }
    const denying = [{ type: 'deny', conditions: at(FILE, BAD) }];
    expect(compiled(denying).hashesToReport(TRIGGER, factsOf(event()))).toBe(0);
  });

  test('not once it is known, or known that there is none', () => {
    const rules = [{ type: 'deny', conditions: at(FILE, BAD) }];
    for (const file of [known(BAD), known(OTHER), { state: 'too_large' }, {}])
      expect(wantedBy(rules, { file })).toBe(0);
  });

  test('of what the bridge appends behind the event', () => {
    const rules = compiled([{ type: 'deny', conditions: at(FILE, BAD) }]);
    const more = encodeEvent({ file: { hash: known(BAD) } } as EcsEvent);
    const bytes = Buffer.concat([event(), more]);
    expect(rules.hashesWanted(TRIGGER, factsOf(bytes))).toBe(0);
    expect(rules.decide(TRIGGER, factsOf(bytes)).verdict).toBe('deny');
  });
});

test('while a hash is pending no rule that reads it matches, not by a negation either', async () => {
  const rules = setOf([
    { type: 'alert', conditions: { not: at(FILE, [GOOD], 'in') } },
    { type: 'deny', conditions: at(FILE, GOOD, 'notEqual') },
    {
      type: 'deny',
      conditions: { fact: 'file', path: '$.hash[?(@ != 1)]', operator: 'notEqual', value: 1 } as Condition,
    },
  ]);
  const compiledRules = compileRules(rules, { platform: 'linux' });
  const pending = factsOf(event());
  expect(compiledRules.decide(TRIGGER, pending).matched).toEqual([]);
  expect((await compiledRules.decideAsync(TRIGGER, pending)).matched).toEqual([]);
  const { matched } = await compiledRules.decideAsync(TRIGGER, factsOf(event({ file: known(BAD) })));
  expect(matched.map(({ name }) => name)).toEqual(['rule-1', 'rule-2', 'rule-0']);
  const explainer = new EventExplainer(rules, { guard: GUARD, wanted: new Set(rules.rules) });
  const { rules: explained } = await explainer.explain(event(), TRIGGER, 'linux');
  expect(explained.map(({ isMatch }) => isMatch)).toEqual([false, false, false]);
});

test('the policy asks for the hashes that rules of the trigger read, on auth triggers alone', () => {
  const hashesOf = (rules: readonly Written[]): unknown =>
    planPolicy(setOf(rules), 'linux', GUARD).policy.subscriptions?.map(({ hashes }) => hashes);
  expect(hashesOf([{ type: 'deny', conditions: at('file.path', '/a') }])).toEqual([undefined]);
  expect(
    hashesOf([
      { type: 'deny', conditions: at(FILE, BAD) },
      { type: 'alert', conditions: { not: at(PROCESS, GOOD) } },
    ]),
  ).toEqual([OF_FILE | OF_PROCESS]);
});

const leaf = fc.oneof(
  fc.constantFrom(FILE, PROCESS).chain((fact) =>
    fc.oneof(
      fc.constantFrom(BAD, GOOD).map((value) => at(fact, value)),
      fc.constantFrom(BAD, GOOD).map((value) => at(fact, value, 'notEqual')),
      fc.constant(at(fact, [BAD, GOOD], 'in')),
    ),
  ),
  fc.constantFrom('/srv/a', '/srv/b').map((value) => at('file.path', value)),
  fc.constant(at('file.path', '/srv/', 'startsWith')),
);
const condition: fc.Arbitrary<Condition> = fc.letrec<{ node: Condition }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.array(tie('node'), { minLength: 1, maxLength: 3 }).map((all): Condition => ({ all })),
    fc.array(tie('node'), { minLength: 1, maxLength: 3 }).map((any): Condition => ({ any })),
    tie('node').map((not): Condition => ({ not })),
  ),
})).node;
const written = fc.record({
  type: fc.constantFrom('deny', 'allow', 'alert'),
  conditions: condition,
  priority: fc.integer({ min: 1, max: 4 }),
  mode: fc.constantFrom('enforce', 'enforce', 'shadow'),
});
const hash = fc.constantFrom<Hash[]>(known(BAD), known(GOOD), known(OTHER), { state: 'too_large' });

test('the verdict with the hashes that were asked for is the verdict with all of them, and so is the audit', () => {
  fc.assert(
    fc.property(
      fc.array(written, { minLength: 1, maxLength: 6 }),
      hash,
      hash,
      fc.constantFrom('/srv/a', '/srv/b', '/c'),
      (rules, file, process, path) => {
        const lane = compiled(rules);
        const whole = lane.decide(TRIGGER, factsOf(event({ file, process, path })));
        const all = [whole.verdict === 'deny', whole.alerts.length, whole.shadow.length];
        let asked: Asked = { path };
        for (let round = 0; ; round += 1) {
          const wanted = lane.hashesWanted(TRIGGER, factsOf(event(asked)));
          if (wanted === 0) break;
          expect(round).toBeLessThan(2);
          asked = {
            ...asked,
            ...((wanted & OF_FILE) === 0 ? {} : { file }),
            ...((wanted & OF_PROCESS) === 0 ? {} : { process }),
          };
        }
        const { verdict: told } = lane.decide(TRIGGER, factsOf(event(asked)));
        const reported = lane.hashesToReport(TRIGGER, factsOf(event(asked)));
        asked = {
          ...asked,
          ...((reported & OF_FILE) === 0 ? {} : { file }),
          ...((reported & OF_PROCESS) === 0 ? {} : { process }),
        };
        const { verdict, alerts, shadow } = lane.decide(TRIGGER, factsOf(event(asked)));
        expect(told === 'deny').toBe(verdict === 'deny');
        expect([verdict === 'deny', alerts.length, shadow.length]).toEqual(all);
      },
    ),
    { numRuns: 400 },
  );
});
