import { expect, test } from 'vitest';
import { answer } from '../../src/auth/answer.ts';
import { decide } from '../../src/auth/decide.ts';
import { LaneReader } from '../../src/auth/lane-frames.ts';
import { LaneCounters } from '../../src/auth/lane-statistics.ts';
import { requests } from '../../src/auth/requests.ts';
import { laneLines } from '../../src/cli/lane-text.ts';
import type { CompiledRules } from '../../src/rules/compile.ts';
import { NO_MATCH } from '../../src/rules/decision.ts';
import { authEvent, idOf, pingFrame, requestFrame, verdictsIn } from './frames.ts';

const rules: CompiledRules = {
  decide: () => NO_MATCH,
  decideAsync: async () => NO_MATCH,
  hashesWanted: () => 0,
  hashesToReport: () => 0,
  needsReferee: () => false,
  needsReview: () => false,
  triggers: () => ['auth.open'],
  isCacheable: () => false,
};

interface Slow {
  readonly waiting: number;
  readonly decideMs: number;
}

/** The lane's own steps over reads that are given; each write on its own. */
function run(
  reads: readonly Buffer[],
  compiled = rules,
): { writes: Buffer[]; counters: LaneCounters; slow: Slow[] } {
  const writes: Buffer[] = [];
  const slow: Slow[] = [];
  const counters = new LaneCounters();
  let next = 0;
  const read = (buffer: Uint8Array, offset: number): number => {
    const bytes = reads[next];
    next += 1;
    if (bytes === undefined) return 0;
    buffer.set(bytes, offset);
    return bytes.length;
  };
  requests({ reader: new LaneReader(), read, counters })
    .pipe(
      decide({
        rules: compiled,
        epoch: 1,
        counters,
        isPrepared: () => false,
        onError: (error) => expect.unreachable(String(error)),
        onSlow: (batch, index, decideMs) => slow.push({ waiting: batch.count - index - 1, decideMs }),
      }),
      answer((bytes, length) => void writes.push(Buffer.from(bytes.subarray(0, length))), counters),
    )
    .subscribe();
  return { writes, counters, slow };
}

const request = (id: number, path = '/a'): Buffer => requestFrame(BigInt(id), 1, authEvent(path));

test('several requests of one read are answered in one write, with what else was asked', () => {
  const first = Buffer.concat([request(1), request(2), pingFrame(9), request(3)]);
  const cut = request(5);
  const { writes, counters } = run([
    Buffer.concat([first, cut.subarray(0, 10)]),
    Buffer.concat([cut.subarray(10), request(6)]),
  ]);
  const answered = writes.map((write) =>
    verdictsIn(write).messages.map(({ authVerdict, pong }) =>
      authVerdict ? Number(idOf(authVerdict)) : `pong ${pong?.number}`,
    ),
  );
  expect(answered).toEqual([
    [1, 2, 'pong 9', 3],
    [5, 6],
  ]);
  expect(counters.snapshot()).toMatchObject({ reads: 2, writes: 2, requests: 5, answered: 5 });
});

test('a batch that waits behind a slow rule is told: who waited how long, and behind what', () => {
  const slowMs = 30;
  const slowOnce: CompiledRules = {
    ...rules,
    decide: () => {
      const end = performance.now() + slowMs;
      while (performance.now() < end);
      slowOnce.decide = () => NO_MATCH;
      return NO_MATCH;
    },
  };
  const { counters, slow } = run([Buffer.concat([request(1), request(2), request(3)])], slowOnce);
  const { decideNs, batchWaitNs } = counters.snapshot();
  expect(decideNs.quantile(1)).toBeGreaterThanOrEqual(slowMs * 1e6);
  // Two of three waited for the first one's decision.
  expect(batchWaitNs.quantile(0.5)).toBeGreaterThanOrEqual(slowMs * 1e6);
  expect(slow[0]?.waiting).toBe(2);
  expect(slow[0]?.decideMs).toBeGreaterThanOrEqual(slowMs);
  const lines = laneLines({ ...counters.snapshot(), droppedNotes: 2 });
  expect(lines[0]).toBe('The auth lane took 3 requests in 1 read and answered in 1 write.');
  expect(lines[1]).toMatch(/a request waited [\d.]+ m?s \(p99 [\d.]+ m?s, longest [\d.]+ m?s\)/);
  expect(lines[2]).toBe('2 of its notes for the log were dropped.');
});
