// Conditions turned into closures over an event frame: no condition is interpreted while an event waits.

import type { FactValue } from '../events/facts.ts';
import { type Condition, isFactReference, type Leaf, type NamedConditions } from './conditions.ts';
import { parseOperatorName, resolveOperator } from './decorators.ts';
import type { EventFrame } from './event-frame.ts';
import { accessOf, type FactAccess, follow } from './fact-access.ts';
import { foldValue } from './fold-case.ts';

export type Test = () => boolean;
const ALWAYS: Test = () => true;
export const NEVER: Test = () => false;

/**
 * What a leaf counts as whose truth is not known: in `possible` the condition holds if it could, in `certain` only if
 * it must. `not` turns one into the other.
 */
export type Bound = 'possible' | 'certain';

export interface PredicateContext {
  readonly frame: EventFrame;
  readonly named: NamedConditions;
  /** What puts a leaf's truth in doubt: always, or while one of these facts (by their numbers in the frame) is true. */
  doubts(leaf: Leaf): 'always' | readonly number[];
}

/** Only the referee can evaluate it: a path with filters, wildcards or slices, on either side. */
export function needsReferee(leaf: Leaf): boolean {
  if (accessOf(leaf.fact, leaf.path) === undefined) return true;
  return isFactReference(leaf.value) && accessOf(leaf.value.fact, leaf.value.path) === undefined;
}

export function compileCondition(condition: Condition, context: PredicateContext, bound: Bound): Test {
  if ('any' in condition) {
    // json-rules-engine: an empty list is true, of `any` too.
    if (condition.any.length === 0) return ALWAYS;
    return anyTest(condition.any.map((part) => compileCondition(part, context, bound)));
  }
  if ('all' in condition) return allTest(condition.all.map((part) => compileCondition(part, context, bound)));
  if ('not' in condition) {
    return notTest(compileCondition(condition.not, context, bound === 'possible' ? 'certain' : 'possible'));
  }
  if ('condition' in condition) {
    const target = context.named[condition.condition];
    return target === undefined ? NEVER : compileCondition(target, context, bound);
  }
  const doubts = context.doubts(condition);
  if (doubts === 'always') return bound === 'possible' ? ALWAYS : NEVER;
  const { frame } = context;
  const test = compileLeaf(condition, frame);
  const inDoubt = bound === 'possible';
  const [first, ...more] = doubts;
  if (first === undefined) return test;
  if (more.length === 0) return () => (frame.read(first) === true ? inDoubt : test());
  return () => (doubts.some((flag) => frame.read(flag) === true) ? inDoubt : test());
}

function allTest(parts: readonly Test[]): Test {
  const tests = parts.filter((test) => test !== ALWAYS);
  if (tests.includes(NEVER)) return NEVER;
  const [first, second, third] = tests;
  if (first === undefined) return ALWAYS;
  if (second === undefined) return first;
  if (third === undefined) return () => first() && second();
  return () => {
    for (const test of tests) if (!test()) return false;
    return true;
  };
}

function anyTest(parts: readonly Test[]): Test {
  const tests = parts.filter((test) => test !== NEVER);
  if (tests.includes(ALWAYS)) return ALWAYS;
  const [first, second, third] = tests;
  if (first === undefined) return NEVER;
  if (second === undefined) return first;
  if (third === undefined) return () => first() || second();
  return () => {
    for (const test of tests) if (test()) return true;
    return false;
  };
}

function notTest(test: Test): Test {
  if (test === ALWAYS) return NEVER;
  return test === NEVER ? ALWAYS : () => !test();
}

function compileLeaf(leaf: Leaf, frame: EventFrame): Test {
  const operator = resolveOperator(leaf.operator);
  const access = accessOf(leaf.fact, leaf.path);
  if (operator === undefined || access === undefined) return NEVER;
  const read = reader(access, frame);
  if (isFactReference(leaf.value)) {
    const other = accessOf(leaf.value.fact, leaf.value.path);
    if (other === undefined) return NEVER;
    const readOther = reader(other, frame);
    return () => operator.evaluate(read(), readOther());
  }
  const folded = withoutIgnoreCase(leaf.operator);
  if (folded !== undefined && access.slot !== undefined && access.steps.length === 0) {
    // The text is folded once an event, not once a condition.
    const index = frame.register(access.slot);
    const test = folded.prepare(foldValue(leaf.value));
    return () => test(frame.readFolded(index));
  }
  const test = operator.prepare(leaf.value);
  if (access.slot !== undefined && access.steps.length === 0) {
    const index = frame.register(access.slot);
    return () => test(frame.read(index));
  }
  return () => test(read());
}

function withoutIgnoreCase(name: string): ReturnType<typeof resolveOperator> {
  const { decorators, operator } = parseOperatorName(name);
  if (decorators[0] !== 'ignoreCase' || (decorators.length === 1 && operator === 'matches')) return undefined;
  return resolveOperator(name.slice('ignoreCase:'.length));
}

function reader(access: FactAccess, frame: EventFrame): () => FactValue {
  const { slot, steps, isWhole } = access;
  if (slot === undefined) return () => undefined;
  const index = frame.register(slot);
  if (steps.length === 0) return () => frame.read(index);
  return () => {
    const value = frame.read(index);
    const isObject = typeof value === 'object' && value !== null;
    return isWhole && !isObject ? value : follow(value, steps);
  };
}
