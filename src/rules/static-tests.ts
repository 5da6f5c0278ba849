// The part of a condition that the bridge can test by itself: paths, compared whole, by prefix and by suffix.

import { bytesOfText } from '../events/text.ts';
import type { Trigger } from '../events/triggers.ts';
import { type Condition, isFactReference, type Leaf, type NamedConditions } from './conditions.ts';
import { accessOf } from './fact-access.ts';

/** picket.v1.StaticTest, with its numbers. */
interface StaticTest {
  readonly subject: number;
  readonly operator: number;
  readonly values: Uint8Array[];
}

/** Tests that must all hold. */
export type StaticConjunction = readonly StaticTest[];

/** picket.v1.StaticTest.Subject. */
export const SUBJECT = { filePath: 1, previousExecutable: 2, processExecutable: 3 } as const;
/** picket.v1.StaticTest.Operator. */
export const OPERATOR = { equal: 1, prefix: 2, suffix: 3 } as const;
const OPERATORS: Readonly<Record<string, number>> = {
  equal: OPERATOR.equal,
  in: OPERATOR.equal,
  'someValue:equal': OPERATOR.equal,
  startsWith: OPERATOR.prefix,
  'someValue:startsWith': OPERATOR.prefix,
  endsWith: OPERATOR.suffix,
  'someValue:endsWith': OPERATOR.suffix,
};
// Alternatives multiply where they are nested; a policy is no place for thousands.
const ALTERNATIVES_MAX = 64;
// Nor for long lists, which the agent looks up in one step and the bridge would go through.
const VALUES_MAX = 1000;

/** Alternatives that together mean exactly the condition; undefined: the bridge can't tell. */
export function exactTests(
  condition: Condition,
  named: NamedConditions,
  trigger: Trigger,
): readonly StaticConjunction[] | undefined {
  return alternatives(condition, { named, trigger, otherwise: () => undefined, byName: new Map() });
}

/** Alternatives of which one holds whenever the condition does; a conjunction without tests always holds. */
export function necessaryTests(
  condition: Condition,
  named: NamedConditions,
  trigger: Trigger,
): readonly StaticConjunction[] {
  return alternatives(condition, { named, trigger, otherwise: () => [[]], byName: new Map() }) ?? [[]];
}

type Alternatives = readonly StaticConjunction[] | undefined;

interface Context {
  readonly named: NamedConditions;
  readonly trigger: Trigger;
  /** Of a condition that the bridge can't test. */
  readonly otherwise: () => Alternatives;
  /** Each name is looked into once, however many refer to it. */
  readonly byName: Map<string, Alternatives>;
}

function alternatives(condition: Condition, context: Context): Alternatives {
  const { named, otherwise, byName } = context;
  const part = (inner: Condition): Alternatives => alternatives(inner, context);
  if ('fact' in condition) {
    const test = testOf(condition, context.trigger);
    return test === undefined ? otherwise() : [[test]];
  }
  if ('not' in condition) return otherwise();
  if ('condition' in condition) {
    const name = condition.condition;
    if (byName.has(name)) return byName.get(name);
    const target = named[name];
    const found = target === undefined ? otherwise() : part(target);
    byName.set(name, found);
    return found;
  }
  if ('all' in condition) {
    let product: readonly StaticConjunction[] = [[]];
    for (const inner of condition.all) {
      const next = part(inner);
      if (next === undefined || product.length * next.length > ALTERNATIVES_MAX) return otherwise();
      // Sets: what names have in common, however often they refer to one another, is tested once.
      product = product.flatMap((left) => next.map((right) => [...new Set([...left, ...right])]));
    }
    return product;
  }
  if (condition.any.length === 0) return [[]];
  const all = new Set<StaticConjunction>();
  for (const inner of condition.any) {
    const next = part(inner);
    if (next === undefined) return otherwise();
    for (const conjunction of next) all.add(conjunction);
  }
  return all.size > ALTERNATIVES_MAX ? otherwise() : [...all];
}

function testOf(leaf: Leaf, trigger: Trigger): StaticTest | undefined {
  const operator = OPERATORS[leaf.operator];
  const access = accessOf(leaf.fact, leaf.path);
  if (operator === undefined || access?.slot === undefined || access.steps.length > 0) return undefined;
  if (isFactReference(leaf.value)) return undefined;
  const subject = subjectOf(access.slot.name, trigger);
  const isListed = leaf.operator === 'in' || leaf.operator.startsWith('someValue:');
  if (subject === undefined || isListed !== Array.isArray(leaf.value)) return undefined;
  const values = [leaf.value].flat();
  if (values.length > VALUES_MAX) return undefined;
  const texts = values.filter((value) => typeof value === 'string');
  // The bridge compares bytes. That is the same for whole characters only: half of one could be a suffix of bytes.
  const isSame = texts.every((text) => text !== '' && text.isWellFormed());
  if (texts.length === 0 || texts.length !== values.length || !isSame) return undefined;
  return { subject, operator, values: texts.map(bytesOfText) };
}

function subjectOf(name: string, trigger: Trigger): number | undefined {
  const isExec = trigger === 'auth.exec';
  if (name === 'file.path') return SUBJECT.filePath;
  if (name === 'process.executable') return isExec ? SUBJECT.filePath : SUBJECT.processExecutable;
  return name === 'process.previous.executable' && isExec ? SUBJECT.previousExecutable : undefined;
}
