// The operators of conditions, defined once: the compiled engine and json-rules-engine, its referee, both use these.
// json-rules-engine's own mean here exactly what they mean there, with two exceptions. They are total: where the
// original throws (`in` over a value that is no list), these say that nothing is in it. And a list or an object equals
// nothing: the original compares identities, which depend on how a fact was read.

import type { FactValue } from '../events/facts.ts';
import { isInNetwork, parseNetwork } from './cidr.ts';
import { foldValue } from './fold-case.ts';
import { searchList } from './list-search.ts';
import { preparePattern } from './pattern-test.ts';
import { patternOf } from './patterns.ts';

export type Predicate = (fact: FactValue) => boolean;

export interface Operator {
  readonly name: string;
  evaluate(fact: FactValue, value: FactValue): boolean;
  /** The same for a value known beforehand: what can be computed once is. */
  prepare(value: FactValue): Predicate;
}

function operator(
  name: string,
  evaluate: (fact: FactValue, value: FactValue) => boolean,
  prepare: (value: FactValue) => Predicate = (value) => (fact) => evaluate(fact, value),
): Operator {
  return { name, evaluate, prepare };
}

const isList = (value: FactValue): value is readonly FactValue[] => Array.isArray(value);

/** JavaScript's conversion to a number or text throws for objects without a prototype; nothing compares with those. */
function tolerant(compare: () => boolean): boolean {
  try {
    return compare();
  } catch {
    return false;
  }
}

const isObject = (value: FactValue): boolean => typeof value === 'object' && value !== null;

const isSame = (a: FactValue, b: FactValue): boolean => a === b && !isObject(a);

const hasEntry = (list: readonly FactValue[], entry: FactValue): boolean =>
  (typeof entry !== 'object' || entry === null) && list.indexOf(entry) !== -1;

/** json-rules-engine looks inside a text, too, with the fact turned into text. */
function isIn(fact: FactValue, value: FactValue): boolean {
  if (isList(value)) return hasEntry(value, fact);
  if (typeof value !== 'string') return false;
  return typeof fact === 'string' ? value.includes(fact) : tolerant(() => value.includes(String(fact)));
}

function preparedIn(value: FactValue): Predicate {
  if (!isList(value)) return (fact) => isIn(fact, value);
  const set = setOf(value);
  return (fact) => set.has(fact);
}

const sets = new WeakMap<readonly FactValue[], ReadonlySet<FactValue>>();

/** One for a list, however many rules look into it. */
function setOf(list: readonly FactValue[]): ReadonlySet<FactValue> {
  let set = sets.get(list);
  if (set === undefined) {
    // A Set finds NaN, indexOf never does.
    set = new Set(list.some(Number.isNaN) ? list.filter((entry) => !Number.isNaN(entry)) : list);
    sets.set(list, set);
  }
  return set;
}

function listContains(fact: FactValue, value: FactValue): boolean {
  return isList(fact) && hasEntry(fact, value);
}

/** json-rules-engine's own test: what parseFloat makes no number of is not compared. */
function isNumeric(fact: FactValue): boolean {
  if (typeof fact === 'number') return !Number.isNaN(fact);
  if (typeof fact === 'bigint') return true;
  if (typeof fact === 'string') return !Number.isNaN(Number.parseFloat(fact));
  return isList(fact) && tolerant(() => !Number.isNaN(Number.parseFloat(String(fact))));
}

type Comparable = number;

function comparison(name: string, compare: (fact: Comparable, value: Comparable) => boolean): Operator {
  const evaluate = (fact: FactValue, value: FactValue): boolean => {
    if (typeof fact === 'number' && typeof value === 'number') return compare(fact, value);
    // Mixed types compare by JavaScript's own rules, as in json-rules-engine: a number with numeric text, bigint with
    // number, text with text.
    return isNumeric(fact) && tolerant(() => compare(fact as Comparable, value as Comparable));
  };
  return operator(name, evaluate);
}

function onText(name: string, test: (fact: string, value: string) => boolean): Operator {
  return operator(
    name,
    (fact, value) => typeof fact === 'string' && typeof value === 'string' && test(fact, value),
    (value) =>
      typeof value === 'string' ? (fact) => typeof fact === 'string' && test(fact, value) : () => false,
  );
}

function matching(name: string, ignoreCase: boolean): Operator {
  return operator(
    name,
    (fact, value) =>
      typeof fact === 'string' && typeof value === 'string' && patternOf(value, ignoreCase).test(fact),
    (value) => {
      if (typeof value !== 'string') return () => false;
      const test = preparePattern(value, ignoreCase);
      return (fact) => test(fact, () => foldValue(fact));
    },
  );
}

/** Of several networks any is enough. */
function inCidr(value: FactValue): Predicate {
  const networks = (isList(value) ? value : [value]).flatMap((one) =>
    typeof one === 'string' ? (parseNetwork(one) ?? []) : [],
  );
  return (fact) => {
    if (typeof fact !== 'string') return false;
    for (const network of networks) if (isInNetwork(fact, network)) return true;
    return false;
  };
}

const exists = (fact: FactValue): boolean => fact !== undefined && fact !== null;

/** json-rules-engine's own. */
export const STANDARD_OPERATORS: readonly Operator[] = [
  operator('equal', isSame, (value) => (isObject(value) ? () => false : (fact) => fact === value)),
  operator(
    'notEqual',
    (fact, value) => !isSame(fact, value),
    (value) => (isObject(value) ? () => true : (fact) => fact !== value),
  ),
  operator('in', isIn, preparedIn),
  operator(
    'notIn',
    (fact, value) => !isIn(fact, value),
    (value) => {
      const inside = preparedIn(value);
      return (fact) => !inside(fact);
    },
  ),
  operator('contains', listContains),
  operator('doesNotContain', (fact, value) => isList(fact) && !hasEntry(fact, value)),
  comparison('lessThan', (fact, value) => fact < value),
  comparison('lessThanInclusive', (fact, value) => fact <= value),
  comparison('greaterThan', (fact, value) => fact > value),
  comparison('greaterThanInclusive', (fact, value) => fact >= value),
];

/** Picket's. */
export const ADDED_OPERATORS: readonly Operator[] = [
  onText('startsWith', (fact, value) => fact.startsWith(value)),
  onText('endsWith', (fact, value) => fact.endsWith(value)),
  onText('includes', (fact, value) => fact.includes(value)),
  matching('matches', false),
  operator(
    'inCidr',
    (fact, value) => inCidr(value)(fact),
    (value) => (isList(value) ? searchList('inCidr', value) : undefined) ?? inCidr(value),
  ),
  operator('exists', (fact, value) => exists(fact) === value),
];

/**
 * Folding the case of a pattern would turn `\D` into `\d`: under `ignoreCase:` a pattern ignores case by itself. It is
 * an operator of this name because json-rules-engine looks a whole name up before it takes decorators off.
 */
export const MATCHES_IGNORING_CASE: Operator = matching('ignoreCase:matches', true);

export const OPERATORS: ReadonlyMap<string, Operator> = new Map(
  [...STANDARD_OPERATORS, ...ADDED_OPERATORS].map((one) => [one.name, one]),
);
