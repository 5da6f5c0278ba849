import { expect, test, vi } from 'vitest';
import type { ShadowSink } from '../../src/auth/shadow-difference.ts';
import { type SlowLaneOptions, slowLane } from '../../src/auth/slow-lane.ts';
import { picket } from '../../src/events/proto/picket.js';
import { type CompiledRules, compileRules } from '../../src/rules/compile.ts';
import { NO_MATCH } from '../../src/rules/decision.ts';
import { parseRules, requireRuleSet } from '../../src/rules/load.ts';
import { authEvent, idOf, long } from './frames.ts';
import { rulesOfEpoch } from './rule-sets.ts';

const { VERDICT_ALLOW, VERDICT_DENY } = picket.v1.Verdict;
const compiled = compileRules(rulesOfEpoch(3), { platform: 'linux' });

function request(id: number, event: Uint8Array, budgetUs = 10_000_000): picket.v1.IAuthRequest {
  return { id: long(id), epoch: long(3), budgetUs, event };
}

function rulesThatDecide(decideAsync: CompiledRules['decideAsync']): CompiledRules {
  return { ...compiled, decideAsync };
}

function lane(
  options: Partial<SlowLaneOptions> = {},
): ReturnType<typeof slowLane> & { warn: ReturnType<typeof vi.fn> } {
  const warn = vi.fn();
  return { ...slowLane({ log: { warn }, ...options }), warn };
}

test('a request is judged by the rules given with it, and the verdict carries its id and epoch', async () => {
  const slow = lane();
  const verdict = await slow.answer(request(7, authEvent('/denied/tool')), compiled);
  expect(verdict).toMatchObject({ verdict: VERDICT_DENY, rule: 'epoch-3', report: true, annotated: true });
  expect(idOf(verdict ?? {})).toBe(7n);
  expect(Number(verdict?.epoch)).toBe(3);
  const other = await slow.answer(request(8, authEvent('/usr/bin/true')), compiled);
  expect(other).toMatchObject({ verdict: VERDICT_ALLOW, rule: '', report: false });
  expect(other?.annotations).toBeUndefined();
  expect(slow.statistics).toEqual({ requests: 2, answered: 2, late: 0, refused: 0, errors: 0 });
});

test('where a rule that could decide otherwise can not be evaluated, the default answers, and it is told', async () => {
  const path = '$[?(@.no.such.thing > 1)]';
  const rules = (more: string): CompiledRules => {
    const text = `
- name: throws
  on: [auth.open]
  platforms: [linux]
  priority: 5
  conditions: { all: [{ fact: file, path: '${path}', operator: exists, value: true }] }
  event: { type: deny }
${more}`;
    return compileRules(requireRuleSet(parseRules([{ file: 'r.yaml', text }])), { platform: 'linux' });
  };
  const known = (type: string, priority: number): string => `
- name: known
  on: [auth.open]
  platforms: [linux]
  priority: ${priority}
  conditions: { all: [{ fact: file, path: $.path, operator: equal, value: /tmp/x }] }
  event: { type: ${type} }
`;
  const slow = lane();
  const answer = (more: string): Promise<picket.v1.IAuthVerdict | undefined> =>
    slow.answer(request(1, authEvent('/tmp/x')), rules(more));
  expect(await answer('')).toMatchObject({ failed: true });
  expect(await answer(known('allow', 1))).toMatchObject({ failed: true });
  expect(slow.statistics.errors).toBe(2);
  expect(slow.warn).toHaveBeenCalledTimes(2);
  // Whatever it says, these are the answers.
  expect(await answer(known('allow', 9))).toMatchObject({ verdict: VERDICT_ALLOW, rule: 'known' });
  expect(await answer(known('deny', 1))).toMatchObject({ verdict: VERDICT_DENY, rule: 'known' });
  expect(slow.statistics.errors).toBe(2);
});

