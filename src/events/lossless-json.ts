// JSON.parse rounds integers beyond 2^53, and eslogger's lines are full of them (inodes of the system volume). Such
// integers are put in quotes, behind a mark, before the line is parsed; where one can't be told from text, a reviver
// parses the line at a fraction of the speed.
import type { FactValue } from './facts.ts';

const LONG = 16; // digits; a number of fewer is exact
// A Latin-1 control character that JSON allows and no line has: one beyond Latin-1 would double the text's size.
const MARK = '\u0091';
const MARK_CODE = 0x91;
const ESCAPED_MARK = '\\u0091';

/**
 * Integers that a number can't hold come as bigint.
 * @throws SyntaxError
 */
export function parseLossless(text: string): FactValue {
  const marked = markLong(text);
  if (marked === undefined) return parseSlowly(text);
  return marked === text ? (JSON.parse(text) as FactValue) : unmark(JSON.parse(marked) as FactValue);
}

/** The text with long integers marked; undefined: it has some of which that can't be said. */
function markLong(text: string): string | undefined {
  let marked = '';
  let taken = 0;
  // A run of sixteen digits covers every sixteenth character, so no other needs a look.
  for (let i = LONG - 1; i < text.length; i += LONG) {
    if (!isDigit(text.charCodeAt(i))) continue;
    let start = i;
    while (start > 0 && isDigit(text.charCodeAt(start - 1))) start--;
    let end = i + 1;
    while (end < text.length && isDigit(text.charCodeAt(end))) end++;
    i += Math.floor((end - 1 - i) / LONG) * LONG;
    if (end - start < LONG) continue;
    if (text[start - 1] === '-') start--;
    const standing = standingOf(text, start, end);
    if (standing === 'unknown') return undefined;
    if (standing === 'text') continue;
    marked += `${text.slice(taken, start)}"${MARK}${text.slice(start, end)}"`;
    taken = end;
  }
  if (taken === 0) return text;
  if (text.includes(MARK) || text.includes(ESCAPED_MARK)) return undefined;
  return marked + text.slice(taken);
}

/**
 * A quote behind a word character ends a string (one that begins stands behind `[`, `{`, `,`, `:` or a space), so what
 * follows `w":` is a member's value. Digits behind anything that no number follows are text, or decimals.
 */
function standingOf(text: string, start: number, end: number): 'number' | 'text' | 'unknown' {
  const before = text[start - 1];
  if (before !== ':') return before === ',' || before === '[' || isSpace(before) ? 'unknown' : 'text';
  const after = text[end];
  if (text[start - 2] !== '"' || !isWord(text.charCodeAt(start - 3))) return 'unknown';
  return after === ',' || after === '}' ? 'number' : 'unknown';
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function isSpace(character: string | undefined): boolean {
  return (
    character === undefined ||
    character === ' ' ||
    character === '\t' ||
    character === '\n' ||
    character === '\r'
  );
}

function isWord(code: number): boolean {
  return isDigit(code) || (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95;
}

function parseSlowly(text: string): FactValue {
  const reviver = (_key: string, value: unknown, context: { source?: string }): unknown =>
    typeof value === 'number' && context.source !== undefined && /^-?\d{16,}$/.test(context.source)
      ? wholeNumber(context.source)
      : value;
  return JSON.parse(text, reviver as (key: string, value: unknown) => unknown) as FactValue;
}

/** In place: the value was just parsed and is nobody else's. */
function unmark(value: FactValue): FactValue {
  if (typeof value === 'string') {
    return value.charCodeAt(0) === MARK_CODE ? wholeNumber(value.slice(1)) : value;
  }
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const list = value as FactValue[];
    for (let i = 0; i < list.length; i++) list[i] = unmark(list[i]);
    return list;
  }
  const object = value as { [key: string]: FactValue };
  for (const key in object) {
    const member = object[key];
    if (typeof member === 'object') unmark(member);
    else if (typeof member === 'string' && member.charCodeAt(0) === MARK_CODE)
      object[key] = wholeNumber(member.slice(1));
  }
  return object;
}

function wholeNumber(digits: string): number | bigint {
  const number = Number(digits);
  return Number.isSafeInteger(number) ? number : BigInt(digits);
}
