// Whether conditions can hold together. What is found is certain; what would take too long is not found.

import type { FactValue } from '../../events/facts.ts';
import { contradicts, type Literal } from './literal.ts';
import type { Normal } from './normal-form.ts';

/** What can't hold together. */
export interface Contradiction {
  readonly literal: Literal;
  /** undefined: the literal alone, or a value that the event is known to have. */
  readonly other: Literal | undefined;
}

/** Values that a fact has whatever the conditions say; undefined is among them where it may be missing. */
export type KnownValues = ReadonlyMap<string, readonly FactValue[]>;

const NOTHING_KNOWN: KnownValues = new Map();
const STEPS_MAX = 4000;
const LITERALS_MAX = 64;

/** @returns `never`: one of the parts is by itself a group that never holds. undefined: none was found. */
export function contradictionIn(
  parts: readonly Normal[],
  known: KnownValues = NOTHING_KNOWN,
): Contradiction | 'never' | undefined {
  return new Search(known).conflict(parts, new Scope(undefined));
}

/** What is known of one fact so far. */
interface Known {
  /** undefined: any value. */
  readonly values: readonly FactValue[] | undefined;
  readonly literals: readonly Literal[];
}

/** What holds together; a branch adds to what its surroundings say. */
class Scope {
  readonly #outer: Scope | undefined;
  readonly #facts = new Map<string, Known>();

  constructor(outer: Scope | undefined) {
    this.#outer = outer;
  }

  get(variable: string): Known | undefined {
    return this.#facts.get(variable) ?? this.#outer?.get(variable);
  }

  set(variable: string, known: Known): void {
    this.#facts.set(variable, known);
  }
}

class Search {
  readonly #known: KnownValues;
  #steps = 0;

  constructor(known: KnownValues) {
    this.#known = known;
  }

  conflict(parts: readonly Normal[], scope: Scope): Contradiction | 'never' | undefined {
    let choices: (readonly Normal[])[] = [];
    // The first is taken first, so that of two that exclude each other the later one is found.
    const pending = parts.toReversed();
    while (pending.length > 0) {
      for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
        if (++this.#steps > STEPS_MAX) return undefined;
        if (part.kind === 'or') choices.push(part.parts);
        else if (part.kind === 'and') pending.push(...part.parts.toReversed());
        else if (part.kind === 'literal') {
          const found = this.#add(part, scope);
          if (found !== undefined) return found;
        }
      }
      // A choice with one way left is no choice: what it says holds, and may end others.
      const open: (readonly Normal[])[] = [];
      for (const choice of choices) {
        const { possible, first } = this.#waysOf(choice, scope);
        if (possible.length === 0) return first ?? 'never';
        if (possible.length === 1) pending.push(...possible);
        else open.push(possible);
      }
      choices = open;
    }
    return undefined;
  }

  #waysOf(
    choice: readonly Normal[],
    scope: Scope,
  ): { possible: Normal[]; first: Contradiction | 'never' | undefined } {
    const possible: Normal[] = [];
    let first: Contradiction | 'never' | undefined;
    for (const part of choice) {
      const found = this.conflict([part], new Scope(scope));
      if (found === undefined) possible.push(part);
      else first ??= found;
    }
    return { possible, first };
  }

  #add(literal: Literal, scope: Scope): Contradiction | undefined {
    const before = scope.get(literal.variable);
    const { values, literals } = before ?? { values: this.#known.get(literal.variable), literals: [] };
    const other = literals.find((one) => contradicts(one, literal));
    if (other !== undefined) return { literal, other };
    const { shape } = literal.form;
    const isListed = literal.quantifier === 'one' && !literal.isNegated && shape.kind === 'values';
    const candidates = values ?? (isListed ? shape.values : undefined);
    const tests = values === undefined ? [...literals, literal] : [literal];
    this.#steps += (candidates?.length ?? 0) >> 4;
    const left = candidates?.filter((value) => tests.every(({ holds }) => holds?.(value) ?? true));
    if (left?.length === 0) return { literal, other: literals.at(-1) };
    scope.set(literal.variable, {
      values: left,
      literals: literals.length < LITERALS_MAX ? [...literals, literal] : literals,
    });
    return undefined;
  }
}
