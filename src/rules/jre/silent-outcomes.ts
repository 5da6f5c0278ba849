// Outcomes that nobody listens to are noted together, but not before their turn: a listener that looks into the almanac
// finds what it would find there with json-rules-engine.

import type { CompiledOutcome } from './outcome.ts';
import type { Turns } from './turns.ts';

export class SilentOutcomes {
  readonly #turns: Turns;
  readonly #note: (outcome: CompiledOutcome) => unknown;
  readonly #open = new Map<number, CompiledOutcome[]>();

  /** @param note may return a promise to be waited for */
  constructor(turns: Turns, note: (outcome: CompiledOutcome) => unknown) {
    this.#turns = turns;
    this.#note = note;
  }

  /** undefined: it is noted with one before. */
  add(outcome: CompiledOutcome, turn: number): Promise<unknown> | undefined {
    const open = this.#open.get(turn);
    if (open !== undefined) {
      open.push(outcome);
      return undefined;
    }
    const outcomes = [outcome];
    this.#open.set(turn, outcomes);
    return this.#turns.after(turn).then(() => Promise.all(outcomes.map(this.#note)));
  }
}
