// Every fact, path and comparison that an engine's compiled rules name, each once and numbered: a run reads each fact
// once, however many rules ask for it.

import type { FactValue } from '../../events/facts.ts';
import { parsePath, type Step } from '../fact-access.ts';
import { OPERATORS, type Predicate } from '../operators.ts';
import type { Comparison } from './original.ts';
import { isScalar } from './plain-data.ts';

export interface Access {
  /** The fact's number. */
  readonly fact: number;
  /** undefined: the fact itself. */
  readonly steps: readonly Step[] | undefined;
}

export interface LeafTest {
  readonly number: number;
  readonly left: number;
  /** The other side, where that is a fact too; otherwise `value`. */
  readonly right: number | undefined;
  readonly value: unknown;
  readonly operator: Comparison;
  /** Picket's own closure, which agrees with the operator about every fact that is a scalar, and never throws. */
  readonly onScalar: Predicate | undefined;
}

export class LeafTable {
  readonly facts: string[] = [];
  readonly accesses: Access[] = [];
  readonly leaves: LeafTest[] = [];
  /** Without `onScalar`. */
  readonly others: LeafTest[] = [];
  /** By access: the leaves that read it. */
  readonly readers: LeafTest[][] = [];
  readonly #factNumbers = new Map<string, number>();
  readonly #accessNumbers = new Map<string, number>();
  readonly #leafTests = new Map<string, LeafTest>();

  /** undefined: the path has no compiled form. */
  access(factId: string, path: string | undefined): number | undefined {
    const steps = path === undefined || path === '' ? undefined : parsePath(path);
    if (path !== undefined && path !== '' && steps === undefined) return undefined;
    const key = JSON.stringify(steps === undefined ? [factId] : [factId, steps]);
    const known = this.#accessNumbers.get(key);
    if (known !== undefined) return known;
    const access = { fact: this.#factNumber(factId), steps };
    this.readers.push([]);
    const number = this.accesses.push(access) - 1;
    this.#accessNumbers.set(key, number);
    return number;
  }

  leaf(left: number, operator: Comparison, value: unknown, right: number | undefined): LeafTest {
    const isShared = right !== undefined || typeof value === 'string' || typeof value === 'number';
    const key = isShared
      ? JSON.stringify([left, operator.name, right ?? null, typeof value, String(value)])
      : '';
    const known = isShared ? this.#leafTests.get(key) : undefined;
    if (known !== undefined) return known;
    const onScalar = right === undefined ? scalarTest(operator.name, value) : undefined;
    const leaf: LeafTest = { number: this.leaves.length, left, right, value, operator, onScalar };
    this.leaves.push(leaf);
    if (onScalar === undefined) this.others.push(leaf);
    else this.readers[left]?.push(leaf);
    if (isShared) this.#leafTests.set(key, leaf);
    return leaf;
  }

  #factNumber(id: string): number {
    const known = this.#factNumbers.get(id);
    if (known !== undefined) return known;
    const number = this.facts.push(id) - 1;
    this.#factNumbers.set(id, number);
    return number;
  }
}

/** The operators that Picket answers faster: it looks a list up by hash and knows a number from text without parsing. */
function scalarTest(operator: string, value: unknown): Predicate | undefined {
  switch (operator) {
    case 'equal':
    case 'notEqual':
      break;
    case 'in':
    case 'notIn':
      if (!Array.isArray(value)) return undefined;
      break;
    case 'lessThan':
    case 'lessThanInclusive':
    case 'greaterThan':
    case 'greaterThanInclusive':
      if (typeof value !== 'number' && typeof value !== 'string') return undefined;
      break;
    default:
      return undefined;
  }
  if (!isScalar(value) && !Array.isArray(value)) return undefined;
  return OPERATORS.get(operator)?.prepare(value as FactValue);
}
