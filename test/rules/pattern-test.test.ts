import fc from 'fast-check';
import { expect, test } from 'vitest';
import { foldCase } from '../../src/rules/fold-case.ts';
import { preparePattern } from '../../src/rules/pattern-test.ts';
import { compilePattern } from '../../src/rules/patterns.ts';

// Letters that fold to others or to several, halves of characters, a byte that was no text.
const CHARACTERS = [
  'a',
  'S',
  's',
  'ß',
  'ſ',
  'k',
  '\u212a',
  'ﬁ',
  'f',
  'i',
  'İ',
  '💀',
  '\udc80',
  '\ud83d',
  '/',
];
const SOURCES = [
  'ss',
  'S',
  '^ss',
  'k$',
  'fi',
  '^fi$',
  'i',
  'a|ss',
  '(?:fi|k)',
  '\udc80',
  '💀',
  '^a',
  'ſ',
  'ß',
];

test('a pattern that became plain searches finds what RE2 finds', () => {
  const texts = fc.array(fc.constantFrom(...CHARACTERS), { maxLength: 4 }).map((some) => some.join(''));
  let matches = 0;
  fc.assert(
    fc.property(fc.constantFrom(...SOURCES), fc.boolean(), texts, (source, ignoreCase, text) => {
      const isMatch = compilePattern(source, ignoreCase).test(text);
      if (isMatch) matches++;
      const isFound = preparePattern(source, ignoreCase)(text, () => foldCase(text));
      expect(isFound, `${source} in ${JSON.stringify(text)}`).toBe(isMatch);
    }),
    { numRuns: 20_000, seed: 5 },
  );
  expect(matches).toBeGreaterThan(2000);
});
