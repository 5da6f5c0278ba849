// What one test of a fact needs to hold, as keys that an index looks up; or why it needs nothing of the kind.

import type { FactValue } from '../../events/facts.ts';
import { parseNetwork } from '../cidr.ts';
import { isFactReference, type Leaf } from '../conditions.ts';
import { parseOperatorName } from '../decorators.ts';
import { accessOf, type FactAccess } from '../fact-access.ts';
import { foldOperand } from '../fold-case.ts';
import { type LiteralPlace, literalsOf } from '../pattern-literals.ts';

export type KeyKind = 'equality' | 'prefix' | 'suffix' | 'substring' | 'regexp-literal' | 'range' | 'network';

/** How a value is looked up: as a text or other scalar in a fact, as an interval, as a network. */
type KeyPlace = LiteralPlace | 'range' | 'network';

/** One fact and what it must be, begin with, end with, contain or lie in: one of `values`, or between two numbers. */
export interface LeafKey {
  readonly kind: KeyKind;
  readonly place: KeyPlace;
  readonly access: FactAccess;
  readonly fact: string;
  /** The fact is folded, and so are the values. */
  readonly isFolded: boolean;
  /** The fact is a list, and one of its entries is looked for. */
  readonly isList: boolean;
  readonly values: readonly FactValue[];
  /** Of a range: both ends lie in it. */
  readonly low: number;
  readonly high: number;
}

/** Of each alternative one key is there whenever the leaf holds: any of the alternatives will do. */
export type LeafKeys =
  | { readonly alternatives: readonly (readonly LeafKey[])[] }
  | { readonly reason: string };

const NEVER: LeafKeys = { alternatives: [[]] };

export function keysOfLeaf(leaf: Leaf): LeafKeys {
  const { value } = leaf;
  if (isFactReference(value)) return { reason: 'compares two facts of the event' };
  const access = accessOf(leaf.fact, leaf.path);
  if (access === undefined) return { reason: 'has a path that json-rules-engine alone can follow' };
  if (access.slot === undefined) return { reason: 'reads a fact that no event has' };
  const { decorators, operator } = parseOperatorName(leaf.operator);
  const shape = shapeOf(decorators, operator);
  if ('reason' in shape) return shape;
  const { isFolded, isList, values } = shape;
  if (values !== 'one' && !Array.isArray(value)) return NEVER;
  const at: Lookup = { access, fact: placeName(access), isFolded, isList };
  const ignoresCase = operator === 'matches' && decorators.at(-1) === 'ignoreCase';
  const prepared = isFolded ? foldOperand(value) : value;
  if (values === 'every') {
    const all = (prepared as readonly FactValue[]).map((one) => keysOf(operator, one, at, ignoresCase));
    const found = all.flatMap((keys) => ('alternatives' in keys ? keys.alternatives : []));
    if (found.length > 0) return { alternatives: found };
    return all[0] ?? { reason: 'is asked for each of no values' };
  }
  if (values === 'one') return keysOf(operator, prepared, at, ignoresCase);
  if (operator === 'equal') return keysOf('in', prepared, at, ignoresCase);
  return keysOfSome(operator, prepared as readonly FactValue[], at, ignoresCase);
}

