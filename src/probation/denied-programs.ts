// How many different programs were denied lately: the measure by which a rule set on probation is found to deny too much.

export interface Denial {
  /** The new image of an exec, else the one that acts. */
  readonly program: string;
  /** The deciding rule; empty: a default. */
  readonly rule: string;
  /** When the kernel asked, not when it is heard of: what a broken connection held back comes all at once. */
  readonly atMs: number;
}

export interface DeniedPrograms {
  readonly programs: readonly string[];
  readonly rules: readonly string[];
}

/** Rates are told a minute, for that is how a person thinks of them. */
export const WINDOW_MS = 60_000;

/** Programs that were denied within one window; never holds more than one over the bound. */
export class DenialCount {
  readonly #max: number;
  readonly #last = new Map<string, Denial>();
  #newestMs = 0;

  /** @param max programs in a window that are still no reason for anything */
  constructor(max: number) {
    this.#max = max;
  }

  /** What was denied, once it is more than the bound. Nothing is to be added behind that. */
  add(denial: Denial): DeniedPrograms | undefined {
    this.#newestMs = Math.max(this.#newestMs, denial.atMs);
    const before = this.#last.get(denial.program);
    if (before === undefined || before.atMs < denial.atMs) this.#last.set(denial.program, denial);
    for (const [program, { atMs }] of this.#last)
      if (atMs <= this.#newestMs - WINDOW_MS) this.#last.delete(program);
    if (this.#last.size <= this.#max) return undefined;
    const rules = new Set([...this.#last.values()].map(({ rule }) => rule).filter((rule) => rule !== ''));
    return { programs: [...this.#last.keys()], rules: [...rules] };
  }
}
