// Regular expressions of Sigma rules (a subset of PCRE) as Picket's (RE2), which are found anywhere in a text.

import { compilePattern, PatternError } from '../patterns.ts';
import type { Place } from '../rule-document.ts';
import { SigmaError } from './sigma-error.ts';

export type RegexFlag = 'i' | 'm' | 's';

export interface SigmaRegex {
  readonly source: string;
  readonly flags: ReadonlySet<RegexFlag>;
}

/** Text as a pattern that finds exactly it. */
export function quotePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/** `startswith` and `endswith` over a regular expression: it must begin, end where the text does. */
export function anchorStart({ source, flags }: SigmaRegex): SigmaRegex {
  return source.startsWith('^') && !hasOpenAlternation(source)
    ? { source, flags }
    : { source: `\\A(?:${source})`, flags };
}

export function anchorEnd({ source, flags }: SigmaRegex): SigmaRegex {
  const isAnchored = /(?:^|[^\\])(?:\\\\)*\$$/.test(source) && !hasOpenAlternation(source);
  return isAnchored ? { source, flags } : { source: `(?:${source})\\z`, flags };
}

/** A `|` outside of groups and classes: an anchor beside it would bind to one branch only. */
function hasOpenAlternation(source: string): boolean {
  let depth = 0;
  let inClass = false;
  for (let i = 0; i < source.length; i++) {
    const char = source[i];
    if (char === '\\') i++;
    else if (inClass) inClass = char !== ']';
    else if (char === '[') {
      inClass = true;
      if (source[i + 1] === '^') i++;
      if (source[i + 1] === ']') i++;
    } else if (char === '(') depth++;
    else if (char === ')') depth--;
    else if (char === '|' && depth === 0) return true;
  }
  return false;
}

/** The operator and its pattern. Throws SigmaError where the engine has no such expression. */
export function matchesQuestion(
  { source, flags }: SigmaRegex,
  place: Place,
): { readonly operator: string; readonly value: string } {
  const inline = [...flags]
    .filter((flag) => flag !== 'i')
    .sort()
    .join('');
  const value = inline === '' ? source : `(?${inline})${source}`;
  try {
    compilePattern(value, flags.has('i'));
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw new SigmaError('regex', place, error.message, { found: error.found, expected: error.expected });
  }
  return { operator: flags.has('i') ? 'ignoreCase:matches' : 'matches', value };
}
