// Which rules of a trigger an event could match: what their keys are looked up in, fact by fact, and the rules that have
// none. It costs what the event's facts cost to read and what they hit, not what there is of rules.

import type { FactValue } from '../../events/facts.ts';
import { type TextPlace, textPlaceOf } from '../../events/text-place.ts';
import type { EventFrame } from '../event-frame.ts';
import type { FactAccess } from '../fact-access.ts';
import { foldValue } from '../fold-case.ts';
import { type FactIndex, FactIndexBuilder } from './fact-index.ts';
import { Hits } from './hits.ts';
import { LookUpInPlace } from './look-up-in-place.ts';
import type { KeyPart, RuleKey } from './rule-key.ts';

interface LookedUp {
  /** In the frame. */
  readonly fact: number;
  readonly isFolded: boolean;
  readonly isList: boolean;
  readonly index: FactIndex;
  /** Where its texts stand in an event's bytes; undefined: it must be read. */
  readonly place: TextPlace | undefined;
  readonly inPlace: LookUpInPlace;
}

export class TriggerIndex {
  readonly #frame: EventFrame;
  readonly #facts: readonly LookedUp[];
  readonly #residue: Int32Array;
  readonly #hits: Hits;

  /** @param keys by the number of the rule; undefined: it is never a candidate */
  constructor(keys: readonly (RuleKey | undefined)[], frame: EventFrame) {
    const gathered = new Gathered(frame);
    const residue: number[] = [];
    const folded = foldedFacts(keys);
    for (const [rule, key] of keys.entries()) {
      if (key === undefined) continue;
      if ('reason' in key) residue.push(rule);
      else for (const part of key.parts) gathered.add(folded.has(nameOf(part)) ? folding(part) : part, rule);
    }
    this.#frame = frame;
    this.#residue = Int32Array.from(residue);
    const hits = new Hits(gathered.rulesOfKey, keys.length);
    this.#hits = hits;
    this.#facts = gathered.facts.map(({ fact, access, isFolded, isList, builder }) => {
      const index = builder.build();
      const place = index.isOfTexts ? placeOf(access, isList) : undefined;
      return { fact, isFolded, isList, index, place, inPlace: new LookUpInPlace(index, isFolded, hits) };
    });
  }

  /** Of the frame's event; valid until the next call. */
  candidates(): Hits {
    const hits = this.#hits;
    hits.begin();
    hits.addRules(this.#residue);
    for (let i = 0; i < this.#facts.length; i++) {
      const { fact, isFolded, isList, index, place, inPlace } = this.#facts[i] as LookedUp;
      if (place !== undefined && this.#frame.showTexts(place, inPlace)) continue;
      const value = isFolded ? this.#frame.readFolded(fact) : this.#frame.read(fact);
      if (!isList) {
        if (value !== undefined) index.collect(value, hits);
      } else if (Array.isArray(value)) {
        for (let k = 0; k < value.length; k++) index.collect(value[k] as FactValue, hits);
      }
    }
    return hits;
  }
}

function placeOf({ slot, steps }: FactAccess, isList: boolean): TextPlace | undefined {
  const place = slot === undefined || steps.length > 0 ? undefined : textPlaceOf(slot);
  return (place?.form === 'each') === isList ? place : undefined;
}

const nameOf = ({ fact, isList }: KeyPart): string => `${fact} ${isList}`;

function foldedFacts(keys: readonly (RuleKey | undefined)[]): ReadonlySet<string> {
  const folded = new Set<string>();
  for (const key of keys) {
    if (key === undefined || 'reason' in key) continue;
    for (const part of key.parts) if (part.isFolded) folded.add(nameOf(part));
  }
  return folded;
}

// A list of many values is looked up as it is: folded, it would be there twice.
const FOLDED_MAX = 64;

/**
 * Where a fact is folded for one rule, it is looked up folded for all: once, and not twice. What holds of a text holds of
 * it without its case; only halves of a character fold to something else than the whole.
 */
function folding(part: KeyPart): KeyPart {
  const { place, isFolded, values } = part;
  if (isFolded || place === 'range' || place === 'network' || values.length > FOLDED_MAX) return part;
  const isWhole = values.every((value) => typeof value === 'string' && !/[\ud800-\udfff]/.test(value));
  return isWhole ? { ...part, isFolded: true, values: values.map(foldValue) } : part;
}

interface GatheredFact extends Pick<LookedUp, 'fact' | 'isFolded' | 'isList'> {
  readonly access: FactAccess;
  readonly builder: FactIndexBuilder;
}

/** Keys by fact. Rules that ask for the same have one key: the same scalar, or the very same list. */
class Gathered {
  readonly facts: GatheredFact[] = [];
  readonly rulesOfKey: number[][] = [];
  readonly #builders = new Map<string, FactIndexBuilder>();
  readonly #known = new Map<string, Map<unknown, number>>();
  readonly #frame: EventFrame;

  constructor(frame: EventFrame) {
    this.#frame = frame;
  }

  add(part: KeyPart, rule: number): void {
    const { place, access, isFolded, isList, values, low, high } = part;
    const fact = this.#frame.register(access);
    const name = `${fact} ${isFolded} ${isList}`;
    let builder = this.#builders.get(name);
    if (builder === undefined) {
      builder = new FactIndexBuilder();
      this.#builders.set(name, builder);
      this.facts.push({ fact, access, isFolded, isList, builder });
    }
    const known = this.#knownOf(`${name} ${place}`);
    const asked = place === 'range' ? `${low} ${high}` : values.length === 1 ? values[0] : values;
    let key = known.get(asked);
    if (key === undefined) {
      key = this.rulesOfKey.push([]) - 1;
      known.set(asked, key);
      builder.add(part, key);
    }
    (this.rulesOfKey[key] as number[]).push(rule);
  }

  #knownOf(name: string): Map<unknown, number> {
    let known = this.#known.get(name);
    if (known === undefined) {
      known = new Map();
      this.#known.set(name, known);
    }
    return known;
  }
}
