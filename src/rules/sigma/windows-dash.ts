// `windash`: the character that begins an option may be any of five.

import type { TextPattern } from './text-pattern.ts';

const DASHES = ['-', '/', '\u2013', '\u2014', '\u2015'] as const;
const WORD = /[\p{L}\p{N}_]/u;

/** More are refused: each dash multiplies the values by five. */
export const MAX_DASHES = 4;

/** Every permutation, the text as written first where its dashes are all `-`. undefined: too many. */
export function withEachDash(pattern: TextPattern): readonly TextPattern[] | undefined {
  const pieces = pattern.flatMap((part): (string | null | object)[] =>
    typeof part === 'string' ? split(part) : [part],
  );
  const count = pieces.filter((piece) => piece === null).length;
  if (count > MAX_DASHES) return undefined;
  let forms: TextPattern[] = [[]];
  for (const piece of pieces) {
    const choices = piece === null ? DASHES : [piece as TextPattern[number]];
    forms = forms.flatMap((form) => choices.map((choice) => [...form, choice]));
  }
  return forms;
}

/** A dash counts that stands before a word and after none: the first of `-some-option`, not the second. null: a dash. */
function split(literal: string): (string | null)[] {
  const chars = [...literal];
  const pieces: (string | null)[] = [];
  let text = '';
  for (const [index, char] of chars.entries()) {
    const [before, after] = [chars[index - 1], chars[index + 1]];
    const isOption =
      (DASHES as readonly string[]).includes(char) &&
      after !== undefined &&
      WORD.test(after) &&
      !(before !== undefined && WORD.test(before));
    if (!isOption) {
      text += char;
      continue;
    }
    pieces.push(text, null);
    text = '';
  }
  return [...pieces, text];
}
