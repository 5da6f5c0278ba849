// Percentiles of an opener's log, in microseconds: of the calls themselves, and of the waits since each call was due. Where a
// call was due while the one before it lasted, that one is charged for its wait; where the client was free and its own timer
// late, nobody is.
import { build, type Histogram } from 'hdr-histogram-js';
import type { Call } from '../test/system/harness/opener.ts';

export interface Latency {
  readonly call: Histogram;
  readonly response: Histogram;
}

export function emptyLatency(): Latency {
  const make = (): Histogram =>
    build({ lowestDiscernibleValue: 100, highestTrackableValue: 60e9, numberOfSignificantValueDigits: 3 });
  return { call: make(), response: make() };
}

/** Leaves the first calls out: a warm-up that is the same for each subject. */
export function record(latency: Latency, calls: readonly Call[], warmUp: number): void {
  let before: Call | undefined;
  for (const call of calls.slice(warmUp)) {
    // A log holds one thread's calls after another's, each in the order of their times.
    const isSameThread = before !== undefined && before.scheduledNs <= call.scheduledNs;
    const freeNs = isSameThread && before !== undefined ? before.endedNs : 0;
    const sinceNs = freeNs > call.scheduledNs ? call.scheduledNs : call.startedNs;
    latency.call.recordValue(Math.max(100, call.endedNs - call.startedNs));
    latency.response.recordValue(Math.max(100, call.endedNs - sinceNs));
    before = call;
  }
}

export function percentileUs(histogram: Histogram, percentile: number): number {
  return histogram.getValueAtPercentile(percentile) / 1000;
}

const CURVE = [0, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.9, 99.95, 99.99, 99.995, 99.999];

/** Percentile and microseconds, as far as there are calls enough for one of them to be beyond. */
export function curveOf(histogram: Histogram): readonly (readonly [number, number | null])[] {
  return CURVE.map((percentile) => {
    const isKnown = histogram.totalCount * (1 - percentile / 100) >= 1;
    return [percentile, isKnown ? percentileUs(histogram, percentile) : null];
  });
}
