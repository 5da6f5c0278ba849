// What may stand before an operator, as in `someFact:startsWith`: json-rules-engine's decorators, and `ignoreCase:`.
// The leftmost is the outermost.

import type { FactValue } from '../events/facts.ts';
import { foldOperand, foldValue } from './fold-case.ts';
import { searchList } from './list-search.ts';
import { MATCHES_IGNORING_CASE, OPERATORS, type Operator, type Predicate } from './operators.ts';

export interface Decorator {
  readonly name: string;
  evaluate(fact: FactValue, value: FactValue, next: Operator['evaluate']): boolean;
  prepare(value: FactValue, next: Operator): Predicate;
}

const isList = (value: FactValue): value is readonly FactValue[] => Array.isArray(value);
const never: Predicate = () => false;

export const DECORATORS: ReadonlyMap<string, Decorator> = new Map(
  (
    [
      {
        name: 'someFact',
        evaluate: (fact, value, next) => isList(fact) && fact.some((entry) => next(entry, value)),
        prepare: (value, next) => {
          const inner = next.prepare(value);
          return (fact) => isList(fact) && someEntry(fact, inner);
        },
      },
      {
        name: 'everyFact',
        evaluate: (fact, value, next) => isList(fact) && fact.every((entry) => next(entry, value)),
        prepare: (value, next) => {
          const inner = next.prepare(value);
          return (fact) => isList(fact) && everyEntry(fact, inner);
        },
      },
      {
        name: 'someValue',
        evaluate: (fact, value, next) => isList(value) && value.some((entry) => next(fact, entry)),
        prepare: (value, next) => {
          if (!isList(value)) return never;
          if (next.name === 'equal') return (OPERATORS.get('in') ?? next).prepare(value);
          const searched = searchList(next.name, value);
          if (searched !== undefined) return searched;
          const inner = value.map((entry) => next.prepare(entry));
          return (fact) => {
            for (const test of inner) if (test(fact)) return true;
            return false;
          };
        },
      },
      {
        name: 'everyValue',
        evaluate: (fact, value, next) => isList(value) && value.every((entry) => next(fact, entry)),
        prepare: (value, next) => {
          if (!isList(value)) return never;
          const inner = value.map((entry) => next.prepare(entry));
          return (fact) => {
            for (const test of inner) if (!test(fact)) return false;
            return true;
          };
        },
      },
      {
        name: 'swap',
        evaluate: (fact, value, next) => next(value, fact),
        prepare: (value, next) => (fact) => next.evaluate(value, fact),
      },
      {
        name: 'not',
        evaluate: (fact, value, next) => !next(fact, value),
        prepare: (value, next) => {
          const inner = next.prepare(value);
          return (fact) => !inner(fact);
        },
      },
      {
        name: 'ignoreCase',
        evaluate: (fact, value, next) => next(foldValue(fact), foldValue(value)),
        prepare: (value, next) => {
          const inner = next.prepare(foldOperand(value));
          return (fact) => inner(foldValue(fact));
        },
      },
    ] satisfies readonly Decorator[]
  ).map((decorator) => [decorator.name, decorator]),
);

function someEntry(list: readonly FactValue[], test: Predicate): boolean {
  for (const entry of list) if (test(entry)) return true;
  return false;
}

function everyEntry(list: readonly FactValue[], test: Predicate): boolean {
  for (const entry of list) if (!test(entry)) return false;
  return true;
}

/** A whole operator name taken apart: decorators from the outermost, then the operator. */
export interface OperatorName {
  readonly decorators: readonly string[];
  readonly operator: string;
}

export function parseOperatorName(text: string): OperatorName {
  const parts = text.split(':');
  return { decorators: parts.slice(0, -1), operator: parts.at(-1) ?? '' };
}

const resolved = new Map<string, Operator>();

/** The operator of a whole name, decorators applied; undefined when a part of it is unknown. */
export function resolveOperator(name: string): Operator | undefined {
  const known = resolved.get(name) ?? OPERATORS.get(name);
  if (known !== undefined) return known;
  if (name === MATCHES_IGNORING_CASE.name) return MATCHES_IGNORING_CASE;
  const colon = name.indexOf(':');
  const decorator = colon > 0 ? DECORATORS.get(name.slice(0, colon)) : undefined;
  const next = decorator && resolveOperator(name.slice(colon + 1));
  if (decorator === undefined || next === undefined) return undefined;
  const evaluate = next.evaluate;
  const operator: Operator = {
    name,
    evaluate: (fact, value) => decorator.evaluate(fact, value, evaluate),
    prepare: (value) => decorator.prepare(value, next),
  };
  resolved.set(name, operator);
  return operator;
}
