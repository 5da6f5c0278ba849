import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LaneCounters } from '../../src/auth/lane-statistics.ts';

test('what one side of the shared memory counts, the other reads', () => {
  const writer = new LaneCounters();
  const reader = new LaneCounters(writer.memory);
  writer.add('requests', 3);
  writer.add('requests', 2);
  writer.add('partialFrameBytes', 7);
  expect(reader.snapshot()).toMatchObject({ requests: 5, partialFrameBytes: 7, deny: 0 });
});

test('a quantile is never below the value it stands for and at most an eighth above', () => {
  const ns = fc.integer({ min: 0, max: 2 ** 31 - 1 });
  fc.assert(
    fc.property(
      fc.array(ns, { minLength: 1, maxLength: 50 }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      (times, share) => {
        const counters = new LaneCounters();
        for (const time of times) counters.timed(time / 1_000_000, 0);
        const sorted = times.toSorted((a, b) => a - b);
        const exact = sorted[Math.ceil(sorted.length * share) - 1] ?? 0;
        const { decideNs } = counters.snapshot();
        expect(decideNs.count).toBe(times.length);
        // One nanosecond for the way through milliseconds.
        expect(decideNs.quantile(share)).toBeGreaterThanOrEqual(exact - 1);
        expect(decideNs.quantile(share)).toBeLessThanOrEqual(exact * 1.125 + 1);
      },
    ),
  );
});
