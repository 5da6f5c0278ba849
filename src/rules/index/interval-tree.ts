// Which of many intervals a number lies in: by lower end, with the highest upper end of each half known, so that halves
// without an answer are never entered.

import type { Hits } from './hits.ts';

export interface Interval {
  readonly low: number;
  readonly high: number;
  readonly key: number;
}

export class IntervalTree {
  readonly #lows: Float64Array;
  readonly #highs: Float64Array;
  /** Of the half around an interval, as `#visit` divides them. */
  readonly #highest: Float64Array;
  readonly #keys: readonly (readonly number[])[];

  /** @param intervals with both ends in them */
  constructor(intervals: readonly Interval[]) {
    const sorted = [...intervals].sort((a, b) => a.low - b.low);
    this.#lows = Float64Array.from(sorted, ({ low }) => low);
    this.#highs = Float64Array.from(sorted, ({ high }) => high);
    this.#keys = sorted.map(({ key }) => [key]);
    this.#highest = new Float64Array(sorted.length);
    this.#measure(0, sorted.length);
  }

  collect(value: number, hits: Hits): void {
    this.#visit(0, this.#lows.length, value, hits);
  }

  #measure(from: number, to: number): number {
    if (from >= to) return Number.NEGATIVE_INFINITY;
    const middle = (from + to) >>> 1;
    const own = this.#highs[middle] as number;
    const highest = Math.max(own, this.#measure(from, middle), this.#measure(middle + 1, to));
    this.#highest[middle] = highest;
    return highest;
  }

  #visit(from: number, to: number, value: number, hits: Hits): void {
    if (from >= to) return;
    const middle = (from + to) >>> 1;
    if ((this.#highest[middle] as number) < value) return;
    this.#visit(from, middle, value, hits);
    if ((this.#lows[middle] as number) > value) return;
    if ((this.#highs[middle] as number) >= value) hits.add(this.#keys[middle] as readonly number[]);
    this.#visit(middle + 1, to, value, hits);
  }
}
