// A limit on repeats: of each kind so many in an interval, and then how many were held back.

export interface RateLimitAnswer {
  readonly isAllowed: boolean;
  /** Held back in the interval before; told once. */
  readonly held: number;
}

interface Kind {
  since: number;
  count: number;
}

/** Kinds remembered; messages with a path in them are each of their own kind. */
const MAX_KINDS = 512;

export class RateLimit {
  readonly #burst: number;
  readonly #intervalMs: number;
  readonly #now: () => number;
  readonly #kinds = new Map<string, Kind>();

  constructor(burst: number, intervalMs: number, now: () => number = Date.now) {
    this.#burst = burst;
    this.#intervalMs = intervalMs;
    this.#now = now;
  }

  check(text: string): RateLimitAnswer {
    // Numbers vary within one kind of message: waits, sequences, ids.
    const key = text.replace(/\d+/g, '#');
    const now = this.#now();
    const kind = this.#kinds.get(key);
    if (kind === undefined || now - kind.since >= this.#intervalMs) {
      const held = Math.max(0, (kind?.count ?? 0) - this.#burst);
      this.#kinds.delete(key);
      if (this.#kinds.size >= MAX_KINDS)
        for (const oldest of this.#kinds.keys()) {
          this.#kinds.delete(oldest);
          break;
        }
      this.#kinds.set(key, { since: now, count: 1 });
      return { isAllowed: true, held };
    }
    kind.count++;
    return { isAllowed: kind.count <= this.#burst, held: 0 };
  }
}
