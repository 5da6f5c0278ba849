// Text from a kernel need not be UTF-8. As a string it follows Python's PEP 383: a byte that is no part of valid
// UTF-8 becomes U+DC80 + byte − 0x80, so that bytes → text → bytes loses nothing.
import { isUtf8 } from 'node:buffer';

const { latin1Slice, utf8Slice } = Buffer.prototype;

/** The text of a whole array. */
export function textOfBytes(bytes: Uint8Array): string {
  return textOfRange(bytes, 0, bytes.length);
}

/** The text of `bytes[start, end)`, without a subarray where it is ASCII, as paths mostly are. */
export function textOfRange(bytes: Uint8Array, start: number, end: number): string {
  return isAscii(bytes, start, end) ? textOfAscii(bytes, start, end) : textOfUtf8(bytes, start, end);
}

export function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  let highBits = 0;
  for (let i = start; i < end; i++) highBits |= bytes[i] as number;
  return highBits < 0x80;
}

/** The same where it is known that no byte is above 0x7f. */
export function textOfAscii(bytes: Uint8Array, start: number, end: number): string {
  return end - start <= SHORT ? shortText(bytes, start, end) : latin1Slice.call(bytes, start, end);
}

function textOfUtf8(bytes: Uint8Array, start: number, end: number): string {
  if (isUtf8(bytes.subarray(start, end))) return utf8Slice.call(bytes, start, end);
  return escapeInvalid(bytes, start, end);
}

// As many arguments are; a call into C++ takes three times as long as such a text.
const SHORT = 8;

function shortText(bytes: Uint8Array, start: number, end: number): string {
  const [a, b, c, d] = [bytes[start], bytes[start + 1], bytes[start + 2], bytes[start + 3]] as Codes;
  const from = String.fromCharCode;
  switch (end - start) {
    case 0:
      return '';
    case 1:
      return from(a);
    case 2:
      return from(a, b);
    case 3:
      return from(a, b, c);
    case 4:
      return from(a, b, c, d);
    default: {
      const [e, f, g, h] = [bytes[start + 4], bytes[start + 5], bytes[start + 6], bytes[start + 7]] as Codes;
      switch (end - start) {
        case 5:
          return from(a, b, c, d, e);
        case 6:
          return from(a, b, c, d, e, f);
        case 7:
          return from(a, b, c, d, e, f, g);
        default:
          return from(a, b, c, d, e, f, g, h);
      }
    }
  }
}

type Codes = [number, number, number, number];

/** The bytes of a text. A lone surrogate that stands for no byte is written as its three bytes, as WTF-8 does. */
export function bytesOfText(text: string): Uint8Array {
  if (text.isWellFormed()) return Buffer.from(text, 'utf8');
  const bytes = new Uint8Array(text.length * 3);
  let length = 0;
  for (const character of text) {
    const code = character.codePointAt(0) as number;
    if (code >= 0xdc80 && code <= 0xdcff) bytes[length++] = code - 0xdc00;
    else length = writeCodePoint(bytes, length, code);
  }
  return bytes.subarray(0, length);
}

/** For a person's eye: control characters, bidirectional marks and escaped bytes are written out (`\x1b`, `\xff`). */
export function displayText(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const code = character.charCodeAt(0);
    if (code >= 0xdc80 && code <= 0xdcff) return `\\x${(code - 0xdc00).toString(16)}`;
    if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
    return `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

// C0, DEL, C1, line separators, bidirectional controls, lone surrogates. A backslash stays: paths hold few, people many.
const UNSAFE = /[\p{Cc}\p{Cs}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

function escapeInvalid(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  let validFrom = start;
  let i = start;
  while (i < end) {
    const length = validLength(bytes, i, end);
    if (length > 0) {
      i += length;
      continue;
    }
    if (i > validFrom) text += utf8Slice.call(bytes, validFrom, i);
    text += String.fromCharCode(0xdc00 + (bytes[i] as number));
    validFrom = ++i;
  }
  return end > validFrom ? text + utf8Slice.call(bytes, validFrom, end) : text;
}

/** Length of the well-formed sequence at `i` (Unicode table 3-7: no overlong forms, no surrogates), or 0. */
function validLength(bytes: Uint8Array, i: number, end: number): number {
  const first = bytes[i] as number;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (i + length > end) return 0;
  const second = bytes[i + 1] as number;
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let k = 2; k < length; k++) if (((bytes[i + k] as number) & 0xc0) !== 0x80) return 0;
  return length;
}

function writeCodePoint(bytes: Uint8Array, at: number, code: number): number {
  if (code < 0x80) {
    bytes[at++] = code;
  } else if (code < 0x800) {
    bytes[at++] = 0xc0 | (code >> 6);
    bytes[at++] = 0x80 | (code & 0x3f);
  } else if (code < 0x10000) {
    bytes[at++] = 0xe0 | (code >> 12);
    bytes[at++] = 0x80 | ((code >> 6) & 0x3f);
    bytes[at++] = 0x80 | (code & 0x3f);
  } else {
    bytes[at++] = 0xf0 | (code >> 18);
    bytes[at++] = 0x80 | ((code >> 12) & 0x3f);
    bytes[at++] = 0x80 | ((code >> 6) & 0x3f);
    bytes[at++] = 0x80 | (code & 0x3f);
  }
  return at;
}
