// A clock of the promise queue: what json-rules-engine would have known after so many turns is told after as many.

export class Turns {
  readonly #at: Promise<void>[] = [Promise.resolve()];

  /** Settled after `count` turns from the clock's making; whoever asks first is told first. */
  after(count: number): Promise<void> {
    for (let last = this.#at.length - 1; last < count; last++) {
      const next = this.#at[last]?.then(nothing) ?? Promise.resolve();
      this.#at.push(next);
    }
    return this.#at[count] ?? Promise.resolve();
  }
}

function nothing(): void {}
