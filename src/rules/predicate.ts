// Conditions turned into closures over an event frame: no condition is interpreted while an event waits. A named
// condition is compiled once and evaluated once an event, however many rules and names refer to it.

import { type Condition, isFactReference, type Leaf, type NamedConditions } from './conditions.ts';
import type { EventFrame } from './event-frame.ts';
import { accessOf } from './fact-access.ts';
import type { LeafTests } from './leaf-test.ts';

export type Test = () => boolean;
const ALWAYS: Test = () => true;
export const NEVER: Test = () => false;

/**
 * What a leaf counts as whose truth is not known: in `possible` the condition holds if it could, in `certain` only if
 * it must. `not` turns one into the other.
 */
export type Bound = 'possible' | 'certain';

/** What puts a leaf's truth in doubt: always, or while one of these facts (by their numbers in the frame) is true. */
export type Doubts = 'always' | readonly number[];

/** Only the referee can evaluate it: a path with filters, wildcards or slices, on either side. */
export function needsReferee(leaf: Leaf): boolean {
  if (accessOf(leaf.fact, leaf.path) === undefined) return true;
  return isFactReference(leaf.value) && accessOf(leaf.value.fact, leaf.value.path) === undefined;
}

export class ConditionCompiler {
  readonly #frame: EventFrame;
  readonly #leaves: LeafTests;
  readonly #named: NamedConditions;
  readonly #doubts: (leaf: Leaf) => Doubts;
  readonly #tests = { possible: new Map<string, Test>(), certain: new Map<string, Test>() };
  readonly #doubted = new Map<string, boolean>();

  constructor(leaves: LeafTests, named: NamedConditions, doubts: (leaf: Leaf) => Doubts) {
    this.#frame = leaves.frame;
    this.#leaves = leaves;
    this.#named = named;
    this.#doubts = doubts;
  }

  compile(condition: Condition, bound: Bound): Test {
    if ('any' in condition) {
      // json-rules-engine: an empty list is true, of `any` too.
      if (condition.any.length === 0) return ALWAYS;
      return anyTest(condition.any.map((part) => this.compile(part, bound)));
    }
    if ('all' in condition) return allTest(condition.all.map((part) => this.compile(part, bound)));
    if ('not' in condition)
      return notTest(this.compile(condition.not, bound === 'possible' ? 'certain' : 'possible'));
    if ('condition' in condition) return this.#compileNamed(condition.condition, bound);
    return this.#compileLeaf(condition, bound);
  }

  #compileNamed(name: string, bound: Bound): Test {
    const target = this.#named[name];
    if (target === undefined) return NEVER;
    // Where nothing can be in doubt, both bounds are the same test, and it is evaluated once for both.
    const tests = this.#tests[this.#isDoubted(name) ? bound : 'possible'];
    let test = tests.get(name);
    if (test === undefined) {
      const compiled = this.compile(target, bound);
      test = compiled === ALWAYS || compiled === NEVER ? compiled : this.#frame.once(compiled);
      tests.set(name, test);
    }
    return test;
  }

  #compileLeaf(leaf: Leaf, bound: Bound): Test {
    const doubts = this.#doubts(leaf);
    const inDoubt = bound === 'possible';
    if (doubts === 'always') return inDoubt ? ALWAYS : NEVER;
    const test = this.#leaves.testOf(leaf);
    const frame = this.#frame;
    const [first, ...more] = doubts;
    if (first === undefined) return test;
    if (more.length === 0) return () => (frame.read(first) === true ? inDoubt : test());
    return () => (doubts.some((flag) => frame.read(flag) === true) ? inDoubt : test());
  }

  #isDoubted(name: string): boolean {
    let isDoubted = this.#doubted.get(name);
    if (isDoubted === undefined) {
      const target = this.#named[name];
      isDoubted = target !== undefined && this.#isInDoubt(target);
      this.#doubted.set(name, isDoubted);
    }
    return isDoubted;
  }

  #isInDoubt(condition: Condition): boolean {
    if ('all' in condition) return condition.all.some((part) => this.#isInDoubt(part));
    if ('any' in condition) return condition.any.some((part) => this.#isInDoubt(part));
    if ('not' in condition) return this.#isInDoubt(condition.not);
    if ('condition' in condition) return this.#isDoubted(condition.condition);
    return this.#doubts(condition).length > 0;
  }
}

function allTest(parts: readonly Test[]): Test {
  const tests = parts.filter((test) => test !== ALWAYS);
  if (tests.includes(NEVER)) return NEVER;
  const [first, second, third, fourth] = tests;
  if (first === undefined) return ALWAYS;
  if (second === undefined) return first;
  if (third === undefined) return () => first() && second();
  if (fourth === undefined) return () => first() && second() && third();
  return () => {
    for (let i = 0; i < tests.length; i++) if (!(tests[i] as Test)()) return false;
    return true;
  };
}

function anyTest(parts: readonly Test[]): Test {
  const tests = parts.filter((test) => test !== NEVER);
  if (tests.includes(ALWAYS)) return ALWAYS;
  const [first, second, third, fourth] = tests;
  if (first === undefined) return NEVER;
  if (second === undefined) return first;
  if (third === undefined) return () => first() || second();
  if (fourth === undefined) return () => first() || second() || third();
  return () => {
    for (let i = 0; i < tests.length; i++) if ((tests[i] as Test)()) return true;
    return false;
  };
}

function notTest(test: Test): Test {
  if (test === ALWAYS) return NEVER;
  return test === NEVER ? ALWAYS : () => !test();
}
