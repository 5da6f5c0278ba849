// A text as numbers, and which characters it has: many patterns look at the same text, one after another.

import { WORDS } from './ascii-set.ts';

export interface AsciiText {
  /** Character codes, as many as the text is long. */
  codes: Uint8Array;
  /** The characters that it has, one bit each. */
  readonly present: Int32Array;
}

const ascii: AsciiText = { codes: new Uint8Array(1024), present: new Int32Array(WORDS) };
let last = '';
let isLastAscii = true;

/** Valid until the next call; undefined: not all of it is ASCII. */
export function asciiText(text: string): AsciiText | undefined {
  if (text !== last) {
    last = text;
    isLastAscii = read(text);
  }
  return isLastAscii ? ascii : undefined;
}

function read(text: string): boolean {
  if (text.length > ascii.codes.length) ascii.codes = new Uint8Array(2 * text.length);
  const { codes, present } = ascii;
  present.fill(0);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return false;
    codes[i] = code;
    present[code >>> 5] = (present[code >>> 5] as number) | (1 << (code & 31));
  }
  return true;
}
