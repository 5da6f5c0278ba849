// Texts that are too long for the auth lane: the time of a regular expression grows with them.

import type { FactValue } from '../events/facts.ts';
import { type NamedConditions, visitLeaves } from './conditions.ts';
import { parseOperatorName } from './decorators.ts';
import type { EventFrame } from './event-frame.ts';
import { accessOf, wholeSlot } from './fact-access.ts';
import { LANE_TEXT_MAX } from './patterns.ts';
import type { RuleDefinition } from './schema.ts';

/** Whether a text of the event at hand is too long of those that regular expressions of some rules look at. */
export class LongTexts {
  readonly #frame: EventFrame;
  readonly #texts: readonly number[];

  constructor(rules: readonly RuleDefinition[], named: NamedConditions, frame: EventFrame) {
    const texts = new Set<number>();
    for (const { conditions } of rules) {
      visitLeaves(conditions, named, (leaf) => {
        if (parseOperatorName(leaf.operator).operator !== 'matches') return;
        const slot = accessOf(leaf.fact, leaf.path)?.slot;
        if (slot !== undefined) texts.add(frame.register(wholeSlot(slot)));
      });
    }
    this.#frame = frame;
    this.#texts = [...texts];
  }

  get isEmpty(): boolean {
    return this.#texts.length === 0;
  }

  isLong(): boolean {
    for (const text of this.#texts) if (textLength(this.#frame.read(text)) > LANE_TEXT_MAX) return true;
    return false;
  }
}

function textLength(value: FactValue): number {
  if (typeof value === 'string') return value.length;
  if (!Array.isArray(value)) return 0;
  let length = 0;
  for (const entry of value) length += textLength(entry);
  return length;
}
