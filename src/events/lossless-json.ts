// JSON.parse rounds integers beyond 2^53, and eslogger's lines are full of them (inodes of the system volume). Only
// lines with numbers of sixteen digits or more pay for keeping them whole.
import type { FactValue } from './facts.ts';

const LONG_RUN = /\d{16}/;
// In valid JSON an unescaped `"word":` is always a key: within a string its quotes would carry backslashes.
const LONG_MEMBER = /("\w+":)(-?\d{16,})(?=[,}])/g;
const LONG_LEFT = /[[,:]\s*-?\d{16}/;
// A private-use character that no line has, or the slow way is taken.
const MARK = '\uf0b5';
const ESCAPED_MARK = /\\uf0b5/i;

/**
 * Integers that a number can't hold come as bigint.
 * @throws SyntaxError
 */
export function parseLossless(text: string): FactValue {
  if (!LONG_RUN.test(text)) return JSON.parse(text) as FactValue;
  const marked = text.replace(LONG_MEMBER, `$1"${MARK}$2"`);
  // Both are looked for with what was marked left out: the line as it came must be free of the mark.
  if (LONG_LEFT.test(marked) || text.includes(MARK) || ESCAPED_MARK.test(text)) return parseSlowly(text);
  const value = JSON.parse(marked) as FactValue;
  return marked.length === text.length ? value : unmark(value);
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
  if (typeof value === 'string') return value.charCodeAt(0) === 0xf0b5 ? wholeNumber(value.slice(1)) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const list = value as FactValue[];
    for (let i = 0; i < list.length; i++) list[i] = unmark(list[i]);
    return list;
  }
  const object = value as { [key: string]: FactValue };
  for (const key of Object.keys(object)) {
    const member = object[key];
    if (typeof member === 'object' || (typeof member === 'string' && member.charCodeAt(0) === 0xf0b5)) {
      const whole = unmark(member);
      if (whole !== member) object[key] = whole;
    }
  }
  return object;
}

function wholeNumber(digits: string): number | bigint {
  const number = Number(digits);
  return Number.isSafeInteger(number) ? number : BigInt(digits);
}
