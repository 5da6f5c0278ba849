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
