// Texts that are too long for the auth lane: the time of a regular expression grows with them.

import type { FactValue } from '../events/facts.ts';
import { type TextPlace, type TextVisitor, textPlaceOf } from '../events/text-place.ts';
import { type NamedConditions, visitLeaves } from './conditions.ts';
import { parseOperatorName } from './decorators.ts';
import type { EventFrame } from './event-frame.ts';
import { accessOf, wholeSlot } from './fact-access.ts';
import { LANE_TEXT_MAX } from './patterns.ts';
import type { RuleDefinition } from './schema.ts';

interface Text {
  /** In the frame. */
  readonly fact: number;
  /** Where it stands in an event's bytes; undefined: it must be read. */
  readonly place: TextPlace | undefined;
}

/** Whether a text of the event at hand is too long of those that regular expressions of some rules look at. */
export class LongTexts {
  readonly #frame: EventFrame;
  readonly #texts: readonly Text[];
  readonly #shown = new ShownLength();

  constructor(rules: readonly RuleDefinition[], named: NamedConditions, frame: EventFrame) {
    const texts = new Map<number, Text>();
    for (const { conditions } of rules) {
      visitLeaves(conditions, named, (leaf) => {
        if (parseOperatorName(leaf.operator).operator !== 'matches') return;
        const slot = accessOf(leaf.fact, leaf.path)?.slot;
        if (slot === undefined) return;
        const fact = frame.register(wholeSlot(slot));
        texts.set(fact, { fact, place: textPlaceOf(slot) });
      });
    }
    this.#frame = frame;
    this.#texts = [...texts.values()];
  }

  get isEmpty(): boolean {
    return this.#texts.length === 0;
  }

  isLong(): boolean {
    for (const text of this.#texts) if (this.#lengthOf(text) > LANE_TEXT_MAX) return true;
    return false;
  }

  /** Of a text that nobody has asked for yet no string is made for the sake of its length. */
  #lengthOf({ fact, place }: Text): number {
    if (place !== undefined) {
      this.#shown.length = 0;
      if (this.#frame.showTexts(place, this.#shown)) return this.#shown.length;
    }
    return textLength(this.#frame.read(fact));
  }
}

/** Of ASCII texts: as many characters as bytes. */
class ShownLength implements TextVisitor {
  length = 0;

  visit(_bytes: Uint8Array, start: number, end: number): void {
    this.length += end - start;
  }
}

function textLength(value: FactValue): number {
  if (typeof value === 'string') return value.length;
  if (!Array.isArray(value)) return 0;
  let length = 0;
  for (const entry of value) length += textLength(entry);
  return length;
}
