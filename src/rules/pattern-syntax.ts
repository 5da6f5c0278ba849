// RE2's syntax as far as it tells which text a pattern needs: literals, where they stand, and what is optional. What is
// not told apart counts as one unknown character; what is not understood is undefined, and nothing is concluded.

import { ALL_OF_ASCII, type AsciiSet, asciiOf, asciiRange, complementOf, inBothCases } from './ascii-set.ts';

export type PatternNode =
  | { readonly type: 'text'; readonly text: string; readonly ignoresCase: boolean }
  /** One character of several; `of` undefined: of too many to tell. `ascii`: those of ASCII, or some more. */
  | {
      readonly type: 'character';
      readonly of: readonly PatternNode[] | undefined;
      readonly isAny: boolean;
      readonly ascii: AsciiSet;
    }
  | { readonly type: 'begin' | 'end' | 'boundary' }
  | { readonly type: 'sequence' | 'either'; readonly parts: readonly PatternNode[] }
  | { readonly type: 'repeat'; readonly part: PatternNode; readonly min: number; readonly max: number };

/** The structure of a valid pattern. */
export function parsePattern(source: string, ignoreCase: boolean): PatternNode | undefined {
  const parser = new PatternParser(source, ignoreCase);
  try {
    return parser.parse();
  } catch (error) {
    if (error instanceof NotUnderstoodError) return undefined;
    throw error;
  }
}

class NotUnderstoodError extends Error {}

interface Flags {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
}

const ANYTHING: PatternNode = { type: 'character', of: undefined, isAny: true, ascii: ALL_OF_ASCII };
const oneOf = (ascii: AsciiSet): PatternNode => ({ type: 'character', of: undefined, isAny: false, ascii });
const UNKNOWN = oneOf(ALL_OF_ASCII);
const BOUNDARY: PatternNode = { type: 'boundary' };

const QUANTIFIER = /[*+?]|\{(0|[1-9]\d*)(?:(,)(0|[1-9]\d*)?)?\}/y;
const GROUP = /\?(?:P?<[^>]*>|([imsU]*)(?:-([imsU]+))?([:)]))/y;
const HEX = /x(?:\{([\da-fA-F]+)\}|([\da-fA-F]{2}))/y;
const CLASS_NAME = /p\{[^}]*\}|P\{[^}]*\}|[pP]./y;
const DIGITS = asciiRange(0x30, 0x39);
const SPACES = asciiOf('\t\n\f\r ');
const WORD = DIGITS | asciiRange(0x41, 0x5a) | asciiRange(0x61, 0x7a) | asciiOf('_');
const PERL_CLASSES: Readonly<Record<string, AsciiSet>> = {
  d: DIGITS,
  D: complementOf(DIGITS),
  s: SPACES,
  S: complementOf(SPACES),
  w: WORD,
  W: complementOf(WORD),
};
const CONTROL: Readonly<Record<string, string>> = { a: '\x07', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };
const CLASS_MAX = 8;

class PatternParser {
  readonly #source: string;
  #at = 0;
  #flags: Flags;

  constructor(source: string, ignoreCase: boolean) {
    this.#source = source;
    this.#flags = { i: ignoreCase, m: false, s: false };
  }

