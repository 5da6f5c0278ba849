// One test of one fact, or its opposite, in a form that can be compared with others on the same fact.

import type { FactValue } from '../../events/facts.ts';
import { type ConditionValue, isFactReference, type Leaf } from '../conditions.ts';
import { resolveOperator } from '../decorators.ts';
import { factName } from '../fact-access.ts';
import { type Quantifier, readOperator } from './read-operator.ts';
import { excludes, type Form, includes, type Shape, testOfShape } from './shapes.ts';
import { keyOfScalar, keyOfShape, variableOf } from './value-keys.ts';

export interface Literal {
  readonly kind: 'literal';
  /** Equal for literals that mean the same. */
  readonly id: number;
  /** Of the fact: the same for all ways to write its path. */
  readonly variable: string;
  readonly quantifier: Quantifier;
  readonly form: Form;
  /** Within a quantifier: `someFact:not:equal`. */
  readonly isInnerNegated: boolean;
  readonly isNegated: boolean;
  /** The literal as a whole, sign and all; undefined: it reads a second fact. */
  readonly holds: ((value: FactValue) => boolean) | undefined;
  readonly leaf: Leaf;
  /** Says the opposite of the leaf. */
  readonly isTurned: boolean;
}

export type LiteralParts = Omit<Literal, 'kind' | 'id'> & {
  /** Two literals with this key mean the same. */
  readonly key: string;
};

/** `never`, `always`: an empty list of alternatives. */
export function literalParts(leaf: Leaf, isNegated: boolean): LiteralParts | 'never' | 'always' {
  const read = readOperator(leaf);
  const isLiteralNegated = read.isNegated !== isNegated;
  const { shape, quantifier, isInnerNegated } = read;
  if (isEmpty(shape) && quantifier !== 'every') {
    // No value is one of none; of a negated inner test every element is.
    if (!isInnerNegated) return isLiteralNegated ? 'always' : 'never';
  }
  const variable = variableOf(leaf.fact, leaf.path);
  const positive = testOfLeaf(leaf);
  const holds = positive && (isNegated ? (value: FactValue): boolean => !positive(value) : positive);
  const sign = isLiteralNegated ? '!' : '';
  const key = `${sign}${variable} ${quantifier}${isInnerNegated ? '!' : ''} ${keyOfShape(shape)}`;
  // Below signs and quantifiers.
  const isTurned = read.isNegated;
  const test = positive && ((value: FactValue): boolean => positive(value) !== isTurned);
  const form: Form = { shape, holds: quantifier === 'one' ? test : testOfShape(shape) };
  return {
    key,
    variable,
    quantifier,
    form,
    isInnerNegated,
    isNegated: isLiteralNegated,
    holds,
    leaf,
    isTurned: isNegated,
  };
}

/** Prepared when it is first needed: a long list takes its time. undefined: it compares two facts. */
function testOfLeaf({ operator, value }: Leaf): ((fact: FactValue) => boolean) | undefined {
  if (isFactReference(value)) return undefined;
  let test: ((fact: FactValue) => boolean) | undefined;
  return (fact) => {
    test ??= resolveOperator(operator)?.prepare(value) ?? (() => false);
    return test(fact);
  };
}

/** Wherever `a` holds, `b` does. */
export function implies(a: Literal, b: Literal): boolean {
  if (a.id === b.id) return true;
  if (a.variable !== b.variable) return false;
  const finite = a.quantifier === 'one' && !a.isNegated && a.form.shape;
  if (finite && finite.kind === 'values' && b.holds !== undefined) return finite.values.every(b.holds);
  const ruledOut = b.quantifier === 'one' && b.isNegated && b.form.shape;
  if (ruledOut && ruledOut.kind === 'values' && a.holds !== undefined) return !ruledOut.values.some(a.holds);
  if (a.quantifier === 'one' && b.quantifier === 'one') {
    if (a.isNegated) return b.isNegated && includes(a.form, b.form);
    return b.isNegated ? excludes(a.form, b.form) : includes(b.form, a.form);
  }
  if (a.quantifier === 'one' || b.quantifier === 'one') return false;
  if (a.quantifier === b.quantifier) {
    if (a.isNegated !== b.isNegated) return false;
    return a.isNegated ? impliesInner(b, a) : impliesInner(a, b);
  }
  // An element like this is there, so not all are unlike it; all are unlike it, so none is there.
  return !a.isNegated && b.isNegated && excludesInner(a, b);
}

/** No value satisfies both. */
export function contradicts(a: Literal, b: Literal): boolean {
  if (a.variable !== b.variable) return false;
  return implies(a, opposite(b));
}

/** For comparison only: it has no id of its own. */
function opposite(literal: Literal): Literal {
  const { holds } = literal;
  return {
    ...literal,
    id: -literal.id,
    isNegated: !literal.isNegated,
    holds: holds && ((value) => !holds(value)),
  };
}

function impliesInner(a: Literal, b: Literal): boolean {
  if (a.isInnerNegated) return b.isInnerNegated && includes(a.form, b.form);
  return b.isInnerNegated ? excludes(a.form, b.form) : includes(b.form, a.form);
}

function excludesInner(a: Literal, b: Literal): boolean {
  if (a.isInnerNegated) return !b.isInnerNegated && includes(a.form, b.form);
  return b.isInnerNegated ? includes(b.form, a.form) : excludes(a.form, b.form);
}

function isEmpty(shape: Shape): boolean {
  if (shape.kind === 'values') return shape.values.length === 0;
  if (shape.kind === 'text') return shape.texts.length === 0;
  return shape.kind === 'networks' && shape.networks.length === 0;
}

/** As a person would write it: `process.name equal "a"`, `not (…)`. */
export function describeLiteral({ leaf, isTurned }: Literal): string {
  const { value } = leaf;
  const right = isFactReference(value) ? factName(value.fact, value.path) : describeAlternatives(value);
  const text = `${factName(leaf.fact, leaf.path)} ${leaf.operator} ${right}`;
  return isTurned ? `not (${text})` : text;
}

const SHOWN = 4;

function describeAlternatives(value: Exclude<ConditionValue, { fact: string }>): string {
  if (!Array.isArray(value)) return keyOfScalar(value as FactValue);
  const some = value.slice(0, SHOWN).map((one) => keyOfScalar(one as FactValue));
  return `[${some.join(', ')}${value.length > SHOWN ? `, and ${value.length - SHOWN} more` : ''}]`;
}
