// A node of a condition apart from its parts: what it says itself, copied when it was compiled.

import type { ConditionNode } from './original.ts';
import { copyOf, isPlainData, isUnchanged } from './plain-data.ts';

export const KINDS = ['any', 'all', 'not', 'condition'] as const;

/** All that a node says besides its parts; undefined: not plain data. */
export interface OwnProperties {
  readonly template: ConditionNode;
  /** Those that mean nothing here and are reported only; undefined: none. */
  readonly extras: readonly string[] | undefined;
}

const MEANT: readonly string[] = ['fact', 'operator', 'value', 'path', 'priority', 'condition', ...KINDS];

export function ownProperties(node: ConditionNode, kind: string | undefined): OwnProperties | undefined {
  const template = Object.create(Object.getPrototypeOf(node) as object) as ConditionNode;
  const keys = Object.keys(node);
  for (const key of keys) {
    const isPart = key === kind && key !== 'condition';
    if (!isPart && !isPlainData(node[key])) return undefined;
    template[key] = isPart ? undefined : copyOf(node[key]);
  }
  const extras = keys.filter((key) => !MEANT.includes(key));
  return { template, extras: extras.length === 0 ? undefined : extras };
}

// Every node of every rule is looked at before each run: properties by name and identity first, for that is what makes
// it cost less than the evaluation.
export function areExtrasCurrent(
  node: ConditionNode,
  template: ConditionNode,
  extras: readonly string[],
): boolean {
  for (const key of extras) if (!isUnchanged(node[key], template[key])) return false;
  return true;
}

export function copyNode({ template }: OwnProperties): ConditionNode {
  const copy = Object.create(Object.getPrototypeOf(template) as object) as ConditionNode;
  for (const key of Object.keys(template)) copy[key] = copyOf(template[key]);
  return copy;
}
