// A test's operator with its decorators, read as one of the few forms that can be compared.

import type { FactValue } from '../../events/facts.ts';
import { type ConditionValue, isFactReference, type Leaf } from '../conditions.ts';
import { parseOperatorName } from '../decorators.ts';
import { foldCase } from '../fold-case.ts';
import type { Shape, TextPart } from './shapes.ts';
import { identityOf, keyOfValue, VALUES_MAX } from './value-keys.ts';

/** Over what the test is made: the value itself, one element of a list, each of them. */
export type Quantifier = 'one' | 'some' | 'every';

export interface ReadOperator {
  readonly shape: Shape;
  readonly quantifier: Quantifier;
  readonly isInnerNegated: boolean;
  /** By `not:` and by the operator itself. */
  readonly isNegated: boolean;
}

export function readOperator(leaf: Leaf): ReadOperator {
  const { decorators, operator } = parseOperatorName(leaf.operator);
  let isNegated = false;
  let isInnerNegated = false;
  let quantifier: Quantifier = 'one';
  let folds = false;
  let listed = false;
  const other = (): ReadOperator => {
    const nots = /^(?:not:)*/.exec(leaf.operator)?.[0] ?? '';
    const key = `${leaf.operator.slice(nots.length)} ${keyOfValue(leaf.value)}`;
    return {
      shape: { kind: 'other', key },
      quantifier: 'one',
      isInnerNegated: false,
      isNegated: (nots.length / 4) % 2 === 1,
    };
  };
  if (isFactReference(leaf.value)) return other();
  const flip = (): void => {
    if (quantifier === 'one') isNegated = !isNegated;
    else isInnerNegated = !isInnerNegated;
  };
  for (const decorator of decorators) {
    if (decorator === 'ignoreCase') folds = true;
    else if (decorator === 'someValue') listed = true;
    else if (decorator === 'not' && !listed) flip();
    else if ((decorator === 'someFact' || decorator === 'everyFact') && quantifier === 'one') {
      // For one value all elements is more than for each element one value.
      if (listed && decorator === 'everyFact') return other();
      quantifier = decorator === 'someFact' ? 'some' : 'every';
    } else return other();
  }
  const { value } = leaf;
  const isListValue = Array.isArray(value);
  const made = (shape: Shape | undefined): ReadOperator =>
    shape === undefined ? other() : { shape, quantifier, isInnerNegated, isNegated };
  switch (operator) {
    case 'notEqual':
      if (listed || isListValue) return other();
      flip();
      return made(oneOfShape([value as FactValue], folds));
    case 'equal':
      if (listed !== isListValue) return other();
      return made(oneOfShape([value].flat() as FactValue[], folds, value));
    case 'notIn':
      if (listed || !isListValue) return other();
      flip();
      return made(oneOfShape(value as FactValue[], folds, value));
    case 'in':
      if (listed || !isListValue) return other();
      return made(oneOfShape(value as FactValue[], folds, value));
    case 'contains':
    case 'doesNotContain': {
      if (listed || isListValue || quantifier !== 'one') return other();
      quantifier = operator === 'contains' ? 'some' : 'every';
      if (operator === 'doesNotContain') isInnerNegated = true;
      return made(oneOfShape([value as FactValue], folds));
    }
    case 'startsWith':
      return listed === isListValue ? made(textShape('start', value, folds)) : other();
    case 'endsWith':
      return listed === isListValue ? made(textShape('end', value, folds)) : other();
    case 'includes':
      return listed === isListValue ? made(textShape('anywhere', value, folds)) : other();
    case 'inCidr': {
      const networks = [value].flat().filter((one) => typeof one === 'string');
      if (listed !== isListValue || folds || networks.length !== [value].flat().length) return other();
      return made({ kind: 'networks', networks });
    }
    case 'exists':
      if (quantifier !== 'one' || listed || typeof value !== 'boolean') return other();
      if (value) flip();
      return made({ kind: 'values', values: MISSING });
    case 'lessThan':
    case 'lessThanInclusive':
    case 'greaterThan':
    case 'greaterThanInclusive':
      return listed || folds ? other() : made(boundShape(operator, value));
    default:
      return other();
  }
}

const MISSING: readonly FactValue[] = [undefined, null];

function oneOfShape(values: readonly FactValue[], folds: boolean, whole?: ConditionValue): Shape | undefined {
  if (values.length > VALUES_MAX) {
    return folds || whole === undefined
      ? undefined
      : { kind: 'other', key: `one of ${identityOf(whole as object)}` };
  }
  // NaN and lists equal nothing, not even themselves; the test of a value says so, a comparison of forms would not.
  if (!folds) return { kind: 'values', values };
  return values.every((value) => typeof value === 'string' && value.isWellFormed())
    ? { kind: 'text', at: 'whole', texts: values.map((value) => foldCase(String(value))), folds }
    : undefined;
}

function textShape(at: TextPart, value: ConditionValue, folds: boolean): Shape | undefined {
  const values = [value].flat();
  const texts = values.filter((one) => typeof one === 'string');
  if (texts.length !== values.length || values.length > VALUES_MAX) return undefined;
  if (!folds) return { kind: 'text', at, texts, folds };
  if (!texts.every((text) => text.isWellFormed())) return undefined;
  return { kind: 'text', at, texts: texts.map(foldCase), folds };
}

function boundShape(operator: string, value: ConditionValue): Shape | undefined {
  const isNumber = (typeof value === 'number' && !Number.isNaN(value)) || typeof value === 'bigint';
  // A text that is no number: a time. What compares with it compares as text.
  const isTime = typeof value === 'string' && Number.isNaN(Number(value));
  if (!isNumber && !isTime) return undefined;
  return {
    kind: 'bound',
    isLower: operator.startsWith('greater'),
    value,
    isInclusive: operator.endsWith('Inclusive'),
  };
}
