// Whose turn it is to read the request FIFO. The workers of one connection share a small table: a prepared worker
// waits in it for its turn; the running one gives the turn to the worker of the epoch that it met in the FIFO. Memory
// and not messages, because a worker that blocks in read(2) or Atomics.wait has no event loop.

/** Rule sets that are prepared but not yet switched to, and the running one. */
export const maxWorkers = 8;

/** What the running worker had read behind a policy switch and passes on; at least the reader's buffer. */
const carriedCapacity = 4 * 65_536;

// Behind the workers' places: how many bytes are carried over, and the connection's descriptors.
const carriedAt = maxWorkers;
const requestFdAt = maxWorkers + 1;
const verdictFdAt = maxWorkers + 2;
// And for each place: 1 once its worker's thread may end.
const letGoAt = maxWorkers + 3;

const place = { free: 0, starting: 1, waiting: 2, running: 3, handedOver: 4, cancelled: 5 } as const;

export interface TurnMemory {
  readonly states: SharedArrayBuffer;
  readonly epochs: SharedArrayBuffer;
  readonly carried: SharedArrayBuffer;
}

export function turnMemory(): TurnMemory {
  return {
    states: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT * (letGoAt + maxWorkers)),
    epochs: new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT * maxWorkers),
    carried: new SharedArrayBuffer(carriedCapacity),
  };
}

/** One side's view of the table. Places are taken and freed by the main thread alone. */
export class LaneTurn {
  readonly #states: Int32Array<SharedArrayBuffer>;
  readonly #epochs: Float64Array<SharedArrayBuffer>;
  readonly #carried: Uint8Array<SharedArrayBuffer>;

  constructor(memory: TurnMemory) {
    this.#states = new Int32Array(memory.states);
    this.#epochs = new Float64Array(memory.epochs);
    this.#carried = new Uint8Array(memory.carried);
  }

  /** Main thread: a place for the worker of `epoch`, or undefined when all are taken. */
  take(epoch: number): number | undefined {
    for (let index = 0; index < maxWorkers; index += 1) {
      if (Atomics.load(this.#states, index) !== place.free) continue;
      this.#epochs[index] = epoch;
      Atomics.store(this.#states, letGoAt + index, 0);
      Atomics.store(this.#states, index, place.starting);
      return index;
    }
    return undefined;
  }

  /** Main thread, once the place's worker has ended. */
  free(index: number): void {
    Atomics.store(this.#states, index, place.free);
  }

  /** Main thread: the worker will not get the turn. False when it already has or had it. */
  cancel(index: number): boolean {
    for (const state of [place.starting, place.waiting]) {
      if (Atomics.compareExchange(this.#states, index, state, place.cancelled) === state) {
        Atomics.notify(this.#states, index);
        return true;
      }
    }
    return false;
  }

  isCancelled(index: number): boolean {
    return Atomics.load(this.#states, index) === place.cancelled;
  }

  /** Main thread: the place's worker, which has nothing more to do, may end. */
  letGo(index: number): void {
    Atomics.store(this.#states, letGoAt + index, 1);
    Atomics.notify(this.#states, letGoAt + index);
  }

  isRunning(index: number): boolean {
    return Atomics.load(this.#states, index) === place.running;
  }

  /** Main thread: the first worker of a connection is warm, and now the FIFOs are open. False: it has died. */
  begin(index: number, requestFd: number, verdictFd: number): boolean {
    Atomics.store(this.#states, requestFdAt, requestFd);
    Atomics.store(this.#states, verdictFdAt, verdictFd);
    return this.#give(index);
  }

  /** undefined: nobody has the turn, or it is just being handed over. */
  runningEpoch(): number | undefined {
    for (let index = 0; index < maxWorkers; index += 1) {
      if (this.isRunning(index)) return this.#epochs[index];
    }
    return undefined;
  }

  /** A warm worker offers itself. False: it was cancelled meanwhile. */
  offer(index: number): boolean {
    return Atomics.compareExchange(this.#states, index, place.starting, place.waiting) === place.starting;
  }

  /** Blocks the thread until the turn comes (true) or never will (false). */
  wait(index: number): boolean {
    while (Atomics.load(this.#states, index) === place.waiting) {
      Atomics.wait(this.#states, index, place.waiting);
    }
    return Atomics.load(this.#states, index) === place.running;
  }

  /** The last that a worker does: blocks its thread until it may end. */
  leave(index: number): void {
    while (Atomics.load(this.#states, letGoAt + index) === 0) Atomics.wait(this.#states, letGoAt + index, 0);
  }

  /** The place of the worker that waits with `epoch`, if there is one. */
  waitingFor(epoch: number): number | undefined {
    for (let index = 0; index < maxWorkers; index += 1) {
      if (this.#epochs[index] === epoch && Atomics.load(this.#states, index) === place.waiting) return index;
    }
    return undefined;
  }

  /** The running worker gives its turn away. False: the other was cancelled in between, and the turn is kept. */
  handOver(from: number, to: number, carry: (target: Uint8Array) => number): boolean {
    Atomics.store(this.#states, carriedAt, carry(this.#carried));
    Atomics.store(this.#states, from, place.handedOver);
    if (this.#give(to)) return true;
    Atomics.store(this.#states, from, place.running);
    return false;
  }

  /** What the worker before had read but not decoded. */
  carried(): Uint8Array {
    const length = Atomics.exchange(this.#states, carriedAt, 0);
    return this.#carried.slice(0, length);
  }

  descriptors(): { readonly requestFd: number; readonly verdictFd: number } {
    return {
      requestFd: Atomics.load(this.#states, requestFdAt),
      verdictFd: Atomics.load(this.#states, verdictFdAt),
    };
  }

  #give(index: number): boolean {
    const isGiven =
      Atomics.compareExchange(this.#states, index, place.waiting, place.running) === place.waiting;
    if (isGiven) Atomics.notify(this.#states, index);
    return isGiven;
  }
}
