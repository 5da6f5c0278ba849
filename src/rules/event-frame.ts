// What is known of the event under evaluation: each fact is read from it once, however many conditions ask. One frame
// is reused for all events; a stamp tells old values from new without clearing them.

import type { Facts, FactValue, Slot } from '../events/facts.ts';
import { foldValue } from './fold-case.ts';

const NOTHING: Facts = { get: () => undefined };

export class EventFrame {
  #facts: Facts = NOTHING;
  #stamp = 0;
  readonly #slots: Slot[] = [];
  readonly #values: FactValue[] = [];
  readonly #stamps: number[] = [];
  readonly #folded: FactValue[] = [];
  readonly #foldedStamps: number[] = [];

  /** The number by which conditions ask for a slot's value. For the time of compilation. */
  register(slot: Slot): number {
    const known = this.#slots.indexOf(slot);
    if (known !== -1) return known;
    this.#values.push(undefined);
    this.#folded.push(undefined);
    this.#stamps.push(-1);
    this.#foldedStamps.push(-1);
    return this.#slots.push(slot) - 1;
  }

  begin(facts: Facts): void {
    this.#facts = facts;
    this.#stamp++;
  }

  read(index: number): FactValue {
    if (this.#stamps[index] === this.#stamp) return this.#values[index];
    const slot = this.#slots[index];
    const value = slot === undefined ? undefined : this.#facts.get(slot);
    this.#values[index] = value;
    this.#stamps[index] = this.#stamp;
    return value;
  }

  /** The value without its case. */
  readFolded(index: number): FactValue {
    if (this.#foldedStamps[index] === this.#stamp) return this.#folded[index];
    const value = foldValue(this.read(index));
    this.#folded[index] = value;
    this.#foldedStamps[index] = this.#stamp;
    return value;
  }
}
