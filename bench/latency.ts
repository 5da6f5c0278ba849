// Percentiles of an opener's log, in microseconds: of the calls themselves, and of the waits from the time at which each
// call was due (so a call that made later ones start late is charged for them).
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
  for (const call of calls.slice(warmUp)) {
    latency.call.recordValue(Math.max(100, call.endedNs - call.startedNs));
    latency.response.recordValue(Math.max(100, call.endedNs - call.scheduledNs));
  }
}

export function percentileUs(histogram: Histogram, percentile: number): number {
  return histogram.getValueAtPercentile(percentile) / 1000;
}
