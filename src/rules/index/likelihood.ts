// How often a fact will have a value, guessed from the value and from the rules: long texts are rarer than short ones,
// texts rarer than numbers and booleans, and what many rules ask for is what many events have.

import type { FactValue } from '../../events/facts.ts';
import type { LeafKey } from './leaf-key.ts';

// Per character, what a text becomes rarer by; paths share their beginnings, so prefixes tell least.
const SHARE_PER_CHARACTER = { whole: 0.6, suffix: 0.65, inside: 0.72, prefix: 0.82 } as const;
const TEXT_LEAST = 0.0002;
const BOOLEAN = 0.5;
const NUMBER = 0.05;
/** Of an address, per bit of the network's prefix. */
const SHARE_PER_BIT = 0.85;
const RANGE = 0.4;
/** However long a list is, an event has one of its values at most. */
const LIST_MOST = 0.5;
// Longer lists are lists of indicators: each a rare value.
const COUNTED_MAX = 64;

/** How many rules ask for a value. */
export class ValueCounts {
  readonly #counts = new Map<string, Map<FactValue, number>>();

  add(key: LeafKey): void {
    const { values } = key;
    if (values.length > COUNTED_MAX) return;
    const name = `${key.place} ${key.fact}`;
    let counts = this.#counts.get(name);
    if (counts === undefined) {
      counts = new Map();
      this.#counts.set(name, counts);
    }
    for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  }

  of(key: LeafKey, value: FactValue): number {
    return this.#counts.get(`${key.place} ${key.fact}`)?.get(value) ?? 1;
  }
}

export function likelihoodOf(key: LeafKey, counts: ValueCounts): number {
  const { place, values } = key;
  if (place === 'range') return RANGE;
  if (values.length > COUNTED_MAX) return Math.min(LIST_MOST, TEXT_LEAST * Math.sqrt(values.length));
  let likelihood = 0;
  for (const value of values) {
    const own = place === 'network' ? ofNetwork(value) : ofScalar(value, place);
    likelihood += Math.min(BOOLEAN, own * counts.of(key, value));
  }
  return Math.min(1, likelihood);
}

function ofScalar(value: FactValue, place: keyof typeof SHARE_PER_CHARACTER): number {
  if (typeof value === 'string') return Math.max(TEXT_LEAST, SHARE_PER_CHARACTER[place] ** value.length);
  return typeof value === 'boolean' ? BOOLEAN : NUMBER;
}

function ofNetwork(value: FactValue): number {
  const bits = typeof value === 'string' ? Number(value.slice(value.indexOf('/') + 1)) : 0;
  return Math.max(TEXT_LEAST, SHARE_PER_BIT ** (Number.isNaN(bits) ? 32 : bits));
}
