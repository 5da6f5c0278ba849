// Which conditions decided that a rule matched or not, with the values that they met.

import type { Facts, FactValue } from '../events/facts.ts';
import { type Condition, isFactReference, type Leaf, type NamedConditions } from './conditions.ts';
import { resolveOperator } from './decorators.ts';
import { accessOf, follow } from './fact-access.ts';
import { nameOf } from './operand-types.ts';
import { describeValue } from './rule-problem.ts';

export interface Explanation {
  /** `process.executable startsWith "/Users/"`. */
  readonly condition: string;
  readonly actual: string;
  readonly isTrue: boolean;
}

/** The leaves that made the condition what it is: all of a true `all`, the first false one of a false `all`, and so on. */
export function explainOutcome(
  condition: Condition,
  named: NamedConditions,
  facts: Facts,
  isMatch: boolean,
): Explanation[] {
  const leaves = decidingLeaves(condition, named, facts, isMatch);
  return leaves.map((leaf) => ({
    condition: describeLeaf(leaf, facts),
    actual: describeFact(factValue(leaf.fact, leaf.path, facts)),
    isTrue: evaluateLeaf(leaf, facts),
  }));
}

function decidingLeaves(condition: Condition, named: NamedConditions, facts: Facts, wanted: boolean): Leaf[] {
  if ('fact' in condition) return [condition];
  if ('not' in condition) return decidingLeaves(condition.not, named, facts, !wanted);
  if ('condition' in condition) {
    const target = named[condition.condition];
    return target === undefined ? [] : decidingLeaves(target, named, facts, wanted);
  }
  const parts = 'all' in condition ? condition.all : condition.any;
  const responsible = parts.filter((part) => evaluate(part, named, facts) === wanted);
  // One false part of an `all`, or one true part of an `any`, is enough.
  const isOneEnough = 'all' in condition ? !wanted : wanted;
  const shown = isOneEnough ? responsible.slice(0, 1) : responsible;
  return shown.flatMap((part) => decidingLeaves(part, named, facts, wanted));
}

function evaluate(condition: Condition, named: NamedConditions, facts: Facts): boolean {
  if ('fact' in condition) return evaluateLeaf(condition, facts);
  if ('not' in condition) return !evaluate(condition.not, named, facts);
  if ('condition' in condition) {
    const target = named[condition.condition];
    return target !== undefined && evaluate(target, named, facts);
  }
  if ('all' in condition) return condition.all.every((part) => evaluate(part, named, facts));
  return condition.any.length === 0 || condition.any.some((part) => evaluate(part, named, facts));
}

function evaluateLeaf(leaf: Leaf, facts: Facts): boolean {
  const { value } = leaf;
  const right = isFactReference(value) ? factValue(value.fact, value.path, facts) : value;
  return resolveOperator(leaf.operator)?.evaluate(factValue(leaf.fact, leaf.path, facts), right) ?? false;
}

function factValue(fact: string, path: string | undefined, facts: Facts): FactValue {
  const access = accessOf(fact, path) ?? accessOf(fact, undefined);
  if (access?.slot === undefined) return undefined;
  const value = facts.get(access.slot);
  if (access.steps.length === 0) return value;
  return access.isWhole && (typeof value !== 'object' || value === null)
    ? value
    : follow(value, access.steps);
}

function describeLeaf(leaf: Leaf, facts: Facts): string {
  const left = `${nameOf(leaf.fact, leaf.path)} ${leaf.operator}`;
  const { value } = leaf;
  if (!isFactReference(value)) return `${left} ${describeFact(value)}`;
  const name = nameOf(value.fact, value.path);
  return `${left} ${name}, which is ${describeFact(factValue(value.fact, value.path, facts))}`;
}

function describeFact(value: FactValue): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object') return typeof value === 'string' ? describeValue(value) : String(value);
  const text = JSON.stringify(value, (_, entry: unknown) =>
    typeof entry === 'bigint' ? String(entry) : entry,
  );
  return text.length > 160 ? `${text.slice(0, 159)}…` : text;
}
