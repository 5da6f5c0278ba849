// How the shadow set's answers differ from the enforced set's, counted by pairs of rules in memory that the lane's thread
// shares with the main thread: the thread writes, the main thread reads whenever it likes, and no count is ever lost.
// One for each worker: rules are named by their places in its two sets.
import type { ShadowGap } from './shadow-difference.ts';

/** Pairs counted apart; the differences of all others are counted together. Real sets differ in some dozens. */
const maxPairs = 1_024;

const totals = ['compared', 'busy', 'failed', 'dropped', 'otherPairs'] as const;
type Total = (typeof totals)[number];
const totalAt = Object.fromEntries(totals.map((name, index) => [name, index])) as Record<Total, number>;

/** Of no rule. */
export const noRule = -1;

const bytesPerPair = Float64Array.BYTES_PER_ELEMENT + 2 * Int32Array.BYTES_PER_ELEMENT;

export function shadowCountMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(totals.length * Float64Array.BYTES_PER_ELEMENT + maxPairs * bytesPerPair);
}

/** What came since the last look. */
export interface ShadowCountChanges {
  readonly compared: number;
  readonly notCompared: Readonly<Record<ShadowGap, number>>;
  readonly otherPairs: number;
  readonly pairs: readonly { readonly enforced: number; readonly shadow: number; readonly times: number }[];
}

/** One side's view. */
export class ShadowCounts {
  readonly #totals: Float64Array;
  readonly #times: Float64Array;
  /** Of each pair: the places of its rules plus two; zero: there is no such pair yet. */
  readonly #rules: Int32Array<SharedArrayBuffer>;
  /** The writer's. */
  readonly #places = new Map<number, number>();
  readonly #seenTotals = new Float64Array(totals.length);
  readonly #seenTimes = new Float64Array(maxPairs);

  constructor(memory: SharedArrayBuffer) {
    const step = Float64Array.BYTES_PER_ELEMENT;
    this.#totals = new Float64Array(memory, 0, totals.length);
    this.#times = new Float64Array(memory, totals.length * step, maxPairs);
    this.#rules = new Int32Array(memory, (totals.length + maxPairs) * step, 2 * maxPairs);
  }

  add(total: Total): void {
    const at = totalAt[total];
    this.#totals[at] = (this.#totals[at] ?? 0) + 1;
  }

  /** The pair's place, or undefined when it is counted with others. */
  differed(enforced: number, shadow: number): number | undefined {
    const key = (enforced + 1) * 2 ** 24 + (shadow + 1);
    let place = this.#places.get(key);
    if (place === undefined) {
      place = this.#places.size;
      if (place === maxPairs) {
        this.add('otherPairs');
        return undefined;
      }
      this.#places.set(key, place);
      this.#rules[2 * place + 1] = shadow + 2;
      Atomics.store(this.#rules, 2 * place, enforced + 2);
    }
    this.#times[place] = (this.#times[place] ?? 0) + 1;
    return place;
  }

  /** The reader's. */
  takeChanges(): ShadowCountChanges {
    const since = totals.map((_, index) => {
      const now = this.#totals[index] ?? 0;
      const change = now - (this.#seenTotals[index] ?? 0);
      this.#seenTotals[index] = now;
      return change;
    });
    const [compared = 0, busy = 0, failed = 0, dropped = 0, otherPairs = 0] = since;
    const pairs: { enforced: number; shadow: number; times: number }[] = [];
    for (let place = 0; place < maxPairs; place += 1) {
      const enforced = Atomics.load(this.#rules, 2 * place);
      if (enforced === 0) break;
      const now = this.#times[place] ?? 0;
      const times = now - (this.#seenTimes[place] ?? 0);
      this.#seenTimes[place] = now;
      const shadow = this.#rules[2 * place + 1] ?? 0;
      if (times > 0) pairs.push({ enforced: enforced - 2, shadow: shadow - 2, times });
    }
    return { compared, notCompared: { busy, failed, dropped }, otherPairs, pairs };
  }
}
