// The key of a rule: what its conditions can't hold without, in a form that an index looks up. `all` has the key of one
// branch, the rarest; `any` one of each; `not` none.

import {
  type Condition,
  isFactReference,
  type Leaf,
  type NamedConditions,
  visitLeaves,
} from '../conditions.ts';
import { factName } from '../fact-access.ts';
import { keysOfLeaf, type LeafKey, type LeafKeys } from './leaf-key.ts';
import { likelihoodOf, ValueCounts } from './likelihood.ts';

export interface KeyPart extends LeafKey {
  /** From 0 to 1, by a guess: how many events have it. */
  readonly likelihood: number;
}

/** Parts of which one is there in every event that the rule matches; or the reason, in words, why nothing is. */
export type RuleKey = FoundKey | { readonly reason: string };

interface FoundKey {
  readonly parts: readonly KeyPart[];
  readonly likelihood: number;
}

const ALWAYS: RuleKey = { reason: 'an empty list of conditions always holds' };
const NEVER: FoundKey = { parts: [], likelihood: 0 };

/** Chooses keys for the rules of one trigger. What a named condition needs is found out once. */
export class KeyChooser {
  readonly #named: NamedConditions;
  readonly #leaves = new Map<Leaf, LeafKeys>();
  readonly #counts = new ValueCounts();
  readonly #byName = new Map<string, RuleKey>();
  readonly #isUsable: (leaf: Leaf) => boolean;

  /** @param isUsable whether what the event says of the leaf's facts can be relied on */
  constructor(
    rules: readonly { readonly conditions: Condition }[],
    named: NamedConditions,
    isUsable: (leaf: Leaf) => boolean = () => true,
  ) {
    this.#named = named;
    this.#isUsable = isUsable;
    for (const { conditions } of rules) {
      visitLeaves(conditions, named, (leaf, isNegated) => {
        if (!isNegated) this.#count(leaf);
      });
    }
  }

  keyOf(condition: Condition): RuleKey {
    if ('all' in condition) return this.#rarest(condition.all);
    if ('any' in condition) return this.#together(condition.any);
    if ('not' in condition) return { reason: 'a `not` tells what must be missing, not what must be there' };
    if ('condition' in condition) return this.#referredTo(condition.condition);
    const keys = this.#keysOf(condition);
    if ('reason' in keys) return { reason: `${describe(condition)} ${keys.reason}` };
    return rarestOf(
      keys.alternatives.map((alternative) => together(alternative.map((key) => this.#part(key)))),
    );
  }

  #count(leaf: Leaf): void {
    const keys = this.#keysOf(leaf);
    if ('reason' in keys) return;
    for (const key of keys.alternatives.flat()) this.#counts.add(key);
  }

  #keysOf(leaf: Leaf): LeafKeys {
    let keys = this.#leaves.get(leaf);
    if (keys === undefined) {
      keys = this.#isUsable(leaf) ? keysOfLeaf(leaf) : { reason: 'reads a path that can be in doubt' };
      this.#leaves.set(leaf, keys);
    }
    return keys;
  }

  #part(key: LeafKey): KeyPart {
    return { ...key, likelihood: likelihoodOf(key, this.#counts) };
  }

  #referredTo(name: string): RuleKey {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const target = this.#named[name];
    // Without a condition of this name nothing matches, and nothing is looked up.
    const key = target === undefined ? NEVER : this.keyOf(target);
    this.#byName.set(name, key);
    return key;
  }

  #rarest(branches: readonly Condition[]): RuleKey {
    const found: FoundKey[] = [];
    let reason: RuleKey = ALWAYS;
    for (const branch of branches) {
      const key = this.keyOf(branch);
      if ('parts' in key) found.push(key);
      else if (reason === ALWAYS) reason = key;
    }
    return found.length === 0 ? reason : rarestOf([...found, ...intersections(found)]);
  }

  #together(branches: readonly Condition[]): RuleKey {
    if (branches.length === 0) return ALWAYS;
    // A Set: what named conditions have in common is there once, however deep they are nested.
    const parts = new Set<KeyPart>();
    for (const branch of branches) {
      const key = this.keyOf(branch);
      if ('reason' in key) return key;
      for (const part of key.parts) parts.add(part);
    }
    return together([...parts]);
  }
}

function together(parts: readonly KeyPart[]): FoundKey {
  let likelihood = 0;
  for (const part of parts) likelihood += part.likelihood;
  return { parts, likelihood: Math.min(1, likelihood) };
}

function rarestOf(keys: readonly FoundKey[]): FoundKey {
  const [first = NEVER, ...more] = keys;
  return more.reduce((rarest, key) => (key.likelihood < rarest.likelihood ? key : rarest), first);
}

/** `greaterThan` and `lessThan` of one fact make a narrower range. Of a list's entries, each could be another. */
function intersections(keys: readonly FoundKey[]): readonly FoundKey[] {
  const ranges = new Map<string, KeyPart>();
  for (const { parts } of keys) {
    const [part] = parts;
    if (parts.length !== 1 || part?.place !== 'range' || part.isList || part.isFolded) continue;
    const name = `${part.fact} ${part.access.isWhole}`;
    const before = ranges.get(name);
    const low = Math.max(part.low, before?.low ?? part.low);
    const high = Math.min(part.high, before?.high ?? part.high);
    const likelihood = part.likelihood * (before?.likelihood ?? 1);
    ranges.set(name, { ...part, low, high, likelihood });
  }
  return [...ranges.values()].map((part) => together([part]));
}

function describe({ fact, path, operator, value }: Leaf): string {
  const other = isFactReference(value) ? ` ${factName(value.fact, value.path)}` : '';
  return `\`${factName(fact, path)} ${operator}${other}\``;
}
