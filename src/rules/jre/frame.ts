// What the compiled conditions know of one run: the facts' values, and the truth of what must be found out before
// anybody could change an object that a fact holds. With it a result can be told at any later time.

import { Fact } from 'json-rules-engine';
import type { FactValue } from '../../events/facts.ts';
import { follow } from '../fact-access.ts';
import type { LeafTable, LeafTest } from './leaf-table.ts';
import type { InternalAlmanac } from './original.ts';
import { isScalar } from './plain-data.ts';

const FALSE = 1;
const TRUE = 2;
const THROWN = 3;

export class Frame {
  /** By access. */
  readonly values: unknown[];
  /** By fact: there is none, and that is allowed. */
  readonly #missing: Uint8Array;
  /** By fact: it is computed, awaited or refused, which is json-rules-engine's to do. */
  readonly #foreign: Uint8Array;
  readonly #truths: Uint8Array;
  readonly #named: Uint8Array;
  readonly #table: LeafTable;
  isAnyMissing = false;
  isAnyForeign = false;
  isAnyThrown = false;

  constructor(table: LeafTable, namedConditions: number, almanac: InternalAlmanac) {
    this.#table = table;
    this.#missing = new Uint8Array(table.facts.length);
    this.#foreign = new Uint8Array(table.facts.length);
    this.#truths = new Uint8Array(table.leaves.length);
    this.#named = new Uint8Array(namedConditions);
    const facts = table.facts.map((id, number) => this.#classify(id, number, almanac));
    this.values = table.accesses.map(({ fact, steps }) => {
      const value = facts[fact];
      if (steps === undefined || typeof value !== 'object' || value === null) return value;
      try {
        return follow(value as FactValue, steps);
      } catch {
        // A getter or a proxy of the user's own.
        this.#setForeign(fact);
        return undefined;
      }
    });
    for (const leaf of table.others) this.#settle(leaf);
    for (const [access, value] of this.values.entries()) {
      if (isOpaque(value)) for (const leaf of table.readers[access] ?? []) this.#settle(leaf);
    }
  }

  test(leaf: LeafTest): boolean {
    const { onScalar } = leaf;
    if (onScalar === undefined) return this.#truths[leaf.number] === TRUE;
    const value = this.values[leaf.left];
    return isOpaque(value) ? this.#truths[leaf.number] === TRUE : onScalar(value as FactValue);
  }

  hasThrown(leaf: LeafTest): boolean {
    return this.#truths[leaf.number] === THROWN;
  }

  isForeign(fact: number): boolean {
    return this.#foreign[fact] === 1;
  }

  /** Whether a path is applied to the value, which takes json-rules-engine a turn more. */
  hasPathTurn(access: number): boolean {
    const { fact, steps } = this.#table.accesses[access] ?? { fact: 0, steps: undefined };
    return steps !== undefined && this.#missing[fact] !== 1;
  }

  /** The truth of a named condition, found out once. */
  named(number: number, test: (frame: Frame) => boolean): boolean {
    const known = this.#named[number];
    if (known !== 0) return known === TRUE;
    const isTrue = test(this);
    this.#named[number] = isTrue ? TRUE : FALSE;
    return isTrue;
  }

  #classify(id: string, number: number, almanac: InternalAlmanac): unknown {
    const fact = almanac.factMap.get(id);
    if (fact === undefined) {
      if (!almanac.allowUndefinedFacts) return this.#setForeign(number);
      this.#missing[number] = 1;
      this.isAnyMissing = true;
      return undefined;
    }
    const { value } = fact;
    return isConstant(fact) && !isThenable(value) ? value : this.#setForeign(number);
  }

  #setForeign(fact: number): undefined {
    this.#foreign[fact] = 1;
    this.isAnyForeign = true;
  }

  #settle(leaf: LeafTest): void {
    const right = leaf.right === undefined ? leaf.value : this.values[leaf.right];
    try {
      this.#truths[leaf.number] = leaf.operator.evaluate(this.values[leaf.left], right) ? TRUE : FALSE;
    } catch {
      this.#truths[leaf.number] = THROWN;
      this.isAnyThrown = true;
    }
  }
}

/** What Picket's closures don't take: it may change while they wait, or answer in its own way. */
function isOpaque(value: unknown): boolean {
  return !isScalar(value) || typeof value === 'symbol';
}

const { calculate } = Fact.prototype as unknown as { calculate: unknown };

function isConstant(fact: Fact): boolean {
  const { type, calculate: own } = fact as unknown as { type: unknown; calculate: unknown };
  return type === 'CONSTANT' && own === calculate && Object.hasOwn(fact, 'value');
}

function isThenable(value: unknown): boolean {
  if (isScalar(value)) return false;
  try {
    return typeof (value as { then?: unknown }).then === 'function';
  } catch {
    return true;
  }
}
