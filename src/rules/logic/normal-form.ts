// Conditions in a form in which two that mean the same are mostly the same object: `not` stands at the literals alone,
// nested groups of one kind are one group, order and repetition are gone. Equal parts are made once, named conditions
// too, so that conditions which use each other many times stay small.

import type { Condition, Leaf, NamedConditions } from '../conditions.ts';
import { type Literal, literalParts } from './literal.ts';

export interface Group {
  readonly kind: 'and' | 'or';
  readonly id: number;
  /** None: `and` always holds, `or` never. */
  readonly parts: readonly Normal[];
}

export type Normal = Literal | Group;

export class NormalForms {
  readonly #named: NamedConditions;
  readonly #known = new Map<string, Normal>();
  readonly #ofNamed = new Map<string, Normal>();
  readonly #ofLeaves: readonly [WeakMap<Leaf, Normal>, WeakMap<Leaf, Normal>] = [
    new WeakMap(),
    new WeakMap(),
  ];

  constructor(named: NamedConditions) {
    this.#named = named;
  }

  of(condition: Condition, isNegated = false): Normal {
    if ('not' in condition) return this.of(condition.not, !isNegated);
    if ('condition' in condition) return this.#reference(condition.condition, isNegated);
    if ('fact' in condition) return this.#leaf(condition, isNegated);
    // json-rules-engine: `any` of nothing is true, like `all` of nothing.
    if ('any' in condition && condition.any.length > 0) {
      return this.group(
        isNegated ? 'and' : 'or',
        condition.any.map((part) => this.of(part, isNegated)),
      );
    }
    const parts = 'all' in condition ? condition.all : [];
    return this.group(
      isNegated ? 'or' : 'and',
      parts.map((part) => this.of(part, isNegated)),
    );
  }

  group(kind: Group['kind'], parts: readonly Normal[]): Normal {
    const flat = new Map<number, Normal>();
    for (const part of parts) {
      if (part.kind === kind) for (const inner of part.parts) flat.set(inner.id, inner);
      else if (part.kind !== 'literal' && part.parts.length === 0) return this.#intern(part.kind, []);
      else flat.set(part.id, part);
    }
    const [only, ...more] = flat.values();
    return only !== undefined && more.length === 0 ? only : this.#intern(kind, [...flat.values()]);
  }

  #intern(kind: Group['kind'], parts: readonly Normal[]): Group {
    const key = `${kind} ${parts
      .map(({ id }) => id)
      .sort((a, b) => a - b)
      .join()}`;
    return this.#make(key, (id) => ({ kind, id, parts })) as Group;
  }

  #leaf(leaf: Leaf, isNegated: boolean): Normal {
    const cache = this.#ofLeaves[isNegated ? 1 : 0];
    const known = cache.get(leaf);
    if (known !== undefined) return known;
    const parts = literalParts(leaf, isNegated);
    const made = ((): Normal => {
      if (parts === 'never') return this.#intern('or', []);
      if (parts === 'always') return this.#intern('and', []);
      const { key, ...literal } = parts;
      return this.#make(key, (id) => ({ kind: 'literal', id, ...literal }));
    })();
    cache.set(leaf, made);
    return made;
  }

  #reference(name: string, isNegated: boolean): Normal {
    const key = `${isNegated ? '-' : '+'}${name}`;
    const known = this.#ofNamed.get(key);
    if (known !== undefined) return known;
    const target = this.#named[name];
    // A name that leads nowhere is never true, and its opposite always.
    const made =
      target === undefined ? this.#intern(isNegated ? 'and' : 'or', []) : this.of(target, isNegated);
    this.#ofNamed.set(key, made);
    return made;
  }

  #make(key: string, make: (id: number) => Normal): Normal {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const made = make(this.#known.size + 1);
    this.#known.set(key, made);
    return made;
  }
}

/** What must hold together, at the top: the parts of an `and`, or the thing itself. */
export function conjuncts(normal: Normal): readonly Normal[] {
  return normal.kind === 'and' ? normal.parts : [normal];
}
