// Which of many substrings a text has: Aho and Corasick's automaton, one step a character, however many there are.
// States near the root, where a text is most of the time, have a whole row of a table; the many deep ones, which
// mostly have one successor, a list and a way back.

import type { Hits, KeyNumbers, KeysByText } from './hits.ts';

// 1 MiB of rows, or two: what a processor's second cache holds, and enough for the first characters of 10,000 texts.
const ROW_ENTRIES_MAX = 1 << 19;

export class Automaton {
  readonly #keys: readonly KeyNumbers[];
  /** Characters by class; 0 is that of all that no text has. */
  readonly #classes: CharacterClasses;
  /** States are numbered by depth, so that the first ones are those near the root. */
  readonly #rows: Int32Array | Uint16Array;
  readonly #rowStates: number;
  /** By state: its successors are the states from this one to the next one's, each reached by its class. */
  readonly #children: Int32Array;
  readonly #reachedBy: Uint16Array;
  /** By state: the longest other one that is a suffix of it. */
  readonly #fallback: Int32Array;
  /** By state: the longest suffix of it, itself included, that is a whole text; 0 for none. */
  readonly #ending: Int32Array;
  /** By state: the text that it is, −1 for none. */
  readonly #text: Int32Array;

  /** @param keys of texts that are not empty */
  constructor(keys: KeysByText) {
    const texts = [...keys.keys()].sort();
    this.#keys = texts.map((text) => keys.get(text) ?? []);
    this.#classes = new CharacterClasses(texts);
    let size = 1;
    for (let i = 0; i < texts.length; i++) size += (texts[i] as string).length;
    const children = new Int32Array(size + 1);
    const reachedBy = new Uint16Array(size);
    const text = new Int32Array(size).fill(-1);
    const count = this.#spread(texts, children, reachedBy, text);
    this.#children = children.slice(0, count + 1);
    this.#reachedBy = reachedBy.slice(0, count);
    this.#text = text.slice(0, count);
    const width = this.#classes.count;
    this.#rowStates = Math.min(count, Math.max(1, Math.floor(ROW_ENTRIES_MAX / width)));
    this.#rows =
      count > 0x10000 ? new Int32Array(this.#rowStates * width) : new Uint16Array(this.#rowStates * width);
    this.#fallback = new Int32Array(count);
    this.#ending = new Int32Array(count);
    this.#connect(width);
  }

  collect(text: string, hits: Hits): void {
    this.#run(text, hits);
  }

  /** The same for a text of ASCII, one byte a character. */
  collectAscii(bytes: Uint8Array, start: number, end: number, hits: Hits): void {
    const rows = this.#rows;
    const rowStates = this.#rowStates;
    const ending = this.#ending;
    const { latin, count: width } = this.#classes;
    let state = 0;
    for (let i = start; i < end; i++) {
      const characterClass = latin[bytes[i] as number] as number;
      state =
        state < rowStates
          ? (rows[state * width + characterClass] as number)
          : this.#step(state, characterClass);
      if (ending[state] !== 0) this.#report(ending[state] as number, hits);
    }
  }

  hasMatch(text: string): boolean {
    return this.#run(text, undefined);
  }

  /** Without `hits` it ends at the first match. */
  #run(text: string, hits: Hits | undefined): boolean {
    const rows = this.#rows;
    const rowStates = this.#rowStates;
    const ending = this.#ending;
    const { latin, count: width } = this.#classes;
    let state = 0;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      const characterClass = code < 256 ? (latin[code] as number) : this.#classes.ofWide(code);
      state =
        state < rowStates
          ? (rows[state * width + characterClass] as number)
          : this.#step(state, characterClass);
      if (ending[state] === 0) continue;
      if (hits === undefined) return true;
      this.#report(ending[state] as number, hits);
    }
    return false;
  }

  #report(from: number, hits: Hits): void {
    for (let state = from; state !== 0; state = this.#ending[this.#fallback[state] as number] as number) {
      hits.add(this.#keys[this.#text[state] as number] as KeyNumbers);
    }
  }

  /** The state behind `state` and a character; amortized, the ways back are no more than the steps forward. */
  #step(from: number, characterClass: number): number {
    let state = from;
    while (state >= this.#rowStates) {
      const child = this.#child(state, characterClass);
      if (child !== 0) return child;
      state = this.#fallback[state] as number;
    }
    return this.#rows[state * this.#classes.count + characterClass] as number;
  }

  #child(state: number, characterClass: number): number {
    const end = this.#children[state + 1] as number;
    for (let child = this.#children[state] as number; child < end; child++)
      if (this.#reachedBy[child] === characterClass) return child;
    return 0;
  }

  /** Makes the tree of states, level by level, from the sorted texts; returns how many there are. */
  #spread(texts: readonly string[], children: Int32Array, reachedBy: Uint16Array, ends: Int32Array): number {
    const from = new Int32Array(children.length);
    const to = new Int32Array(children.length);
    to[0] = texts.length;
    let count = 1;
    for (let state = 0, depth = 0, levelEnd = 1; state < count; state++) {
      if (state === levelEnd) {
        depth++;
        levelEnd = count;
      }
      let start = from[state] as number;
      const stop = to[state] as number;
      children[state] = count;
      if (start < stop && (texts[start] as string).length === depth) ends[state] = start++;
      while (start < stop) {
        const code = (texts[start] as string).charCodeAt(depth);
        let next = start + 1;
        while (next < stop && (texts[next] as string).charCodeAt(depth) === code) next++;
        from[count] = start;
        to[count] = next;
        reachedBy[count] = this.#classes.of(code);
        count++;
        start = next;
      }
    }
    children[count] = count;
    return count;
  }

  /** Ways back, ends and rows. A state's fallback is nearer to the root, so it is finished when it is needed. */
  #connect(width: number): void {
    const count = this.#fallback.length;
    for (let state = 0; state < count; state++) {
      const fallback = this.#fallback[state] as number;
      this.#ending[state] = (this.#text[state] as number) >= 0 ? state : (this.#ending[fallback] as number);
      const hasRow = state < this.#rowStates;
      if (hasRow && state > 0) this.#rows.copyWithin(state * width, fallback * width, (fallback + 1) * width);
      const end = this.#children[state + 1] as number;
      for (let child = this.#children[state] as number; child < end; child++) {
        const characterClass = this.#reachedBy[child] as number;
        if (state > 0) this.#fallback[child] = this.#step(fallback, characterClass);
        if (hasRow) this.#rows[state * width + characterClass] = child;
      }
    }
  }
}

class CharacterClasses {
  readonly latin = new Uint16Array(256);
  readonly #wide = new Map<number, number>();
  count = 1;

  constructor(texts: readonly string[]) {
    for (const text of texts) {
      for (let i = 0; i < text.length; i++) {
        const code = text.charCodeAt(i);
        if (this.of(code) !== 0) continue;
        if (code < 256) this.latin[code] = this.count++;
        else this.#wide.set(code, this.count++);
      }
    }
  }

  of(code: number): number {
    return code < 256 ? (this.latin[code] as number) : this.ofWide(code);
  }

  ofWide(code: number): number {
    return this.#wide.get(code) ?? 0;
  }
}
