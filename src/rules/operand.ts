// The two sides of a comparison, as far as their types are known, and what can be wrong with one.

import type { FactValue } from '../events/facts.ts';
import { describeValue, type RuleProblem } from './rule-problem.ts';

export interface FactType {
  readonly base: 'text' | 'number' | 'boolean' | 'time' | 'object' | 'any';
  readonly isList: boolean;
}

export const ANY_TYPE: FactType = { base: 'any', isList: false };

/** One side of a comparison: a fact of some type, or a value (`at` is its number in a list of values). */
export type Operand =
  | { readonly kind: 'fact'; readonly type: FactType; readonly name: string }
  | { readonly kind: 'value'; readonly value: FactValue; readonly at: number | undefined };

export type Fault = Pick<RuleProblem, 'code' | 'message' | 'found' | 'expected' | 'fix'> & {
  readonly key: 'fact' | 'operator' | 'value';
  readonly at?: number | undefined;
};

export function fault(key: Fault['key'], message: string, found: string, expected: string): Fault {
  return { key, code: 'wrong-type', message, found, expected };
}

export function valueFault(side: Operand & { kind: 'value' }, message: string, expected: string): Fault {
  const hint = side.value === null ? '; for a missing fact `operator: exists, value: false`' : '';
  return { ...fault('value', message, describeValue(side.value), `${expected}${hint}`), at: side.at };
}

/** In words: `a list of texts`. */
export function typeName({ base, isList }: FactType): string {
  if (isList) return base === 'any' || base === 'object' ? 'a list' : `a list of ${base}s`;
  return {
    text: 'text',
    time: 'a time',
    number: 'a number',
    boolean: 'true or false',
    object: 'a group',
    any: 'anything',
  }[base];
}
