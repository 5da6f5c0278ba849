// Keys for facts, values and shapes: equal where they mean the same.

import type { FactValue } from '../../events/facts.ts';
import { type ConditionValue, isFactReference } from '../conditions.ts';
import { accessOf, factName } from '../fact-access.ts';
import type { Shape } from './shapes.ts';

// Longer lists are compared by identity only: with thousands of rules that share one, looking inside would take minutes.
export const VALUES_MAX = 1000;

/** Of a fact: the same for all ways to write its path. */
export function variableOf(fact: string, path: string | undefined): string {
  const access = accessOf(fact, path);
  if (access?.slot === undefined) return factName(fact, path);
  const { slot, steps, isWhole } = access;
  if (steps.length === 0) return slot.name;
  return `${slot.name} ${isWhole ? 'whole ' : ''}${JSON.stringify(steps)}`;
}

export function keyOfShape(shape: Shape): string {
  switch (shape.kind) {
    case 'values':
      return `values ${[...new Set(shape.values.map(keyOfScalar))].sort().join()}`;
    case 'text':
      return `${shape.at}${shape.folds ? ' folded' : ''} ${JSON.stringify([...new Set(shape.texts)].sort())}`;
    case 'bound':
      return `${shape.isLower ? '>' : '<'}${shape.isInclusive ? '=' : ''} ${keyOfScalar(shape.value)}`;
    case 'networks':
      return `networks ${JSON.stringify([...new Set(shape.networks)].sort())}`;
    case 'other':
      return shape.key;
  }
}

export function keyOfValue(value: ConditionValue): string {
  if (isFactReference(value)) return `fact ${variableOf(value.fact, value.path)}`;
  if (!Array.isArray(value)) return keyOfScalar(value as FactValue);
  if (value.length > VALUES_MAX) return identityOf(value);
  return `[${value.map((one) => keyOfScalar(one as FactValue)).join()}]`;
}

export function keyOfScalar(value: FactValue): string {
  if (typeof value === 'bigint') return `${value}n`;
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

const identities = new WeakMap<object, string>();
let lastIdentity = 0;

export function identityOf(list: object): string {
  const known = identities.get(list) ?? `#${++lastIdentity}`;
  identities.set(list, known);
  return known;
}
