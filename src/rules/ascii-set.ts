// Sets of ASCII characters, one bit each.

export type AsciiSet = bigint;

export const ALL_OF_ASCII: AsciiSet = (1n << 128n) - 1n;

/** Those of them that are ASCII, both ends included. */
export function asciiRange(low: number, high: number): AsciiSet {
  const end = Math.min(high, 127);
  return low > end ? 0n : ((1n << BigInt(end - low + 1)) - 1n) << BigInt(low);
}

export const asciiOf = (characters: string): AsciiSet =>
  [...characters].reduce((set, one) => set | asciiRange(one.charCodeAt(0), one.charCodeAt(0)), 0n);

export const complementOf = (set: AsciiSet): AsciiSet => ALL_OF_ASCII & ~set;

const CAPITALS = asciiRange(0x41, 0x5a);

export function inBothCases(set: AsciiSet): AsciiSet {
  const small = (set >> 32n) & CAPITALS;
  return set | small | ((set & CAPITALS) << 32n);
}

/** As many numbers of 32 bits hold a set. */
export const WORDS = 4;

export function wordsOf(set: AsciiSet): Int32Array {
  return Int32Array.from(
    { length: WORDS },
    (_, word) => Number((set >> BigInt(32 * word)) & 0xffffffffn) | 0,
  );
}

export const hasCode = (words: Int32Array, code: number): boolean =>
  (((words[code >>> 5] as number) >>> (code & 31)) & 1) === 1;
