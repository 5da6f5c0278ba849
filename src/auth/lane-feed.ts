// What the lane reads and where it writes: first requests that nobody waits for, until its code is warm, then, once it has
// the turn, the bridge's FIFOs. One feed for both, because V8 keeps compiled code with the closures that ran: a pipeline
// that was made anew for the bridge would begin cold.
import { closeSync, openSync } from 'node:fs';
import { readFifo, writeFifo } from './fifo.ts';

/** The bridge's, once the turn has come. */
export interface LaneChannel {
  readonly requestFd: number;
  readonly verdictFd: number;
  /** What the worker before had read and not decoded. */
  readonly carried: Uint8Array;
}

export interface LaneFeedOptions {
  /** Each is what one read yields. They are gone through again and again. */
  readonly reads: readonly Uint8Array[];
  readonly warmReads: number;
  /** Of this thread's processor time, after which it is warm in any case: on a busy machine a clock would say so too soon. */
  readonly maxCpuUs: number;
  /** Blocks until the turn comes; undefined: it never does. */
  readonly onWarm: () => LaneChannel | undefined;
}

/** Reads nothing and takes everything, by the same calls as a FIFO. */
const nowhere = '/dev/null';
const noFd = -1;
const readsToALook = 64;

export class LaneFeed {
  readonly #options: LaneFeedOptions;
  #requestFd = noFd;
  #verdictFd = noFd;
  #isServing = false;
  #next = 0;
  readonly #cpuUs: number;

  constructor(options: LaneFeedOptions) {
    this.#options = options;
    const { user, system } = process.threadCpuUsage();
    this.#cpuUs = user + system;
    const fd = openNowhere();
    this.#requestFd = fd;
    this.#verdictFd = fd;
  }

  /** 0: the bridge has closed its end, or the turn never comes. */
  read(buffer: Uint8Array, offset: number, length: number): number {
    if (!this.#isServing) {
      const { reads } = this.#options;
      const bytes = reads[this.#next % reads.length];
      if (bytes === undefined || this.#isWarm()) return this.#serve(buffer, offset, length);
      this.#next += 1;
      if (this.#requestFd !== noFd) readFifo(this.#requestFd, buffer, offset, length);
      buffer.set(bytes, offset);
      return bytes.length;
    }
    return readFifo(this.#requestFd, buffer, offset, length);
  }

  write(bytes: Uint8Array, length: number): void {
    if (this.#verdictFd !== noFd) writeFifo(this.#verdictFd, bytes, length);
  }

  #isWarm(): boolean {
    const { warmReads, maxCpuUs } = this.#options;
    if (this.#next >= warmReads) return true;
    if (this.#next % readsToALook > 0) return false;
    const { user, system } = process.threadCpuUsage();
    return user + system - this.#cpuUs > maxCpuUs;
  }

  #serve(buffer: Uint8Array, offset: number, length: number): number {
    if (this.#requestFd !== noFd) closeSync(this.#requestFd);
    this.#requestFd = noFd;
    this.#verdictFd = noFd;
    const channel = this.#options.onWarm();
    if (channel === undefined) return 0;
    this.#requestFd = channel.requestFd;
    this.#verdictFd = channel.verdictFd;
    this.#isServing = true;
    const { carried } = channel;
    if (carried.length === 0) return readFifo(this.#requestFd, buffer, offset, length);
    buffer.set(carried, offset);
    return carried.length;
  }
}

function openNowhere(): number {
  try {
    return openSync(nowhere, 'r+');
  } catch {
    return noFd; // colder by the two calls
  }
}
