// Named lists of values, each one array wherever it is used: by that array its name is found again, so that a hundred
// thousand values are checked, compared and shown once, not once a condition.

import { createHash } from 'node:crypto';
import { parseNetwork } from './cidr.ts';
import type { Scalar } from './conditions.ts';
import type { ListType } from './schema.ts';

export interface NamedList {
  readonly name: string;
  readonly type: ListType;
  /** Frozen, each value once. */
  readonly values: readonly Scalar[];
  /** The first of each type of value: what is true of these is true of all, where only types count. */
  readonly samples: readonly Scalar[];
}

const LISTS = new WeakMap<object, NamedList>();
const HASHES = new WeakMap<NamedList, string>();
const STRANGERS = new WeakMap<NamedList, readonly Scalar[]>();

export function namedList(name: string, type: ListType, values: Iterable<Scalar>): NamedList {
  const unique = Object.freeze([...new Set(values)]);
  const samples = new Map<string, Scalar>();
  for (const value of unique) if (!samples.has(typeof value)) samples.set(typeof value, value);
  const list: NamedList = { name, type, values: unique, samples: [...samples.values()] };
  LISTS.set(list.values, list);
  return list;
}

/** undefined: the value is no named list. */
export function namedListOf(value: unknown): NamedList | undefined {
  return typeof value === 'object' && value !== null ? LISTS.get(value) : undefined;
}

/** Lists with the same values in the same order have the same. */
export function hashOfList(list: NamedList): string {
  let hash = HASHES.get(list);
  if (hash === undefined) {
    const text = JSON.stringify(list.values, (_, value: unknown) =>
      typeof value === 'bigint' ? `${value}n` : value,
    );
    hash = createHash('sha256').update(text).digest('hex');
    HASHES.set(list, hash);
  }
  return hash;
}

/** The values that are no networks, a few of them. */
export function noNetworksIn(list: NamedList): readonly Scalar[] {
  if (list.type === 'cidr') return [];
  let strangers = STRANGERS.get(list);
  if (strangers === undefined) {
    const isNetwork = (value: Scalar): boolean =>
      typeof value === 'string' && parseNetwork(value) !== undefined;
    strangers = list.values.filter((value) => !isNetwork(value)).slice(0, STRANGERS_MAX);
    STRANGERS.set(list, strangers);
  }
  return strangers;
}

const STRANGERS_MAX = 3;
