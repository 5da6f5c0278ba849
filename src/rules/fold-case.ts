// Text without its case, for `ignoreCase:`.

import type { FactValue } from '../events/facts.ts';

/**
 * Lower and then upper: each step alone misses letters (the Kelvin sign is upper case already, a final sigma depends
 * on its neighbours), both together depend on no context, so prefixes of a text stay prefixes.
 */
export function foldCase(text: string): string {
  return text.toLowerCase().toUpperCase();
}

/** Folds texts and lists of texts; every other value stays as it is. */
export function foldValue(value: FactValue): FactValue {
  if (typeof value === 'string') return foldCase(value);
  if (Array.isArray(value)) return value.map((entry: FactValue) => foldValue(entry));
  return value;
}

const foldedLists = new WeakMap<object, FactValue>();

/** The same for a rule's value: the folded form of a list is made once, whichever rules share the list. */
export function foldOperand(value: FactValue): FactValue {
  if (!Array.isArray(value)) return foldValue(value);
  let folded = foldedLists.get(value);
  if (folded === undefined) {
    folded = foldValue(value);
    foldedLists.set(value, folded);
  }
  return folded;
}