/** `process.args[0]`, however the rule spells it. */
function placeName({ slot, steps }: FactAccess): string {
  const behind = steps.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`));
  return `${slot?.name}${behind.join('')}`;
}

type Lookup = Pick<LeafKey, 'access' | 'fact' | 'isFolded' | 'isList'>;

interface Shape {
  readonly isFolded: boolean;
  readonly isList: boolean;
  readonly values: 'one' | 'some' | 'every';
}

/** What the decorators make of the fact and the value. */
function shapeOf(decorators: readonly string[], operator: string): Shape | { readonly reason: string } {
  let isFolded = false;
  let isList = false;
  let values: Shape['values'] = 'one';
  for (const [index, decorator] of decorators.entries()) {
    const isInnermost = index === decorators.length - 1;
    switch (decorator) {
      case 'ignoreCase':
        if (operator === 'matches' && isInnermost) continue;
        if (operator === 'matches') return { reason: 'folds its operands in an unusual way' };
        isFolded = true;
        break;
      case 'someFact':
        if (isList) return { reason: 'looks into lists of lists' };
        isList = true;
        break;
      case 'someValue':
      case 'everyValue':
        if (values !== 'one') return { reason: 'takes lists of lists' };
        values = decorator === 'someValue' ? 'some' : 'every';
        break;
      case 'everyFact':
        return { reason: 'holds for an empty list, too' };
      case 'not':
        return { reason: 'tells what must not be, not what must be' };
      default:
        return { reason: 'has its operands swapped' };
    }
  }
  return { isFolded, isList, values };
}

/** Each of the values has keys of its own, and one of them is there. */
function keysOfSome(
  operator: string,
  values: readonly FactValue[],
  at: Lookup,
  ignoresCase: boolean,
): LeafKeys {
  const texts = TEXT_PLACES[operator];
  if (texts !== undefined) return textKeys(values, texts, at);
  if (operator === 'inCidr') return networkKeys(values, at);
  const keys: LeafKey[] = [];
  for (const value of values) {
    const own = keysOf(operator, value, at, ignoresCase);
    if ('reason' in own) return own;
    keys.push(...(own.alternatives[0] ?? []));
  }
  return { alternatives: [keys] };
}

function keysOf(operator: string, value: FactValue, at: Lookup, ignoresCase: boolean): LeafKeys {
  const texts = TEXT_PLACES[operator];
  if (texts !== undefined) return textKeys([value], texts, at);
  switch (operator) {
    case 'equal':
      return typeof value === 'object' && value !== null ? NEVER : one('equality', 'whole', [value], at);
    case 'in':
      return Array.isArray(value) ? one('equality', 'whole', value, at) : { reason: 'looks into a text' };
    case 'contains':
      if (at.isList) return { reason: 'looks into lists of lists' };
      if (typeof value === 'object' && value !== null) return NEVER;
      return one('equality', 'whole', [value], { ...at, isList: true });
    case 'matches':
      return typeof value === 'string' ? patternKeys(value, ignoresCase, at) : NEVER;
    case 'inCidr':
      return networkKeys(Array.isArray(value) ? value : [value], at);
    case 'exists':
      return { reason: 'asks whether the fact is there, not what it is' };
    case 'notEqual':
    case 'notIn':
    case 'doesNotContain':
      return { reason: 'tells what must not be, not what must be' };
    default:
      return rangeKeys(operator, value, at);
  }
}

const TEXT_PLACES: Readonly<Record<string, readonly [KeyKind, LiteralPlace]>> = {
  startsWith: ['prefix', 'prefix'],
  endsWith: ['suffix', 'suffix'],
  includes: ['substring', 'inside'],
};

function one(kind: KeyKind, place: KeyPlace, values: readonly FactValue[], at: Lookup): LeafKeys {
  return { alternatives: [[{ ...at, kind, place, values, low: 0, high: 0 }]] };
}

function textKeys(
  values: readonly FactValue[],
  [kind, place]: readonly [KeyKind, LiteralPlace],
  at: Lookup,
): LeafKeys {
  if (values.includes('')) return { reason: 'holds for every text' };
  return one(kind, place, values, at);
}

function patternKeys(pattern: string, ignoresCase: boolean, at: Lookup): LeafKeys {
  const literals = literalsOf(pattern, ignoresCase);
  if (literals === undefined) return { reason: 'is a regular expression that requires no literal' };
  const { isFolded, required } = literals;
  const keys = required.map(
    ({ place, texts }): LeafKey => ({
      ...at,
      isFolded,
      kind: 'regexp-literal',
      place,
      values: texts,
      low: 0,
      high: 0,
    }),
  );
  return { alternatives: [keys] };
}

function networkKeys(values: readonly FactValue[], at: Lookup): LeafKeys {
  const networks = values.filter((value) => typeof value === 'string' && parseNetwork(value) !== undefined);
  return one('network', 'network', networks.length === values.length ? values : networks, at);
}

function rangeKeys(operator: string, value: FactValue, at: Lookup): LeafKeys {
  if (typeof value !== 'number' && typeof value !== 'bigint')
    return { reason: 'compares texts by their order' };
  // Whole numbers beyond 2^53 are rounded, on both sides; with its ends in it, the range loses none for it.
  const end = Number(value);
  const isBelow = operator.startsWith('less');
  const low = isBelow ? Number.NEGATIVE_INFINITY : end;
  const high = isBelow ? end : Number.POSITIVE_INFINITY;
  return { alternatives: [[{ ...at, kind: 'range', place: 'range', values: [], low, high }]] };
}
