// What the lane counts, in shared memory: the running worker writes, the main thread reads whenever it likes, and no
// message is sent. One writer at a time (the turn), and aligned 64-bit stores are whole on what Node runs on, so plain
// stores do; float64 counts exactly up to 2^53.

const counters = [
  'requests',
  'answered',
  'allow',
  'deny',
  'defer',
  'unhashed',
  'matched',
  'unannotated',
  'errors',
  'misdirected',
  'pings',
  'reads',
  'writes',
  'bytesRead',
  'bytesWritten',
  'switches',
  'partialFrameBytes',
] as const;
export type LaneCounter = (typeof counters)[number];

const place = Object.fromEntries(counters.map((name, index) => [name, index])) as Record<LaneCounter, number>;

/** Eight buckets for each power of two: a quantile is at most 12.5 % too high. */
const bucketsPerHistogram = 8 * 30;

/**
 * `misdirected`: requests of another epoch than the running rules', deferred. `errors`: evaluations that threw,
 * deferred. `unhashed`: asked again with hashes. `unannotated`: verdicts whose annotations were too long for the frame.
 */
export interface LaneStatistics extends Readonly<Record<LaneCounter, number>> {
  /** Nanoseconds that one decision took, encoding its answer included. */
  readonly decideNs: Histogram;
  /** Nanoseconds from the return of read(2) to the start of a request's own decision. */
  readonly batchWaitNs: Histogram;
}

/** What became of notes beside the answers, too. */
export interface LaneReport extends LaneStatistics {
  /** Notes that found no place in the ring. */
  readonly droppedNotes: number;
}

/** A snapshot of bucket counts. */
class Histogram {
  readonly counts: Float64Array;

  constructor(counts: Float64Array) {
    this.counts = counts;
  }

  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  /** The upper bound of the bucket in which the `share` (0 to 1) of all values is reached; 0 when there are none. */
  quantile(share: number): number {
    const wanted = this.count * share;
    let seen = 0;
    for (const [bucket, count] of this.counts.entries()) {
      seen += count;
      if (count > 0 && seen >= wanted) return bucketTop(bucket);
    }
    return 0;
  }
}

/** The writer's view. */
export class LaneCounters {
  #memory: SharedArrayBuffer;
  #counts: Float64Array;
  #decideNs: Float64Array;
  #batchWaitNs: Float64Array;

  constructor(memory: SharedArrayBuffer = laneCounterMemory()) {
    this.#memory = memory;
    this.#counts = countsIn(memory);
    this.#decideNs = histogramIn(memory, 0);
    this.#batchWaitNs = histogramIn(memory, 1);
  }

  get memory(): SharedArrayBuffer {
    return this.#memory;
  }

  /** Counts there from here on; nothing is carried over. */
  use(memory: SharedArrayBuffer): void {
    this.#memory = memory;
    this.#counts = countsIn(memory);
    this.#decideNs = histogramIn(memory, 0);
    this.#batchWaitNs = histogramIn(memory, 1);
  }

  add(counter: LaneCounter, amount: number): void {
    const index = place[counter];
    this.#counts[index] = (this.#counts[index] ?? 0) + amount;
  }

  /** Both in milliseconds, as performance.now() gives them. */
  timed(decideMs: number, batchWaitMs: number): void {
    count(this.#decideNs, decideMs);
    count(this.#batchWaitNs, batchWaitMs);
  }

  snapshot(): LaneStatistics {
    const counts = Object.fromEntries(counters.map((name) => [name, this.#counts[place[name]] ?? 0]));
    return {
      ...(counts as Record<LaneCounter, number>),
      decideNs: new Histogram(this.#decideNs.slice()),
      batchWaitNs: new Histogram(this.#batchWaitNs.slice()),
    };
  }
}

export function laneCounterMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT * (counters.length + 2 * bucketsPerHistogram));
}

function countsIn(memory: SharedArrayBuffer): Float64Array {
  return new Float64Array(memory, 0, counters.length);
}

function histogramIn(memory: SharedArrayBuffer, index: number): Float64Array {
  const start = (counters.length + index * bucketsPerHistogram) * Float64Array.BYTES_PER_ELEMENT;
  return new Float64Array(memory, start, bucketsPerHistogram);
}

function count(histogram: Float64Array, milliseconds: number): void {
  const bucket = bucketOf(milliseconds * 1_000_000);
  histogram[bucket] = (histogram[bucket] ?? 0) + 1;
}

function bucketOf(ns: number): number {
  const value = ns < 0 ? 0 : ns > 0x7fffffff ? 0x7fffffff : ns | 0;
  if (value < 8) return value;
  const power = 31 - Math.clz32(value);
  return (power - 2) * 8 + ((value >>> (power - 3)) & 7);
}

function bucketTop(bucket: number): number {
  if (bucket < 8) return bucket;
  const power = Math.floor(bucket / 8) + 2;
  return (8 + (bucket % 8) + 1) * 2 ** (power - 3) - 1;
}
