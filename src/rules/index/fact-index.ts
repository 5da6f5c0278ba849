// The keys that are looked up in one fact: a hash for whole values, tries for their beginnings and ends, an automaton
// for what is inside, a tree of intervals for numbers and one of networks for addresses.

import type { FactValue } from '../../events/facts.ts';
import { textOfAscii } from '../../events/text.ts';
import { parseNetwork } from '../cidr.ts';
import { Automaton } from './automaton.ts';
import type { Hits, KeyNumbers } from './hits.ts';
import { type Interval, IntervalTree } from './interval-tree.ts';
import { NetworkTree } from './network-tree.ts';
import type { KeyPart } from './rule-key.ts';
import { TextFilter } from './text-filter.ts';
import { TextTrie } from './text-trie.ts';

export class FactIndexBuilder {
  readonly #whole = new KeysByValue<FactValue>();
  readonly #prefixes = new KeysByValue<string>();
  readonly #suffixes = new KeysByValue<string>();
  readonly #inside = new KeysByValue<string>();
  readonly #intervals: Interval[] = [];
  readonly #networks = new NetworkTree();

  add(part: KeyPart, key: number): void {
    const { place, values, low, high } = part;
    switch (place) {
      case 'whole':
        this.#whole.add(values, key);
        return;
      case 'prefix':
        this.#prefixes.add(texts(values), key);
        return;
      case 'suffix':
        this.#suffixes.add(texts(values), key);
        return;
      case 'inside':
        this.#inside.add(texts(values), key);
        return;
      case 'range':
        this.#intervals.push({ low, high, key });
        return;
      case 'network':
        for (const text of texts(values)) {
          const network = parseNetwork(text);
          if (network !== undefined) this.#networks.add(network, key);
        }
    }
  }

  build(): FactIndex {
    const prefixes = this.#prefixes.numbers;
    const suffixes = this.#suffixes.numbers;
    const inside = this.#inside.numbers;
    return new FactIndex(
      this.#whole.numbers,
      prefixes.size === 0 ? undefined : new TextTrie(prefixes, 'prefix'),
      suffixes.size === 0 ? undefined : new TextTrie(suffixes, 'suffix'),
      inside.size === 0 ? undefined : new Automaton(inside),
      this.#intervals.length === 0 ? undefined : new IntervalTree(this.#intervals),
      this.#networks.size === 0 ? undefined : this.#networks,
    );
  }
}

const texts = (values: readonly FactValue[]): readonly string[] =>
  values.filter((value) => typeof value === 'string');

/** A list of 100,000 values has one number, and one array that holds it. */
class KeysByValue<Value extends FactValue> {
  readonly numbers = new Map<Value, KeyNumbers>();
  readonly #own = new Set<KeyNumbers>();

  add(values: readonly Value[], key: number): void {
    const shared: KeyNumbers = [key];
    for (const value of values) {
      // Equal to nothing, but a Map would find it.
      if (Number.isNaN(value)) continue;
      const before = this.numbers.get(value);
      if (before === undefined) this.numbers.set(value, shared);
      else if (before === shared) continue;
      else if (this.#own.has(before)) (before as number[]).push(key);
      else {
        const both = [...before, key];
        this.#own.add(both);
        this.numbers.set(value, both);
      }
    }
  }
}

class FactIndex {
  readonly #whole: ReadonlyMap<FactValue, KeyNumbers>;
  readonly #wholeTexts: TextFilter;
  readonly #prefixes: TextTrie | undefined;
  readonly #suffixes: TextTrie | undefined;
  readonly #inside: Automaton | undefined;
  readonly #intervals: IntervalTree | undefined;
  readonly #networks: NetworkTree | undefined;

  constructor(
    whole: ReadonlyMap<FactValue, KeyNumbers>,
    prefixes: TextTrie | undefined,
    suffixes: TextTrie | undefined,
    inside: Automaton | undefined,
    intervals: IntervalTree | undefined,
    networks: NetworkTree | undefined,
  ) {
    this.#whole = whole;
    this.#wholeTexts = new TextFilter([...whole.keys()].filter((value) => typeof value === 'string'));
    this.#prefixes = prefixes;
    this.#suffixes = suffixes;
    this.#inside = inside;
    this.#intervals = intervals;
    this.#networks = networks;
  }

  collect(value: FactValue, hits: Hits): void {
    if (typeof value === 'string') {
      if (this.#wholeTexts.mayHave(value)) this.#find(value, hits);
      this.#prefixes?.collect(value, hits);
      this.#suffixes?.collect(value, hits);
      this.#inside?.collect(value, hits);
      this.#networks?.collect(value, hits);
    } else this.#find(value, hits);
    if (this.#intervals !== undefined) {
      const number = typeof value === 'number' ? value : numberOf(value);
      if (!Number.isNaN(number)) this.#intervals.collect(number, hits);
    }
  }

  /** Whether texts may be looked up as bytes: numbers and networks are read from a string. */
  get isOfTexts(): boolean {
    return this.#intervals === undefined && this.#networks === undefined;
  }

  /** As `collect` for a text of ASCII, one byte a character; the index is one of texts. */
  collectAscii(bytes: Uint8Array, start: number, end: number, hits: Hits): void {
    if (this.#wholeTexts.mayHaveAscii(bytes, start, end)) this.#find(textOfAscii(bytes, start, end), hits);
    this.#prefixes?.collectAscii(bytes, start, end, hits);
    this.#suffixes?.collectAscii(bytes, start, end, hits);
    this.#inside?.collectAscii(bytes, start, end, hits);
  }

  #find(value: FactValue, hits: Hits): void {
    const keys = this.#whole.get(value);
    if (keys !== undefined) hits.add(keys);
  }
}

export type { FactIndex };

/** As JavaScript compares it with a number, which is how json-rules-engine does; NaN compares with none. */
function numberOf(value: FactValue): number {
  try {
    return Number(value);
  } catch {
    return Number.NaN;
  }
}
