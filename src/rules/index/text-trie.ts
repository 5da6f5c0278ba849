// Which of many prefixes, or suffixes, a text has: one walk over the text, however many there are. A radix tree: what
// has no branch is one step.

import type { Hits, KeyNumbers, KeysByText } from './hits.ts';

// A node is four numbers beside one another, for it is read as a whole.
const NODE = 4;
/** Its children are the nodes from this one to the next one's. Their first characters are in order. */
const CHILDREN = 0;
/** How much of a text it has been reached by. */
const DEPTH = 1;
/** Where in the labels the characters of its label stand; the first is also in `characters`. */
const LABEL = 2;
/** The text that ends there, −1 for none. */
const END = 3;

export class TextTrie {
  readonly #isBackward: boolean;
  readonly #keys: readonly KeyNumbers[];
  readonly #nodes: Int32Array;
  /** By node: the first character of its label. */
  readonly #characters: Uint16Array;
  readonly #labels: Uint16Array;

  constructor(keys: KeysByText, direction: 'prefix' | 'suffix') {
    this.#isBackward = direction === 'suffix';
    const entries = [...keys].map(
      ([text, numbers]) => [this.#isBackward ? reversed(text) : text, numbers] as const,
    );
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    this.#keys = entries.map(([, numbers]) => numbers);
    const texts = entries.map(([text]) => text);
    const size = 2 * texts.length + 2;
    const nodes = new Int32Array(NODE * size);
    const characters = new Uint16Array(size);
    const labels: number[] = [];
    // A node is a range of the sorted texts; children are appended in the order of their parents.
    const from = new Int32Array(size);
    const to = new Int32Array(size);
    to[0] = texts.length;
    let count = 1;
    for (let node = 0; node < count; node++) {
      let start = from[node] as number;
      const stop = to[node] as number;
      const depth = nodes[NODE * node + DEPTH] as number;
      nodes[NODE * node + CHILDREN] = count;
      nodes[NODE * node + END] = start < stop && (texts[start] as string).length === depth ? start++ : -1;
      while (start < stop) {
        const first = texts[start] as string;
        const character = first.charCodeAt(depth);
        let next = start + 1;
        while (next < stop && (texts[next] as string).charCodeAt(depth) === character) next++;
        const below = commonLength(first, texts[next - 1] as string);
        from[count] = start;
        to[count] = next;
        characters[count] = character;
        nodes[NODE * count + DEPTH] = below;
        nodes[NODE * count + LABEL] = labels.length;
        for (let at = depth; at < below; at++) labels.push(first.charCodeAt(at));
        count++;
        start = next;
      }
    }
    nodes[NODE * count + CHILDREN] = count;
    this.#nodes = nodes.slice(0, NODE * (count + 1));
    this.#characters = characters.slice(0, count);
    this.#labels = Uint16Array.from(labels);
  }

  collect(text: string, hits: Hits): void {
    this.#walk(text, hits);
  }

  /** The same for a text of ASCII, one byte a character. */
  collectAscii(bytes: Uint8Array, start: number, end: number, hits: Hits): void {
    const length = end - start;
    const last = this.#isBackward ? end - 1 : start;
    const sign = this.#isBackward ? -1 : 1;
    const nodes = this.#nodes;
    const labels = this.#labels;
    let node = 0;
    let depth = 0;
    while (true) {
      const key = nodes[node + END] as number;
      if (key >= 0) hits.add(this.#keys[key] as KeyNumbers);
      if (depth === length) return;
      node = NODE * this.#child(node, bytes[last + sign * depth] as number);
      if (node < 0) return;
      const below = nodes[node + DEPTH] as number;
      if (below > length) return;
      const label = (nodes[node + LABEL] as number) - depth;
      for (depth++; depth < below; depth++) if (labels[label + depth] !== bytes[last + sign * depth]) return;
    }
  }

  hasMatch(text: string): boolean {
    return this.#walk(text, undefined);
  }

  /** Without `hits` it ends at the first match. */
  #walk(text: string, hits: Hits | undefined): boolean {
    const { length } = text;
    const last = this.#isBackward ? length - 1 : 0;
    const sign = this.#isBackward ? -1 : 1;
    const nodes = this.#nodes;
    const labels = this.#labels;
    let node = 0;
    let depth = 0;
    while (true) {
      const end = nodes[node + END] as number;
      if (end >= 0) {
        if (hits === undefined) return true;
        hits.add(this.#keys[end] as KeyNumbers);
      }
      if (depth === length) return false;
      node = NODE * this.#child(node, text.charCodeAt(last + sign * depth));
      if (node < 0) return false;
      const below = nodes[node + DEPTH] as number;
      if (below > length) return false;
      const label = (nodes[node + LABEL] as number) - depth;
      for (depth++; depth < below; depth++) {
        if (labels[label + depth] !== text.charCodeAt(last + sign * depth)) return false;
      }
    }
  }

  /** −1: none begins with this character. */
  #child(node: number, character: number): number {
    const characters = this.#characters;
    let low = this.#nodes[node + CHILDREN] as number;
    let high = this.#nodes[node + NODE + CHILDREN] as number;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const found = characters[middle] as number;
      if (found === character) return middle;
      if (found < character) low = middle + 1;
      else high = middle;
    }
    return -1;
  }
}

function commonLength(a: string, b: string): number {
  const limit = Math.min(a.length, b.length);
  let length = 0;
  while (length < limit && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return length;
}

/** By code units: halves of a character are compared, too. */
function reversed(text: string): string {
  let result = '';
  for (let i = text.length - 1; i >= 0; i--) result += text[i];
  return result;
}
