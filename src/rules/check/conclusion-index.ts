// Finds, for a condition, those that might follow from it, without looking at all of them: each condition is filed under
// a test that it can't hold without, and what implies the condition implies that test.

import type { FactValue } from '../../events/facts.ts';
import { foldCase } from '../fold-case.ts';
import type { Literal } from '../logic/literal.ts';
import type { Normal } from '../logic/normal-form.ts';
import type { Shape } from '../logic/shapes.ts';

type TextShape = Extract<Shape, { kind: 'text' }>;

export class ConclusionIndex {
  readonly #filed = new Map<string, number[]>();
  /** Filed under nothing: groups that always hold, and what has no test of its own. */
  readonly #anywhere: number[] = [];
  /** The lengths of the texts that are filed, by what comes before the text in their keys. */
  readonly #lengths = new Map<string, Set<number>>();

  constructor(conclusions: readonly Normal[]) {
    const frequency = new Map<string, number>();
    for (const normal of conclusions) {
      for (const literal of topLiterals(normal)) {
        for (const key of keysOf(literal)) frequency.set(key, (frequency.get(key) ?? 0) + 1);
      }
    }
    for (const [number, normal] of conclusions.entries()) {
      const keys = filingKeys(normal, frequency);
      if (keys === undefined) this.#anywhere.push(number);
      else for (const key of new Set(keys)) this.#file(key, number);
    }
  }

  /** Numbers of conclusions below the limit, the lowest first, each once, and no more than are wanted. */
  candidates(premise: Normal, limit: number, wanted: number): readonly number[] {
    const found = new Set<number>();
    const add = (numbers: readonly number[]): void => {
      // They are in order: what counts of each list is its beginning.
      for (const number of numbers.slice(0, wanted)) {
        if (number >= limit) return;
        found.add(number);
      }
    };
    add(this.#anywhere);
    for (const key of this.#lookups(premise, [])) add(this.#filed.get(key) ?? []);
    return [...found].sort((a, b) => a - b).slice(0, wanted);
  }

  #file(key: string, number: number): void {
    const numbers = this.#filed.get(key);
    if (numbers === undefined) this.#filed.set(key, [number]);
    else numbers.push(number);
    const text = /^(.*? (?:start|end|anywhere|whole)[01] )(.*)$/s.exec(key);
    if (text === null) return;
    const [, before = '', after = ''] = text;
    const lengths = this.#lengths.get(before) ?? new Set();
    this.#lengths.set(before, lengths.add(after.length));
  }

  #lookups(premise: Normal, keys: string[]): string[] {
    if (premise.kind === 'and') for (const part of premise.parts) this.#lookups(part, keys);
    if (premise.kind === 'or') {
      // What follows from all alternatives follows from the first.
      const [first] = premise.parts;
      if (first !== undefined) this.#lookups(first, keys);
    } else if (premise.kind === 'literal') this.#literalLookups(premise, keys);
    return keys;
  }

  #literalLookups(literal: Literal, keys: string[]): void {
    keys.push(`any ${literal.variable}`);
    if (literal.isNegated || literal.isInnerNegated || literal.quantifier === 'every') return;
    const place = placeOf(literal);
    const { shape } = literal.form;
    if (shape.kind === 'values') {
      const [value] = shape.values;
      keys.push(valueKey(place, value));
      if (typeof value === 'string') this.#textLookups(place, value, 'whole', false, keys);
    } else if (shape.kind === 'text') {
      const [text] = shape.texts;
      if (text !== undefined) this.#textLookups(place, text, shape.at, shape.folds, keys);
    }
  }

  #textLookups(place: string, text: string, at: TextShape['at'], isFolded: boolean, keys: string[]): void {
    const folded = isFolded ? text : foldCase(text);
    if (!isFolded) this.#partLookups(place, text, at, 0, keys);
    this.#partLookups(place, folded, at, 1, keys);
  }

  #partLookups(place: string, text: string, at: TextShape['at'], folds: 0 | 1, keys: string[]): void {
    if (at === 'whole') keys.push(`${place} whole${folds} ${text}`);
    for (const part of ['start', 'end', 'anywhere'] as const) {
      const before = `${place} ${part}${folds} `;
      for (const length of this.#lengths.get(before) ?? []) {
        if (length > text.length) continue;
        if (part === 'start') keys.push(before + text.slice(0, length));
        else if (part === 'end') keys.push(before + text.slice(text.length - length));
        else for (let i = 0; i + length <= text.length; i++) keys.push(before + text.slice(i, i + length));
      }
    }
  }
}

/** One of these keys is among the look-ups of whatever implies the literal. */
function keysOf(literal: Literal): string[] {
  const { shape } = literal.form;
  const isPlain = !literal.isNegated && !literal.isInnerNegated && literal.quantifier !== 'every';
  const place = placeOf(literal);
  if (isPlain && shape.kind === 'values') return shape.values.map((value) => valueKey(place, value));
  if (isPlain && shape.kind === 'text')
    return shape.texts.map((text) => `${place} ${shape.at}${shape.folds ? 1 : 0} ${text}`);
  return [`any ${literal.variable}`];
}

const placeOf = ({ variable, quantifier }: Literal): string => `${quantifier} ${variable}`;

const valueKey = (place: string, value: FactValue): string => `${place} = ${typeof value} ${String(value)}`;

function topLiterals(normal: Normal): readonly Literal[] {
  if (normal.kind === 'literal') return [normal];
  return normal.parts.flatMap((part) => topLiterals(part));
}

/** Under the test that the fewest others share; an alternative under a test of each branch. */
function filingKeys(normal: Normal, frequency: ReadonlyMap<string, number>): string[] | undefined {
  if (normal.kind === 'literal') return keysOf(normal);
  if (normal.kind === 'or') {
    const branches = normal.parts.map((part) => filingKeys(part, frequency));
    const keys = branches.flatMap((branch) => branch ?? []);
    return branches.includes(undefined) ? undefined : keys;
  }
  let best: string[] | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const part of normal.parts) {
    const keys = filingKeys(part, frequency);
    if (keys === undefined) continue;
    const shared = keys.reduce((sum, key) => sum + (frequency.get(key) ?? 0), 0);
    if (shared >= least) continue;
    least = shared;
    best = keys;
  }
  return best;
}
