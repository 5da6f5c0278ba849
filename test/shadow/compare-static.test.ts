import { from, lastValueFrom, toArray } from 'rxjs';
import { expect, test } from 'vitest';
import type { ShadowDifference } from '../../src/auth/shadow-difference.ts';
import { picket } from '../../src/events/proto/picket.js';
import type { DecidedBatch, FlowEvent } from '../../src/operators/flow.ts';
import { compileRules } from '../../src/rules/compile.ts';
import type { ShadowRules } from '../../src/rules/shadow-rules.ts';
import { compareStatic } from '../../src/shadow/compare-static.ts';
import { Differences } from '../../src/shadow/differences.ts';
import { rulesOfEpoch } from '../auth/rule-sets.ts';
import { flowEvent } from '../operators/event-fixtures.ts';

const { ANSWER_LEVEL_STATIC, ANSWER_LEVEL_AGENT, ANSWER_LEVEL_DEFAULT_DEADLINE } = picket.v1.AnswerLevel;
const { VERDICT_DENY } = picket.v1.Verdict;
const kind = picket.v1.EventKind.EVENT_KIND_AUTH;

const ruleSet = rulesOfEpoch(1);
const shadow: ShadowRules = { ruleSet, rules: compileRules(ruleSet, { platform: 'linux' }) };

const audit = (sequence: number, path: string, level: picket.v1.AnswerLevel): FlowEvent =>
  flowEvent(sequence, { kind, path, auth: { verdict: VERDICT_DENY, level, rule: 'static' } });

async function compared(
  events: readonly FlowEvent[],
  set: ShadowRules | undefined,
): Promise<{ summary: ReturnType<Differences['summary']>; passed: readonly DecidedBatch[]; told: number }> {
  let told = 0;
  const notify = (): void => {
    told += 1;
  };
  const differences = new Differences({ log: { warn: () => undefined }, notify });
  const batch: DecidedBatch = { events, alerts: [], losses: [], malformed: 0, bridgeInstance: 'b' };
  const passed = await lastValueFrom(
    from([batch]).pipe(
      compareStatic(() => set, differences),
      toArray(),
    ),
  );
  expect(passed).toEqual([batch]);
  return { summary: differences.summary(), passed, told };
}

test('what the bridge denies by itself is compared where it comes back, and what the lane answered is not', async () => {
  const { summary, told } = await compared(
    [
      audit(1, '/denied/by-both', ANSWER_LEVEL_STATIC),
      audit(2, '/only/static', ANSWER_LEVEL_STATIC),
      audit(3, '/only/lane', ANSWER_LEVEL_AGENT),
      audit(4, '/only/default', ANSWER_LEVEL_DEFAULT_DEADLINE),
      flowEvent(5, { path: '/notified' }),
    ],
    shadow,
  );
  const difference: ShadowDifference = {
    enforced: { verdict: 'deny', rule: 'static' },
    shadow: { verdict: 'allow', rule: undefined },
  };
  expect(summary).toMatchObject({ compared: 2, differences: [{ ...difference, times: 1 }] });
  expect(told).toBe(1);
});

test('without a shadow set nothing is compared', async () => {
  const { summary } = await compared([audit(1, '/only/static', ANSWER_LEVEL_STATIC)], undefined);
  expect(summary.compared).toBe(0);
});
