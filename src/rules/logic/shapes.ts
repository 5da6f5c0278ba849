// What a test of one value says, in the few forms that can be compared with each other: whether one form includes
// another, and whether two exclude each other. No is the answer wherever it isn't certain.

import { isIPv4 } from 'node:net';
import type { FactValue } from '../../events/facts.ts';
import { isInNetwork, parseNetwork } from '../cidr.ts';
import { foldCase } from '../fold-case.ts';
import { OPERATORS } from '../operators.ts';

export type TextPart = 'whole' | 'start' | 'end' | 'anywhere';

export type Shape =
  /** The value is one of these. */
  | { readonly kind: 'values'; readonly values: readonly FactValue[] }
  /** The value is text with one of these in that place; `folds`: both without their case (`texts` are folded). */
  | {
      readonly kind: 'text';
      readonly at: TextPart;
      readonly texts: readonly string[];
      readonly folds: boolean;
    }
  | {
      readonly kind: 'bound';
      readonly isLower: boolean;
      readonly value: number | bigint | string;
      readonly isInclusive: boolean;
    }
  /** The value is an address in one of these, in CIDR notation. */
  | { readonly kind: 'networks'; readonly networks: readonly string[] }
  /** Anything else: equal only to itself. */
  | { readonly kind: 'other'; readonly key: string };

/** A shape with the test itself; undefined: it reads a second fact and can't be tried on a value. */
export interface Form {
  readonly shape: Shape;
  readonly holds: ((value: FactValue) => boolean) | undefined;
}

/** The test that a shape is of; undefined: its key alone is known. */
export function testOfShape(shape: Shape): Form['holds'] {
  switch (shape.kind) {
    case 'values':
      return OPERATORS.get('in')?.prepare(shape.values);
    case 'text':
      return (value) => {
        if (typeof value !== 'string') return false;
        const text = shape.folds ? foldCase(value) : value;
        return shape.texts.some((part) => isPartOf(part, text, shape.at));
      };
    case 'bound': {
      const name = `${shape.isLower ? 'greater' : 'less'}Than${shape.isInclusive ? 'Inclusive' : ''}`;
      return OPERATORS.get(name)?.prepare(shape.value);
    }
    case 'networks': {
      const networks = shape.networks.map((one) => OPERATORS.get('inCidr')?.prepare(one));
      return (value) => networks.some((isIn) => isIn?.(value));
    }
    case 'other':
      return undefined;
  }
}

/** Every value that satisfies `a` satisfies `b`. */
export function includes(b: Form, a: Form): boolean {
  const [left, right] = [a.shape, b.shape];
  const { holds } = b;
  if (left.kind === 'values' && holds !== undefined) return left.values.every((value) => holds(value));
  if (left.kind === 'other') return right.kind === 'other' && left.key === right.key;
  if (left.kind === 'text' && right.kind === 'text') {
    return left.texts.every((text) => right.texts.some((part) => impliesText(left, text, right, part)));
  }
  if (left.kind === 'bound' && right.kind === 'bound') return impliesBound(left, right);
  if (left.kind === 'networks' && right.kind === 'networks') {
    return left.networks.every((inner) => right.networks.some((outer) => holdsNetwork(outer, inner)));
  }
  return false;
}

/** No value satisfies both. */
export function excludes(a: Form, b: Form): boolean {
  const [left, right] = [a.shape, b.shape];
  if (left.kind === 'values' && b.holds !== undefined) return !left.values.some(b.holds);
  if (right.kind === 'values' && a.holds !== undefined) return !right.values.some(a.holds);
  if (left.kind === 'text' && right.kind === 'text') {
    return left.texts.every((text) => right.texts.every((other) => isTextApart(left, text, right, other)));
  }
  if (left.kind === 'bound' && right.kind === 'bound') return isBoundApart(left, right);
  if (left.kind === 'networks' && right.kind === 'networks') {
    return left.networks.every((one) =>
      right.networks.every((other) => !holdsNetwork(one, other) && !holdsNetwork(other, one)),
    );
  }
  return false;
}

type TextShape = Extract<Shape, { kind: 'text' }>;
type BoundShape = Extract<Shape, { kind: 'bound' }>;

function impliesText(left: TextShape, text: string, right: TextShape, part: string): boolean {
  // A text without its case says nothing of the case.
  if (left.folds && !right.folds) return false;
  const known = right.folds && !left.folds ? foldCase(text) : text;
  if (right.at === 'anywhere') return known.includes(part);
  if (left.at !== 'whole' && left.at !== right.at) return part === '' && right.at !== 'whole';
  if (right.at === 'whole') return left.at === 'whole' && known === part;
  return right.at === 'start' ? known.startsWith(part) : known.endsWith(part);
}

function isTextApart(left: TextShape, text: string, right: TextShape, other: string): boolean {
  const folds = left.folds || right.folds;
  const a = folds && !left.folds ? foldCase(text) : text;
  const b = folds && !right.folds ? foldCase(other) : other;
  if (left.at === 'whole') return !isPartOf(b, a, right.at);
  if (right.at === 'whole') return !isPartOf(a, b, left.at);
  if (left.at === 'start' && right.at === 'start') return !a.startsWith(b) && !b.startsWith(a);
  return left.at === 'end' && right.at === 'end' && !a.endsWith(b) && !b.endsWith(a);
}

function isPartOf(part: string, whole: string, at: TextPart): boolean {
  switch (at) {
    case 'whole':
      return whole === part;
    case 'start':
      return whole.startsWith(part);
    case 'end':
      return whole.endsWith(part);
    case 'anywhere':
      return whole.includes(part);
  }
}

/** Numbers compare with numbers and times with times; a text that is a number would compare either way. */
function areComparable(a: BoundShape, b: BoundShape): boolean {
  const isText = typeof a.value === 'string';
  return isText === (typeof b.value === 'string');
}

function impliesBound(left: BoundShape, right: BoundShape): boolean {
  if (left.isLower !== right.isLower || !areComparable(left, right)) return false;
  if (left.value === right.value) return right.isInclusive || !left.isInclusive;
  return left.isLower ? left.value > right.value : left.value < right.value;
}

function isBoundApart(left: BoundShape, right: BoundShape): boolean {
  if (left.isLower === right.isLower || !areComparable(left, right)) return false;
  const [lower, upper] = left.isLower ? [left, right] : [right, left];
  if (lower.value === upper.value) return !lower.isInclusive || !upper.isInclusive;
  return lower.value > upper.value;
}

/** Whether every address of the inner network is in the outer one. */
function holdsNetwork(outer: string, inner: string): boolean {
  const [big, small] = [parseNetwork(outer), parseNetwork(inner)];
  if (big === undefined || small === undefined || big.isV6 !== small.isV6 || big.bits > small.bits)
    return false;
  const address = inner.split('/')[0] ?? inner;
  return (isIPv4(address) || address.includes(':')) && isInNetwork(address, big);
}
