// The most frequent values of a stream in bounded memory: the Space-Saving algorithm (Metwally, Agrawal, El Abbadi 2005).
// While there were never more different values than room, the counts are exact; beyond, each is at most too high by the
// smallest, and whatever is more frequent than that is here.

export interface TopValue {
  readonly value: string;
  readonly count: number;
}

export class TopValues {
  readonly #capacity: number;
  readonly #counts = new Map<string, number>();
  #total = 0;
  #isExact = true;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** How many values came, with repeats. */
  get total(): number {
    return this.#total;
  }

  /** false: values were given up, and counts may be too high. */
  get isExact(): boolean {
    return this.#isExact;
  }

  add(value: string): void {
    this.#total++;
    const count = this.#counts.get(value);
    if (count !== undefined || this.#counts.size < this.#capacity) {
      this.#counts.set(value, (count ?? 0) + 1);
      return;
    }
    this.#isExact = false;
    const least = this.#least();
    this.#counts.delete(least.value);
    this.#counts.set(value, least.count + 1);
  }

  count(value: string): number {
    return this.#counts.get(value) ?? 0;
  }

  /** By count, then by value, so that the same stream is told in the same way. */
  top(number: number): readonly TopValue[] {
    return [...this.#counts]
      .map(([value, count]) => ({ value, count }))
      .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
      .slice(0, number);
  }

  #least(): TopValue {
    let least: TopValue = { value: '', count: Number.POSITIVE_INFINITY };
    for (const [value, count] of this.#counts) if (count < least.count) least = { value, count };
    return least;
  }
}
