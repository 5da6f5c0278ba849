// Whether a text could be one of many: a few bits that stay in a processor's first cache, asked before a hash table that
// does not. No is certain; yes is worth a look.

const BITS_PER_TEXT = 16;
const BITS_MIN = 1 << 10;
const BITS_MAX = 1 << 17;

export class TextFilter {
  readonly #bits: Int32Array;
  readonly #mask: number;

  constructor(texts: readonly string[]) {
    let bits = BITS_MIN;
    while (bits < texts.length * BITS_PER_TEXT && bits < BITS_MAX) bits *= 2;
    this.#bits = new Int32Array(bits >>> 5);
    this.#mask = bits - 1;
    for (const text of texts) {
      const at = hash(text) & this.#mask;
      this.#bits[at >>> 5] = (this.#bits[at >>> 5] as number) | (1 << (at & 31));
    }
  }

  mayHave(text: string): boolean {
    const at = hash(text) & this.#mask;
    return ((this.#bits[at >>> 5] as number) & (1 << (at & 31))) !== 0;
  }

  /** The same for a text of ASCII, one byte a character. */
  mayHaveAscii(bytes: Uint8Array, start: number, end: number): boolean {
    const at = hashOfAscii(bytes, start, end) & this.#mask;
    return ((this.#bits[at >>> 5] as number) & (1 << (at & 31))) !== 0;
  }
}

/** Of a text's length and some of its characters, most of them near its end, where paths and names differ. */
function hash(text: string): number {
  const { length } = text;
  if (length === 0) return 0;
  let value = length;
  for (let back = 1; back <= length && back <= 12; back += back < 4 ? 1 : 3)
    value = Math.imul(value ^ text.charCodeAt(length - back), 0x5bd1e995);
  value = Math.imul(value ^ text.charCodeAt(length >>> 1), 0x5bd1e995);
  return value ^ (value >>> 15);
}

function hashOfAscii(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length === 0) return 0;
  let value = length;
  for (let back = 1; back <= length && back <= 12; back += back < 4 ? 1 : 3)
    value = Math.imul(value ^ (bytes[end - back] as number), 0x5bd1e995);
  value = Math.imul(value ^ (bytes[start + (length >>> 1)] as number), 0x5bd1e995);
  return value ^ (value >>> 15);
}
