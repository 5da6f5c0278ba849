// What modifiers take a value for: text, text without wildcards, bytes, a number.

import type { Place } from '../rule-document.ts';
import type { PlaceholderLists } from './placeholders.ts';
import { SigmaError } from './sigma-error.ts';
import { hasWildcard, plainText } from './text-pattern.ts';
import type { SigmaValue } from './value.ts';

export interface ModifierContext {
  readonly lists: PlaceholderLists;
  readonly field: string | undefined;
  /** Of the value. */
  readonly place: Place;
  /** Those that stand before this one. */
  readonly applied: readonly string[];
}

export type TextValue = SigmaValue & { readonly kind: 'text' };

export function alternatives(values: readonly SigmaValue[]): SigmaValue {
  const flat = values.flatMap((value) => (value.kind === 'alternatives' ? value.values : [value]));
  const [first] = flat;
  return first !== undefined && flat.length === 1 ? first : { kind: 'alternatives', values: flat };
}

export function misfit(
  name: string,
  value: SigmaValue,
  { place }: ModifierContext,
  expected: string,
): SigmaError {
  const found = NOUNS[value.kind];
  return new SigmaError('modifier', place, `\`${name}\` can't be applied to ${found}`, { found, expected });
}

const NOUNS: Readonly<Record<SigmaValue['kind'], string>> = {
  text: 'text',
  number: 'a number',
  boolean: 'true or false',
  null: 'null',
  bytes: 'UTF-16',
  regex: 'a regular expression',
  cidr: 'a network',
  exists: 'a question for presence',
  compare: 'a comparison',
  reference: 'another field',
  time: 'a part of a time',
  alternatives: 'several values',
};

/** Numbers count as what they look like: `a1|contains: 777` has one meaning. */
export function textOf(value: SigmaValue, context: ModifierContext, name: string): TextValue {
  if (value.kind === 'text') return value;
  if (value.kind === 'number') {
    const source = String(value.value);
    return { kind: 'text', pattern: [source], isCased: false, source };
  }
  throw misfit(name, value, context, 'text');
}

export function fromText(text: string): SigmaValue {
  return { kind: 'text', pattern: text === '' ? [] : [text], isCased: false, source: text };
}

export function bytesOf(value: SigmaValue, context: ModifierContext, name: string): Uint8Array {
  if (value.kind === 'bytes') return value.bytes;
  return Buffer.from(wordsOf(value, context, name), 'utf8');
}

/** Text without wildcards: what is encoded must be known. */
export function wordsOf(value: SigmaValue, context: ModifierContext, name: string): string {
  const text = textOf(value, context, name);
  if (hasWildcard(text.pattern)) {
    throw new SigmaError('modifier', context.place, `\`${name}\` can't encode wildcards`, {
      found: JSON.stringify(text.source),
      expected: 'text; a literal star is `\\*`',
    });
  }
  return plainText(text.pattern);
}

/** Where no base64 follows: the bytes themselves are looked for, as text. */
export function textOfUtf16(bytes: Uint8Array, { place }: Pick<ModifierContext, 'place'>): SigmaValue {
  try {
    return fromText(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw new SigmaError('modifier', place, 'these bytes of UTF-16 are no text that an event could hold', {
      expected: '`base64` or `base64offset` after it',
    });
  }
}

/** Numbers in quotes are numbers, too: many rules quote every value. */
export function numberOf(value: SigmaValue): number | bigint | undefined {
  if (value.kind === 'number') return value.value;
  if (value.kind !== 'text' || !/^-?\d+(?:\.\d+)?$/.test(value.source)) return undefined;
  const number = Number(value.source);
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? BigInt(value.source) : number;
}