test('when the budget is over there is nothing to send, however long the evaluation takes', async () => {
  const slow = lane();
  const never = rulesThatDecide(() => new Promise(() => undefined));
  expect(await slow.answer(request(1, authEvent('/tmp/x'), 1_000), never)).toBeUndefined();
  expect(slow.statistics).toMatchObject({ requests: 1, answered: 0, late: 1 });
});

test('evaluations that hang do not stand in the way of later requests', async () => {
  const slow = lane();
  const never = rulesThatDecide(() => new Promise(() => undefined));
  const hanging = Array.from({ length: 40 }, (_, id) =>
    slow.answer(request(id, authEvent('/tmp/x'), 20_000), never),
  );
  const verdict = await slow.answer(request(99, authEvent('/denied/tool')), compiled);
  expect(verdict?.verdict).toBe(VERDICT_DENY);
  await Promise.all(hanging);
  expect(slow.statistics).toMatchObject({ requests: 41, answered: 1, late: 40 });
});

test('only a bounded number is evaluated at once', async () => {
  const slow = lane();
  let running = 0;
  let most = 0;
  const counting = rulesThatDecide(async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    return NO_MATCH;
  });
  await Promise.all(
    Array.from({ length: 100 }, (_, id) => slow.answer(request(id, authEvent('/tmp/x')), counting)),
  );
  expect(most).toBe(16);
  expect(slow.statistics.answered).toBe(100);
});

test('more requests than can wait are left to the guard', async () => {
  const slow = lane();
  const gate = Promise.withResolvers<typeof NO_MATCH>();
  const waiting = rulesThatDecide(() => gate.promise);
  const answers = Array.from({ length: 1_100 }, (_, id) =>
    slow.answer(request(id, authEvent('/tmp/x')), waiting),
  );
  gate.resolve(NO_MATCH);
  const verdicts = await Promise.all(answers);
  expect(verdicts.filter((verdict) => verdict === undefined)).toHaveLength(1_100 - 1_024 - 16);
  expect(slow.statistics).toMatchObject({ refused: 60, answered: 1_040 });
});

test('an evaluation that throws is left to the default of the bridge at once, and logged', async () => {
  const slow = lane();
  const failing = rulesThatDecide(() => Promise.reject(new RangeError('a defect')));
  const verdicts = await Promise.all([
    slow.answer(request(1, authEvent('/tmp/x', 'open')), failing),
    slow.answer(request(2, authEvent('/tmp/x', 'exec')), failing),
    slow.answer(request(3, new Uint8Array(0)), compiled),
  ]);
  expect(verdicts.map((verdict) => verdict?.failed)).toEqual([true, true, true]);
  expect(slow.statistics.errors).toBe(3);
  expect(slow.warn).toHaveBeenCalledTimes(3);
});

test('what it answers is compared with a shadow set, once it is answered', async () => {
  const told: string[] = [];
  const shadowSink: ShadowSink = {
    compared: (times) => void told.push(`compared ${times}`),
    notCompared: (why) => void told.push(why),
    differed: ({ enforced, shadow }, times) =>
      void told.push(`${enforced.verdict} ${enforced.rule} / ${shadow.verdict} ${shadow.rule} ${times}`),
    differedElsewhere: () => void told.push('elsewhere'),
    sampled: (_, event) => void told.push(`sampled ${event.length}`),
  };
  const slow = lane({ shadowSink });
  const nothing = { rules: [], conditions: {}, lists: {} };
  const shadow = { ruleSet: nothing, rules: compileRules(nothing, { platform: 'linux' }) };
  const event = authEvent('/denied/tool');
  const verdict = await slow.answer(request(7, event), compiled, shadow);
  expect(verdict?.verdict).toBe(VERDICT_DENY);
  expect(told).toEqual([]);
  await expect
    .poll(() => told)
    .toEqual(['compared 1', 'deny epoch-3 / allow undefined 1', `sampled ${event.length}`]);
  await slow.answer(request(8, authEvent('/usr/bin/true')), compiled, shadow);
  await expect.poll(() => told.slice(3)).toEqual(['compared 1']);
});
