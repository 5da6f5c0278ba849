// One test of one fact as a closure over an event frame. The same test in several rules is the same closure.

import type { FactValue } from '../events/facts.ts';
import { isFactReference, type Leaf } from './conditions.ts';
import { parseOperatorName, resolveOperator } from './decorators.ts';
import type { EventFrame } from './event-frame.ts';
import { accessOf } from './fact-access.ts';
import { foldOperand } from './fold-case.ts';
import type { Operator } from './operators.ts';
import { preparePattern } from './pattern-test.ts';

type Test = () => boolean;
const NEVER: Test = () => false;

export class LeafTests {
  readonly frame: EventFrame;
  readonly #byScalar = new Map<string, Test>();
  readonly #byList = new Map<object, Map<string, Test>>();

  constructor(frame: EventFrame) {
    this.frame = frame;
  }

  testOf(leaf: Leaf): Test {
    const access = accessOf(leaf.fact, leaf.path);
    if (access === undefined) return NEVER;
    const fact = this.frame.register(access);
    const { value, operator } = leaf;
    if (isFactReference(value)) return this.#compare(fact, value, operator);
    const isList = typeof value === 'object' && value !== null;
    const known = isList ? this.#ofList(value) : this.#byScalar;
    const key = isList ? `${fact} ${operator}` : `${fact} ${operator} ${typeof value} ${value}`;
    let test = known.get(key);
    if (test === undefined) {
      test = this.#make(fact, operator, value);
      known.set(key, test);
    }
    return test;
  }

  #ofList(list: object): Map<string, Test> {
    let known = this.#byList.get(list);
    if (known === undefined) {
      known = new Map();
      this.#byList.set(list, known);
    }
    return known;
  }

  #compare(
    fact: number,
    value: { readonly fact: string; readonly path?: string | undefined },
    name: string,
  ): Test {
    const operator = resolveOperator(name);
    const access = accessOf(value.fact, value.path);
    if (operator === undefined || access === undefined) return NEVER;
    const { frame } = this;
    const other = frame.register(access);
    return () => operator.evaluate(frame.read(fact), frame.read(other));
  }

  #make(fact: number, name: string, value: FactValue): Test {
    const { frame } = this;
    if (name === 'matches' || name === 'ignoreCase:matches') {
      if (typeof value !== 'string') return NEVER;
      const test = preparePattern(value, name !== 'matches');
      // Of all tests the dearest: two rules that share it cost one.
      return frame.once(() => test(frame.read(fact), () => frame.readFolded(fact)));
    }
    const unfolded = withoutIgnoreCase(name);
    if (unfolded !== undefined) {
      // The text is folded once an event, not once a condition.
      const test = unfolded.prepare(foldOperand(value));
      return () => test(frame.readFolded(fact));
    }
    const test = resolveOperator(name)?.prepare(value);
    return test === undefined ? NEVER : () => test(frame.read(fact));
  }
}

/**
 * `ignoreCase:` folds both sides, lists entry by entry, so it may as well be done before anything else, and once, for
 * what is folded stays as it is. Not of patterns, which ignore case by themselves.
 */
function withoutIgnoreCase(name: string): Operator | undefined {
  const { decorators, operator } = parseOperatorName(name);
  const others = decorators.filter((decorator) => decorator !== 'ignoreCase');
  if (operator === 'matches' || others.length === decorators.length) return undefined;
  return resolveOperator([...others, operator].join(':'));
}
