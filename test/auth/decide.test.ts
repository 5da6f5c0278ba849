import { from, lastValueFrom, map, toArray } from 'rxjs';
import { expect, test } from 'vitest';
import { decide } from '../../src/auth/decide.ts';
import { type LaneBatch, LaneReader } from '../../src/auth/lane-frames.ts';
import { LaneCounters } from '../../src/auth/lane-statistics.ts';
import type { picket } from '../../src/events/proto/picket.js';
import type { Trigger } from '../../src/events/triggers.ts';
import type { CompiledRules } from '../../src/rules/compile.ts';
import { type Decision, NO_MATCH } from '../../src/rules/decision.ts';
import { authEvent, idOf, requestFrame, verdictsIn } from './frames.ts';
import { rule } from './rule-sets.ts';

const all = { all: [] };

test('an evaluation that throws is deferred and told, and its neighbours are answered', async () => {
  const told: [unknown, string][] = [];
  const rules = rulesThat({
    decide: (trigger) => {
      if (trigger === 'auth.exec') throw new RangeError('a defect of a rule');
      return NO_MATCH;
    },
  });
  const { verdicts, counters } = await judged(rules, ['open', 'exec', 'open'], (error, trigger) => {
    told.push([error, trigger]);
  });
  expect(verdicts.map((verdict) => verdict.verdict)).toEqual([1, 3, 1]);
  expect(verdicts.map((verdict) => Number(idOf(verdict)))).toEqual([1, 2, 3]);
  expect(told).toEqual([[expect.objectContaining({ message: 'a defect of a rule' }), 'auth.exec']]);
  expect(counters.snapshot()).toMatchObject({ requests: 3, allow: 2, defer: 1, errors: 1 });
});

test('what needs the referee is deferred without being decided', async () => {
  const decided: Trigger[] = [];
  const rules = rulesThat({
    needsReferee: (trigger) => trigger === 'auth.exec',
    decide: (trigger) => {
      decided.push(trigger);
      return NO_MATCH;
    },
  });
  const { verdicts } = await judged(rules, ['exec', 'open']);
  expect(verdicts.map((verdict) => [verdict.verdict, verdict.report])).toEqual([
    [3, false],
    [1, false],
  ]);
  expect(decided).toEqual(['auth.open']);
});

test('what rules that cannot deny leave open is answered at once and reported, to be reviewed', async () => {
  const rules = rulesThat({ needsReview: (trigger) => trigger === 'auth.exec' });
  const { verdicts, counters } = await judged(rules, ['exec', 'open']);
  expect(verdicts[0]).toMatchObject({ verdict: 1, report: true, annotated: false });
  expect(verdicts[1]).toMatchObject({ verdict: 1, report: false });
  expect(counters.snapshot()).toMatchObject({ allow: 2, defer: 0 });
});

test('a deny whose annotations are too long for the frame keeps its rule and is reported unannotated', async () => {
  const matched = [rule('long-annotations', all)];
  const rules = rulesThat({
    decide: () =>
      decision({ verdict: 'deny', rule: matched[0], matched, annotations: new Uint8Array(5_000) }),
  });
  const { verdicts, counters } = await judged(rules, ['open']);
  expect(verdicts[0]).toMatchObject({ verdict: 2, rule: 'long-annotations', report: true, annotated: false });
  expect(counters.snapshot()).toMatchObject({ deny: 1, matched: 1, unannotated: 1 });
});

test('what no rule matched may be kept where the rules read content alone, and nothing else may', async () => {
  const matched = [rule('watching', all, { mode: 'shadow' })];
  const isCacheable = (trigger: string): boolean => trigger === 'auth.open';
  const none = await judged(rulesThat({ isCacheable }), ['open', 'exec']);
  expect(none.verdicts.map(({ cacheable }) => cacheable)).toEqual([true, false]);
  const parts = [
    { decide: () => decision({ verdict: 'none', matched }) },
    { decide: () => decision({ verdict: 'allow', matched, rule: matched[0] }) },
    { needsReview: () => true },
    { needsReferee: () => true },
  ] as const;
  for (const part of parts) {
    const { verdicts } = await judged(rulesThat({ isCacheable, ...part }), ['open']);
    expect(verdicts[0]?.cacheable).toBe(false);
  }
  const shadowed = await judged(rulesThat({ isCacheable }), ['open'], undefined, ['auth.open']);
  expect(shadowed.verdicts[0]?.cacheable).toBe(false);
});

test('only an enforced deny is answered as one: alerts and shadow rules allow and are reported', async () => {
  const matched = [rule('watching', all, { mode: 'shadow' })];
  const rules = rulesThat({
    decide: () => decision({ verdict: 'none', matched, annotations: new Uint8Array(3) }),
  });
  const { verdicts } = await judged(rules, ['open']);
  expect(verdicts[0]).toMatchObject({ verdict: 1, rule: '', report: true, annotated: true });
});

function rulesThat(parts: Partial<CompiledRules>): CompiledRules {
  return {
    decide: () => NO_MATCH,
    hashesWanted: () => 0,
    hashesToReport: () => 0,
    decideAsync: async () => NO_MATCH,
    needsReferee: () => false,
    needsReview: () => false,
    triggers: () => ['auth.open', 'auth.exec'],
    isCacheable: () => false,
    ...parts,
  };
}

function decision(parts: Partial<Decision>): Decision {
  return { ...NO_MATCH, ...parts };
}

async function judged(
  rules: CompiledRules,
  actions: readonly string[],
  onError: (error: unknown, trigger: string) => void = () => undefined,
  shadowed: readonly Trigger[] = [],
): Promise<{ verdicts: picket.v1.IAuthVerdict[]; counters: LaneCounters }> {
  const counters = new LaneCounters();
  const reader = new LaneReader();
  const frames = actions.map((action, index) =>
    requestFrame(BigInt(index + 1), 1, authEvent('/tmp/x', action)),
  );
  reader.accept(Buffer.concat(frames));
  const batches: LaneBatch[] = [];
  const batch = reader.next();
  if (batch !== undefined) batches.push(batch);
  const written = await lastValueFrom(
    from(batches).pipe(
      decide({ rules, epoch: 1, counters, isPrepared: () => false, shadowed, onError }),
      map(
        ({ frames: answers }) => verdictsIn(Buffer.from(answers.bytes.subarray(0, answers.length))).messages,
      ),
      toArray(),
    ),
  );
  return { verdicts: written.flat().flatMap((message) => message.authVerdict ?? []), counters };
}
