// A condition beside what one event made of it, as plain data for people and programs: each test with the value that
// was expected and the one that the event has, and which of them decided.

import type { FactValue } from '../events/facts.ts';
import { comparedValue, factValue, opposite, type Sight } from './condition-probe.ts';
import { type Condition, isFactReference, type Leaf, type NamedConditions } from './conditions.ts';
import { factName } from './fact-access.ts';
import type { Bound } from './predicate.ts';
import { describeValue } from './rule-problem.ts';

export interface ConditionView {
  readonly kind: 'all' | 'any' | 'not' | 'condition' | 'fact';
  /** Of a named condition. */
  readonly name?: string;
  readonly isTrue: boolean;
  /** It made what is around it what that is. */
  readonly isDecisive: boolean;
  readonly parts?: readonly ConditionView[];
  readonly test?: LeafView;
}

export interface LeafView {
  readonly fact: string;
  readonly operator: string;
  readonly expected: string;
  readonly actual: string;
  readonly isMissing: boolean;
  /** Its path is unresolved: it counts as what is safe, not as what it is. */
  readonly isInDoubt: boolean;
}

export interface ViewOptions {
  readonly named: NamedConditions;
  readonly sight: Sight;
  readonly bound: Bound;
}

export function viewOf(condition: Condition, options: ViewOptions): ConditionView {
  return view(condition, options, true);
}

function view(condition: Condition, options: ViewOptions, isDecisive: boolean): ConditionView {
  const { named, sight, bound } = options;
  if ('fact' in condition) {
    return {
      kind: 'fact',
      isTrue: sight.isTrue(condition, bound),
      isDecisive,
      test: leafView(condition, sight),
    };
  }
  if ('not' in condition) {
    const part = view(condition.not, { ...options, bound: opposite(bound) }, isDecisive);
    return { kind: 'not', isTrue: !part.isTrue, isDecisive, parts: [part] };
  }
  if ('condition' in condition) {
    const target = named[condition.condition];
    const part = target && view(target, options, isDecisive);
    return {
      kind: 'condition',
      name: condition.condition,
      isTrue: part?.isTrue ?? false,
      isDecisive,
      parts: part === undefined ? [] : [part],
    };
  }
  const kind = 'all' in condition ? 'all' : 'any';
  const inner = 'all' in condition ? condition.all : condition.any;
  const parts = inner.map((part) => view(part, options, isDecisive));
  const isTrue = kind === 'all' ? parts.every(isPartTrue) : parts.length === 0 || parts.some(isPartTrue);
  if (!isDecisive) return { kind, isTrue, isDecisive, parts };
  // One false part of an `all`, or one true part of an `any`, is enough: the first, as evaluation ends there.
  const isOneEnough = (kind === 'all') !== isTrue;
  const first = parts.findIndex((part) => part.isTrue === isTrue);
  const marked = parts.map((part, index) =>
    part.isTrue === isTrue && (!isOneEnough || index === first) ? part : unmarked(part),
  );
  return { kind, isTrue, isDecisive, parts: marked };
}

const isPartTrue = ({ isTrue }: ConditionView): boolean => isTrue;

function unmarked(node: ConditionView): ConditionView {
  const { parts } = node;
  return { ...node, isDecisive: false, ...(parts === undefined ? {} : { parts: parts.map(unmarked) }) };
}

export function leafView(leaf: Leaf, sight: Sight): LeafView {
  const { facts } = sight;
  const actual = factValue(leaf.fact, leaf.path, facts);
  return {
    fact: factName(leaf.fact, leaf.path),
    operator: leaf.operator,
    expected: expectedText(leaf, sight),
    actual: describeFact(actual),
    isMissing: actual === undefined,
    isInDoubt: sight.isInDoubt(leaf),
  };
}

function expectedText(leaf: Leaf, { facts }: Sight): string {
  const { value } = leaf;
  if (!isFactReference(value)) return describeFact(value);
  return `${factName(value.fact, value.path)}, which is ${describeFact(comparedValue(leaf, facts))}`;
}

const SHOWN_MAX = 160;

/** As JSON, cut where it is long: of a list of 100,000 values a few say enough. */
export function describeFact(value: FactValue): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object') return typeof value === 'string' ? describeValue(value) : String(value);
  const isLong = Array.isArray(value) && value.length > SHOWN_MAX;
  const text = JSON.stringify(isLong ? value.slice(0, SHOWN_MAX) : value, (_, entry: unknown) =>
    typeof entry === 'bigint' ? String(entry) : entry,
  );
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX - 1)}…` : text;
}

/** The tests that decided, in the order in which they stand. */
export function decisiveTests(node: ConditionView): readonly { test: LeafView; isTrue: boolean }[] {
  if (!node.isDecisive) return [];
  if (node.test !== undefined) return [{ test: node.test, isTrue: node.isTrue }];
  return (node.parts ?? []).flatMap(decisiveTests);
}
