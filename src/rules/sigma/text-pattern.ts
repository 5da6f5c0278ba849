// A Sigma text: literals and the wildcards `*` (any number of characters, none too) and `?` (exactly one).

import { quotePattern } from './regular-expression.ts';

type Wildcard = { readonly wildcard: 'many' | 'one' };
type TextPart = string | Wildcard;

/** Neighbouring literals are one part. */
export type TextPattern = readonly TextPart[];

const MANY: Wildcard = { wildcard: 'many' };
const ONE: Wildcard = { wildcard: 'one' };

/**
 * A backslash escapes a wildcard or a backslash; before anything else it is a character like others. So `\*` is a
 * star, `\\*` a backslash and any text, `\\\*` a backslash and a star.
 */
export function parseTextPattern(text: string): TextPattern {
  const parts: TextPart[] = [];
  let literal = '';
  const flush = (): void => {
    if (literal !== '') parts.push(literal);
    literal = '';
  };
  for (let i = 0; i < text.length; i++) {
    const char = text[i] ?? '';
    const next = text[i + 1];
    if (char === '\\' && (next === '*' || next === '?' || next === '\\')) {
      literal += next;
      i++;
    } else if (char === '*' || char === '?') {
      flush();
      parts.push(char === '*' ? MANY : ONE);
    } else literal += char;
  }
  flush();
  return parts;
}

export function hasWildcard(pattern: TextPattern): boolean {
  return pattern.some((part) => typeof part !== 'string');
}

/** The text, where there are no wildcards. */
export function plainText(pattern: TextPattern): string {
  return pattern.filter((part) => typeof part === 'string').join('');
}

export function startsOpen(pattern: TextPattern): boolean {
  return isMany(pattern[0]);
}

export function endsOpen(pattern: TextPattern): boolean {
  return isMany(pattern.at(-1));
}

const isMany = (part: TextPart | undefined): boolean => typeof part === 'object' && part.wildcard === 'many';

export function openStart(pattern: TextPattern): TextPattern {
  return startsOpen(pattern) ? pattern : [MANY, ...pattern];
}

export function openEnd(pattern: TextPattern): TextPattern {
  return endsOpen(pattern) ? pattern : [...pattern, MANY];
}

/** Neighbouring literals made one, empty ones left out. */
export function joined(parts: TextPattern): TextPattern {
  const result: TextPart[] = [];
  for (const part of parts) {
    const last = result.at(-1);
    if (part === '') continue;
    if (typeof part === 'string' && typeof last === 'string') result[result.length - 1] = last + part;
    else result.push(part);
  }
  return result;
}

/** How Picket asks it: the narrowest operator that means the same. */
export type TextQuestion =
  | {
      readonly operator: 'equal' | 'startsWith' | 'endsWith' | 'includes' | 'matches';
      readonly value: string;
    }
  | { readonly operator: 'exists'; readonly value: true };

export function questionOf(pattern: TextPattern): TextQuestion {
  const from = pattern.findIndex((part) => !isMany(part));
  // Stars alone: any text, but there must be one.
  if (from === -1)
    return pattern.length === 0 ? { operator: 'equal', value: '' } : { operator: 'exists', value: true };
  const to = pattern.findLastIndex((part) => !isMany(part)) + 1;
  const core = pattern.slice(from, to);
  const [isOpenStart, isOpenEnd] = [from > 0, to < pattern.length];
  if (!hasWildcard(core)) {
    const value = plainText(core);
    if (isOpenStart) return { operator: isOpenEnd ? 'includes' : 'endsWith', value };
    return { operator: isOpenEnd ? 'startsWith' : 'equal', value };
  }
  // `s`: a wildcard stands for line breaks, too.
  const source = `(?s)${isOpenStart ? '' : '^'}${patternSource(core)}${isOpenEnd ? '' : '$'}`;
  return { operator: 'matches', value: source };
}

/** As a regular expression, without anchors. `any` is what a wildcard's character may be. */
export function patternSource(pattern: TextPattern, any = '.'): string {
  let source = '';
  for (const [index, part] of pattern.entries()) {
    if (typeof part === 'string') source += quotePattern(part);
    else if (part.wildcard === 'one') source += any;
    else if (!isMany(pattern[index - 1])) source += `${any}*`;
  }
  return source;
}
