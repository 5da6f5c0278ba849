// Regular expressions that mean the same in RE2's syntax and in JavaScript's with the flag `u`: pieces of the pool's texts
// among classes, groups, repeats and anchors; some with a literal that an index could require, some without.

import fc from 'fast-check';
import { type Made, type Pool, wholeText } from './pools.ts';

type Make = (pool: Pool) => string;

/** By characters, not code units: half of one has no place in a pattern, nor has a byte that was no text. */
const piece: Made<string> = fc
  .tuple(wholeText, fc.nat({ max: 9 }), fc.nat({ max: 9 }))
  .map(([make, from, length]) => (pool) => {
    const characters = [...make(pool)].filter((character) => character.isWellFormed());
    const start = from % (characters.length + 1);
    return characters
      .slice(start, start + 1 + length)
      .map(escaped)
      .join('');
  });

const wholeEscaped: Made<string> = wholeText.map(
  (make) => (pool) =>
    [...make(pool)]
      .filter((character) => character.isWellFormed())
      .map(escaped)
      .join(''),
);

const escaped = (character: string): string => character.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');

const constant = (...texts: readonly string[]): fc.Arbitrary<Make> =>
  fc.constantFrom(...texts).map((text) => () => text);

const single = constant('.', '[a-f]', '[^/]', '[0-9]', '[A-Za-z]', '\\d', '[\\x00-\\x7f]', 'x');

const group: fc.Arbitrary<Make> = fc
  .tuple(
    piece,
    piece,
    fc.constantFrom('one', 'either', 'either with more', 'or nothing', 'with any', 'ignoring case'),
  )
  .map(([make, makeOther, kind]) => (pool) => {
    const [one, other] = [make(pool), makeOther(pool)];
    switch (kind) {
      case 'one':
        return `(${one})`;
      case 'either':
        return `(?:${one}|${other})`;
      case 'either with more':
        return `(?:${one}.|[a-f]${other}|${other})`;
      case 'or nothing':
        return `(?:${one}|)`;
      case 'with any':
        return `(?:${one}.)`;
      default:
        // Node 24 does not find the s in /(?i:ſ)/u, though it does in /ſ/iu; re2js finds it in both.
        return `(?i:${one.replaceAll(/[ſ\u212a]/g, 's')})`;
    }
  });

// Only what has no repeat inside is repeated: JavaScript would try them all.
const repeated: fc.Arbitrary<Make> = fc
  .tuple(fc.oneof(single, group), fc.constantFrom('?', '*', '+', '{2}', '{0,2}', '{1,3}', '??', '+?'))
  .map(
    ([make, repeat]) =>
      (pool) =>
        make(pool) + repeat,
  );

const part: fc.Arbitrary<Make> = fc.oneof(
  { weight: 6, arbitrary: piece },
  { weight: 2, arbitrary: single },
  { weight: 2, arbitrary: group },
  { weight: 3, arbitrary: repeated },
  { weight: 1, arbitrary: constant('.*', '\\b', '^', '$', '(?:^|/)', '(?:$|/)') },
);

const composed: fc.Arbitrary<Make> = fc
  .tuple(
    fc.constantFrom('', '', '^', '^.*'),
    fc.array(part, { minLength: 1, maxLength: 4 }),
    fc.constantFrom('', '', '$', '.*$'),
  )
  .map(
    ([before, makers, after]) =>
      (pool) =>
        before + makers.map((make) => make(pool)).join('') + after,
  );

const alternatives: fc.Arbitrary<Make> = fc
  .array(composed, { minLength: 2, maxLength: 3 })
  .map((makers) => (pool) => makers.map((make) => make(pool)).join('|'));

const whole: fc.Arbitrary<Make> = wholeEscaped.map((make) => (pool) => `^${make(pool)}$`);

const withoutLiteral = constant(
  '^$',
  '^[^/]',
  '[0-9]+',
  '[A-Z]',
  '^.$',
  '^.{2,5}$',
  '(?:[a-f]|[0-9]){3}',
  '[^a-z]$',
  '^[\\x00-\\x7f]*$',
  'x?',
);

export const pattern: Made<string> = fc.oneof<fc.WeightedArbitrary<Make>[]>(
  { weight: 3, arbitrary: piece },
  { weight: 1, arbitrary: whole },
  { weight: 6, arbitrary: composed },
  { weight: 1, arbitrary: alternatives },
  { weight: 1, arbitrary: withoutLiteral },
);

/** For `ignoreCase:`, under which the two syntaxes disagree on what a word is. */
export const patternWithoutWords: Made<string> = pattern.map(
  (make) => (pool) => make(pool).replaceAll('\\b', ''),
);
