// The condition language of Sigma: tokens, and a parser by recursive descent.
//
//   expr := or ;  or := and ("or" and)* ;  and := not ("and" not)*
//   not  := "not" not | "(" expr ")" | selector | identifier
//   selector := ("1" | "any" | "all") "of" ("them" | pattern)

import type { Place } from '../rule-document.ts';
import { SigmaError } from './sigma-error.ts';

export type SigmaCondition =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly SigmaCondition[] }
  | { readonly kind: 'not'; readonly part: SigmaCondition }
  | { readonly kind: 'identifier'; readonly name: string }
  | { readonly kind: 'selector'; readonly quantifier: 'one' | 'all'; readonly pattern: string };

interface Token {
  readonly text: string;
  /** Keywords are known in any case. */
  readonly word: string;
  readonly offset: number;
}

const TOKEN = /\s+|[()]|[A-Za-z0-9_*-]+|./gsu;
const NAME = /^[A-Za-z0-9_-]+$/;
const PATTERN = /^[A-Za-z0-9_*-]+$/;
// Parentheses nest on the stack.
const MAX_DEPTH = 200;

/**
 * Throws SigmaError.
 * @param placeAt where a character of the text stands in the file, if that is not a matter of counting
 */
export function parseSigmaCondition(
  text: string,
  place: Place,
  placeAt = (offset: number): Place => ({ ...place, column: place.column + offset }),
): SigmaCondition {
  const tokens = tokensOf(text, placeAt);
  let next = 0;
  let depth = 0;

  const peek = (ahead = 0): Token | undefined => tokens[next + ahead];
  const isWord = (word: string, ahead = 0): boolean => peek(ahead)?.word === word;
  const fail = (message: string, expected: string, token = peek()): never => {
    const found = token === undefined ? 'the end of the condition' : `\`${token.text}\``;
    throw new SigmaError('condition', token === undefined ? place : placeAt(token.offset), message, {
      found,
      expected,
    });
  };

  const parseOr = (): SigmaCondition => parseJoined('or', parseAnd);
  const parseAnd = (): SigmaCondition => parseJoined('and', parseNot);
  const parseJoined = (kind: 'and' | 'or', parsePart: () => SigmaCondition): SigmaCondition => {
    const first = parsePart();
    const parts = [first];
    while (isWord(kind)) {
      next++;
      parts.push(parsePart());
    }
    return parts.length === 1 ? first : { kind, parts };
  };
  const parseNot = (): SigmaCondition => {
    if (++depth > MAX_DEPTH) fail('this condition nests too deeply', `at most ${MAX_DEPTH} levels`);
    const result = parseAtom();
    depth--;
    return result;
  };
  const parseAtom = (): SigmaCondition => {
    const token = peek();
    if (token === undefined) return fail('something is missing at the end', 'a search identifier');
    if (token.word === 'not') {
      next++;
      return { kind: 'not', part: parseNot() };
    }
    if (token.text === '(') {
      next++;
      const inner = parseOr();
      if (peek()?.text !== ')') return fail('a parenthesis is not closed', '`)`, `and` or `or`');
      next++;
      return inner;
    }
    if (isWord('of', 1)) return parseSelector(token);
    if (token.word === 'and' || token.word === 'or' || !NAME.test(token.text)) {
      return fail('this is no search identifier', 'a search identifier, `not` or `(`');
    }
    next++;
    return { kind: 'identifier', name: token.text };
  };
  const parseSelector = (token: Token): SigmaCondition => {
    const quantifier = QUANTIFIERS.get(token.word);
    if (quantifier === undefined)
      return fail('this is no number of search identifiers', '1, any or all', token);
    next += 2;
    const pattern = peek();
    if (pattern === undefined || !PATTERN.test(pattern.text))
      return fail('`of` says of what', '`them` or a pattern');
    next++;
    return { kind: 'selector', quantifier, pattern: pattern.word === 'them' ? 'them' : pattern.text };
  };

  if (tokens.length === 0) fail('the condition is empty', 'a search identifier');
  const condition = parseOr();
  if (next < tokens.length) fail('the condition goes on where it should end', '`and`, `or` or the end');
  return condition;
}

const QUANTIFIERS: ReadonlyMap<string, 'one' | 'all'> = new Map([
  ['1', 'one'],
  ['any', 'one'],
  ['all', 'all'],
]);

function tokensOf(text: string, placeAt: (offset: number) => Place): Token[] {
  const tokens: Token[] = [];
  for (const match of text.matchAll(TOKEN)) {
    const [token] = match;
    if (/^\s/.test(token)) continue;
    if (token === '|') {
      const what =
        text
          .slice(match.index + 1)
          .trim()
          .split(/[\s(]/)[0] ?? '';
      throw new SigmaError(
        'condition',
        placeAt(match.index),
        'aggregations in conditions are not translated',
        {
          found: `\`| ${what}\``,
          expected: 'search identifiers alone; Sigma itself has replaced this by correlations',
        },
      );
    }
    tokens.push({ text: token, word: token.toLowerCase(), offset: match.index });
  }
  return tokens;
}

/** Whether a pattern of a selector means this name. */
export function selects(pattern: string, name: string): boolean {
  if (pattern === 'them') return !name.startsWith('_');
  const [start = '', ...parts] = pattern.split('*');
  const end = parts.pop();
  if (end === undefined) return name === pattern;
  if (!name.startsWith(start) || !name.endsWith(end)) return false;
  // Each part as early as it can be: no choice has to be taken back.
  let at = start.length;
  for (const part of parts) {
    const found = name.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return at <= name.length - end.length;
}
