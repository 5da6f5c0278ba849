// What is known of the event under evaluation: each fact is read from it once, however many conditions ask, and so is
// what named conditions come to. One frame is reused for all events; a stamp tells old values from new without
// clearing them.

import type { Facts, FactValue, Slot } from '../events/facts.ts';
import type { TextPlace, TextVisitor } from '../events/text-place.ts';
import { type FactAccess, follow, type Step } from './fact-access.ts';
import { foldValue } from './fold-case.ts';

const NOTHING: Facts = { get: () => undefined };
const STAMP_MAX = 0x3fffffff;

/** A slot, or a place behind one: `process.args[0]`. */
interface Place {
  readonly slot: Slot | undefined;
  /** The number of the slot's own value; −1: it is that. */
  readonly whole: number;
  readonly steps: readonly Step[];
  readonly isWhole: boolean;
}

export class EventFrame {
  #facts: Facts = NOTHING;
  #stamp = 0;
  readonly #numbers = new Map<string, number>();
  readonly #places: Place[] = [];
  readonly #values: FactValue[] = [];
  readonly #stamps: number[] = [];
  readonly #folded: FactValue[] = [];
  readonly #foldedStamps: number[] = [];
  readonly #outcomes: boolean[] = [];
  readonly #outcomeStamps: number[] = [];

  /** The number by which conditions ask for a value. For the time of compilation. */
  register({ slot, steps, isWhole }: FactAccess): number {
    const name = slot?.name ?? '';
    const key = steps.length === 0 ? name : `${name} ${isWhole} ${JSON.stringify(steps)}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const whole = steps.length === 0 ? -1 : this.register({ slot, steps: [], isWhole: true });
    const number = this.#places.push({ slot, whole, steps, isWhole }) - 1;
    this.#numbers.set(key, number);
    this.#values.push(undefined);
    this.#folded.push(undefined);
    this.#stamps.push(-1);
    this.#foldedStamps.push(-1);
    return number;
  }

  /** A test that is evaluated at most once an event. */
  once(test: () => boolean): () => boolean {
    const number = this.#outcomes.push(false) - 1;
    this.#outcomeStamps.push(-1);
    return () => {
      if (this.#outcomeStamps[number] === this.#stamp) return this.#outcomes[number] as boolean;
      const outcome = test();
      this.#outcomes[number] = outcome;
      this.#outcomeStamps[number] = this.#stamp;
      return outcome;
    };
  }

  begin(facts: Facts): void {
    this.#facts = facts;
    if (this.#stamp === STAMP_MAX) {
      for (const stamps of [this.#stamps, this.#foldedStamps, this.#outcomeStamps]) stamps.fill(-1);
      this.#stamp = 0;
    }
    this.#stamp++;
  }

  read(number: number): FactValue {
    if (this.#stamps[number] === this.#stamp) return this.#values[number];
    const value = this.#readNew(this.#places[number] as Place);
    this.#values[number] = value;
    this.#stamps[number] = this.#stamp;
    return value;
  }

  /** The value without its case. */
  readFolded(number: number): FactValue {
    if (this.#foldedStamps[number] === this.#stamp) return this.#folded[number];
    const value = foldValue(this.read(number));
    this.#folded[number] = value;
    this.#foldedStamps[number] = this.#stamp;
    return value;
  }

  /** Whether the texts of a fact were shown where they stand in the event; if not, they are to be read. */
  showTexts(place: TextPlace, visitor: TextVisitor): boolean {
    return this.#facts.visitTexts?.(place, visitor) ?? false;
  }

  #readNew({ slot, whole, steps, isWhole }: Place): FactValue {
    if (slot === undefined) return undefined;
    if (whole < 0) return this.#facts.get(slot);
    const value = this.read(whole);
    const isObject = typeof value === 'object' && value !== null;
    // json-rules-engine ignores the path of a fact that is no object.
    return isWhole && !isObject ? value : follow(value, steps);
  }
}