  parse(): PatternNode {
    const node = this.#alternatives();
    if (this.#at < this.#source.length) throw new NotUnderstoodError();
    return node;
  }

  #alternatives(): PatternNode {
    const branches: PatternNode[] = [];
    do branches.push(this.#sequence());
    while (this.#skip('|'));
    const [only] = branches;
    return branches.length === 1 && only !== undefined ? only : { type: 'either', parts: branches };
  }

  #sequence(): PatternNode {
    const parts: PatternNode[] = [];
    while (this.#at < this.#source.length) {
      const next = this.#source[this.#at];
      if (next === '|' || next === ')') break;
      const quantifier = this.#match(QUANTIFIER);
      if (quantifier === undefined) {
        this.#item(parts);
        continue;
      }
      const part = parts.pop();
      if (part === undefined) throw new NotUnderstoodError();
      this.#skip('?');
      parts.push({ type: 'repeat', part, ...bounds(quantifier) });
    }
    return { type: 'sequence', parts };
  }

  #item(parts: PatternNode[]): void {
    const character = String.fromCodePoint(this.#source.codePointAt(this.#at) ?? 0);
    this.#at += character.length;
    switch (character) {
      case '(':
        this.#group(parts);
        return;
      case '[':
        parts.push(this.#class());
        return;
      case '.':
        parts.push(this.#flags.s ? ANYTHING : UNKNOWN);
        return;
      case '^':
        parts.push(this.#flags.m ? BOUNDARY : { type: 'begin' });
        return;
      case '$':
        parts.push(this.#flags.m ? BOUNDARY : { type: 'end' });
        return;
      case '\\':
        this.#escape(parts);
        return;
      default:
        parts.push(this.#text(character));
    }
  }

  /** Flags hold from where they are set to the end of the group around. */
  #group(parts: PatternNode[]): void {
    const before = this.#flags;
    const start = this.#match(GROUP);
    if (start === undefined && this.#source[this.#at] === '?') throw new NotUnderstoodError();
    const [, on = '', off = '', end] = start ?? [];
    this.#flags = {
      i: (before.i || on.includes('i')) && !off.includes('i'),
      m: (before.m || on.includes('m')) && !off.includes('m'),
      s: (before.s || on.includes('s')) && !off.includes('s'),
    };
    if (end === ')') {
      // A quantifier behind it would belong to what stands before it.
      QUANTIFIER.lastIndex = this.#at;
      if (QUANTIFIER.test(this.#source)) throw new NotUnderstoodError();
      return;
    }
    parts.push(this.#alternatives());
    if (!this.#skip(')')) throw new NotUnderstoodError();
    this.#flags = before;
  }

  #escape(parts: PatternNode[]): void {
    const character = this.#source[this.#at];
    switch (character) {
      case 'A':
        parts.push({ type: 'begin' });
        break;
      case 'z':
        parts.push({ type: 'end' });
        break;
      case 'b':
      case 'B':
        parts.push(BOUNDARY);
        break;
      case 'Q': {
        const end = this.#source.indexOf('\\E', this.#at);
        const text = this.#source.slice(this.#at + 1, end < 0 ? undefined : end);
        for (const one of text) parts.push(this.#text(one));
        this.#at = end < 0 ? this.#source.length : end + 2;
        return;
      }
      default: {
        const escaped = this.#escaped();
        parts.push(typeof escaped === 'string' ? this.#text(escaped) : oneOf(escaped ?? ALL_OF_ASCII));
        return;
      }
    }
    this.#at++;
  }

  /** What stands behind a backslash, in a class or outside: a character, or a class; undefined: an unknown one. */
  #escaped(): string | AsciiSet | undefined {
    const character = this.#source[this.#at];
    if (character === undefined) throw new NotUnderstoodError();
    const perlClass = PERL_CLASSES[character];
    if (perlClass !== undefined) {
      this.#at++;
      return perlClass;
    }
    if (this.#match(CLASS_NAME) !== undefined) return undefined;
    const hex = this.#match(HEX);
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex[1] ?? hex[2] ?? '', 16));
    const text = CONTROL[character] ?? (/[^\w\u0080-\uffff]/.test(character) ? character : undefined);
    // Octal numbers, and whatever else there is.
    if (text === undefined) throw new NotUnderstoodError();
    this.#at++;
    return text;
  }

  #class(): PatternNode {
    const characters: PatternNode[] = [];
    const isNegated = this.#skip('^');
    let isListed = !isNegated;
    let ascii: AsciiSet | undefined = 0n;
    for (let isFirst = true; ; isFirst = false) {
      if (this.#skip('[:')) {
        const end = this.#source.indexOf(':]', this.#at);
        if (end < 0) throw new NotUnderstoodError();
        this.#at = end + 2;
        isListed = false;
        ascii = undefined;
        continue;
      }
      if (!isFirst && this.#skip(']')) break;
      const low = this.#classItem();
      // Behind a class, and at the end, a hyphen is itself.
      const isRange =
        typeof low === 'string' && this.#source[this.#at] === '-' && !this.#source.startsWith('-]', this.#at);
      if (isRange) this.#at++;
      const high = isRange ? this.#classItem() : low;
      if (isRange || typeof low !== 'string') isListed = false;
      else characters.push(this.#text(low));
      const own = this.#asciiOfItem(low, high);
      ascii = ascii === undefined || own === undefined ? undefined : ascii | own;
    }
    const set = ascii === undefined ? ALL_OF_ASCII : isNegated ? complementOf(ascii) : ascii;
    if (!isListed || characters.length > CLASS_MAX) return oneOf(set);
    return { type: 'character', of: characters, isAny: false, ascii: set };
  }

  #classItem(): string | AsciiSet | undefined {
    const next = this.#source.codePointAt(this.#at);
    if (next === undefined) throw new NotUnderstoodError();
    const character = String.fromCodePoint(next);
    this.#at += character.length;
    return character === '\\' ? this.#escaped() : character;
  }

  /** Exactly those of ASCII; undefined: unknown. Letters beyond ASCII may have a case that is in it. */
  #asciiOfItem(
    low: string | AsciiSet | undefined,
    high: string | AsciiSet | undefined,
  ): AsciiSet | undefined {
    if (typeof low === 'bigint') return low;
    const [from, to] = [low, high].map((end) => (typeof end === 'string' ? end.codePointAt(0) : undefined));
    if (from === undefined || to === undefined) return undefined;
    if (!this.#flags.i) return asciiRange(from, to);
    return to > 0x7f ? undefined : inBothCases(asciiRange(from, to));
  }

  #text(text: string): PatternNode {
    return { type: 'text', text, ignoresCase: this.#flags.i };
  }

  #skip(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #match(expression: RegExp): RegExpExecArray | undefined {
    expression.lastIndex = this.#at;
    const match = expression.exec(this.#source);
    if (match === null) return undefined;
    this.#at = expression.lastIndex;
    return match;
  }
}

function bounds([text, min, comma, max]: RegExpExecArray): { min: number; max: number } {
  if (text === '*') return { min: 0, max: Number.POSITIVE_INFINITY };
  if (text === '+') return { min: 1, max: Number.POSITIVE_INFINITY };
  if (text === '?') return { min: 0, max: 1 };
  const least = Number(min);
  if (comma === undefined) return { min: least, max: least };
  return { min: least, max: max === undefined ? Number.POSITIVE_INFINITY : Number(max) };
}
