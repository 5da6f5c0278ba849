// Which rules of a trigger an event could match: those whose required equality holds are found by hash, the rest are
// tried one by one. What an index may use is a condition that must hold for the rule to match.

import type { FactValue, Slot } from '../events/facts.ts';
import { type Condition, isFactReference, type Leaf, type NamedConditions } from './conditions.ts';
import type { EventFrame } from './event-frame.ts';
import { accessOf } from './fact-access.ts';

export interface RequiredEquality {
  readonly slot: Slot;
  /** One of these is the fact's value in every event that the rule matches. */
  readonly values: readonly FactValue[];
}

interface HashIndex {
  readonly fact: number;
  readonly rules: Map<FactValue, number[]>;
}

export class CandidateIndex {
  readonly #frame: EventFrame;
  readonly #hashes: HashIndex[] = [];
  readonly #others: number[] = [];

  constructor(frame: EventFrame) {
    this.#frame = frame;
  }

  add(rule: number, required: RequiredEquality | undefined): void {
    if (required === undefined) {
      this.#others.push(rule);
      return;
    }
    const fact = this.#frame.register(required.slot);
    let index = this.#hashes.find((hash) => hash.fact === fact);
    if (index === undefined) {
      index = { fact, rules: new Map() };
      this.#hashes.push(index);
    }
    for (const value of new Set(required.values)) {
      const bucket = index.rules.get(value);
      if (bucket === undefined) index.rules.set(value, [rule]);
      else bucket.push(rule);
    }
  }

  /** Writes the candidates' numbers to `into`, each once, in no order; returns how many. */
  collect(into: Int32Array): number {
    let count = 0;
    for (const hash of this.#hashes) {
      const bucket = hash.rules.get(this.#frame.read(hash.fact));
      if (bucket !== undefined) for (const rule of bucket) into[count++] = rule;
    }
    for (const rule of this.#others) into[count++] = rule;
    return count;
  }
}

/** The first equality with a known value that the condition can't hold without; texts before anything else. */
export function requiredEquality(condition: Condition, named: NamedConditions): RequiredEquality | undefined {
  const found: RequiredEquality[] = [];
  collectRequired(condition, named, found);
  const onText = found.find(({ values }) => values.every((value) => typeof value === 'string'));
  return onText ?? found[0];
}

function collectRequired(condition: Condition, named: NamedConditions, found: RequiredEquality[]): void {
  if ('any' in condition) {
    const [only, ...more] = condition.any;
    if (only !== undefined && more.length === 0) collectRequired(only, named, found);
  } else if ('all' in condition) {
    for (const part of condition.all) collectRequired(part, named, found);
  } else if ('condition' in condition) {
    const target = named[condition.condition];
    if (target !== undefined) collectRequired(target, named, found);
  } else if (!('not' in condition)) {
    const required = equalityOf(condition);
    if (required !== undefined) found.push(required);
  }
}

function equalityOf(leaf: Leaf): RequiredEquality | undefined {
  const { operator, value } = leaf;
  if (isFactReference(value)) return undefined;
  const access = accessOf(leaf.fact, leaf.path);
  if (access?.slot === undefined || access.steps.length > 0) return undefined;
  if (operator === 'equal' && !Array.isArray(value))
    return { slot: access.slot, values: [value as FactValue] };
  if ((operator === 'in' || operator === 'someValue:equal') && Array.isArray(value)) {
    return { slot: access.slot, values: value };
  }
  return undefined;
}
