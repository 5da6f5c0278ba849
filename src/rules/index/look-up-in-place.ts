// Looks texts up in a fact's index where they stand in an event's bytes. Most events have nothing that a rule asks for,
// and then no string is made of them.

import type { TextVisitor } from '../../events/text-place.ts';
import type { FactIndex } from './fact-index.ts';
import type { Hits } from './hits.ts';

export class LookUpInPlace implements TextVisitor {
  readonly #index: FactIndex;
  readonly #isFolded: boolean;
  readonly #hits: Hits;

  constructor(index: FactIndex, isFolded: boolean, hits: Hits) {
    this.#index = index;
    this.#isFolded = isFolded;
    this.#hits = hits;
  }

  visit(bytes: Uint8Array, start: number, end: number): void {
    if (this.#isFolded) this.#index.collectAscii(folded(bytes, start, end), 0, end - start, this.#hits);
    else this.#index.collectAscii(bytes, start, end, this.#hits);
  }
}

/** As fold-case.ts does: of ASCII, it is the upper case. */
const UPPER = Uint8Array.from({ length: 128 }, (_, code) =>
  String.fromCharCode(code).toUpperCase().charCodeAt(0),
);

// For the time of one look-up.
let scratch = new Uint8Array(1024);

function folded(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const length = end - start;
  if (length > scratch.length) scratch = new Uint8Array(2 * length);
  for (let i = 0; i < length; i++) scratch[i] = UPPER[bytes[start + i] as number] as number;
  return scratch;
}
