import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { foldCase } from '../../src/rules/fold-case.ts';
import { type Literals, literalsOf } from '../../src/rules/pattern-literals.ts';
import { compilePattern, type Pattern } from '../../src/rules/patterns.ts';
import { pattern, textFor } from './arbitrary-patterns.ts';

function compiled(source: string, ignoreCase: boolean): Pattern | undefined {
  try {
    return compilePattern(source, ignoreCase);
  } catch {
    return undefined;
  }
}

function holds({ place, texts }: Literals, text: string): boolean {
  if (place === 'whole') return texts.includes(text);
  if (place === 'prefix') return texts.some((one) => text.startsWith(one));
  if (place === 'suffix') return texts.some((one) => text.endsWith(one));
  return texts.some((one) => text.includes(one));
}

const RUNS = Number(process.env.PICKET_PROPERTY_RUNS ?? 6000);

describe('the literals of a regular expression', () => {
  test('are in every text that it matches, and tell all of it where they say so', {
    timeout: 600_000,
  }, () => {
    const tally = { valid: 0, withLiterals: 0, exact: 0, folded: 0, matched: 0, refuted: 0 };
    fc.assert(
      fc.property(
        pattern.chain((source) =>
          fc.tuple(fc.constant(source), fc.array(textFor(source), { minLength: 4, maxLength: 8 })),
        ),
        fc.boolean(),
        ([source, texts], ignoreCase) => {
          const re2 = compiled(source, ignoreCase);
          if (re2 === undefined) return;
          tally.valid++;
          const literals = literalsOf(source, ignoreCase);
          if (literals === undefined) return;
          const { isFolded, required, isExact } = literals;
          tally.withLiterals++;
          if (isExact) tally.exact++;
          if (isFolded) tally.folded++;
          for (const text of texts) {
            const isFound = required.some((one) => holds(one, isFolded ? foldCase(text) : text));
            const isMatch = re2.test(text);
            if (isMatch) tally.matched++;
            else if (isFound) tally.refuted++;
            if (isMatch) expect(isFound, `${source} matches ${JSON.stringify(text)}`).toBe(true);
            const isWhole = isExact && (!isFolded || /^[\0-\x7f]*$/.test(text));
            if (isWhole) expect(isFound, `${source} on ${JSON.stringify(text)}`).toBe(isMatch);
          }
        },
      ),
      { numRuns: RUNS },
    );
    console.log(`patterns: ${JSON.stringify(tally)}`);
    expect(tally.valid).toBeGreaterThan(RUNS / 2);
    expect(tally.withLiterals).toBeGreaterThan(tally.valid / 3);
    for (const count of [tally.exact, tally.folded, tally.matched, tally.refuted])
      expect(count).toBeGreaterThan(RUNS / 40);
  });

  // Where flags begin and end, and what a line is: each text of up to four of these characters.
  test.each([
    'a(?i)b',
    '(?i:a)b',
    '((?i)a)b',
    '(a|(?i)b)k',
    '(?i)a(?-i)k',
    '(?i)k',
    '^(?i)[ab]k$',
    '(?m)^a',
    '(?m)a$',
    '(?m:^a)|^b',
    '^a|k$',
    '^.*b',
    'a.*$',
    '(?s)^.*b',
    '(?s)a.*$',
    '(?s:a.*)b$',
    'a?b',
    '^a?b',
    '(ab)?',
    '^(ab)?$',
    '(a|b|)k',
    'a{2}',
    'a{0}b',
    '^$',
    'a\\b',
    '\\Ba',
  ])('of %s are right for every short text', (source) => {
    const letters = ['a', 'A', 'b', 'B', 'k', '\u212a', '\n', ' '];
    let shortTexts = [''];
    const all = [...shortTexts];
    for (let length = 1; length <= 4; length++) {
      shortTexts = shortTexts.flatMap((text) => letters.map((letter) => text + letter));
      all.push(...shortTexts);
    }
    const re2 = compilePattern(source, false);
    const literals = literalsOf(source, false);
    const wrong = all.filter((text) => {
      if (literals === undefined) return false;
      const { isFolded, required, isExact } = literals;
      const isFound = required.some((one) => holds(one, isFolded ? foldCase(text) : text));
      const isMatch = re2.test(text);
      if (isMatch) return !isFound;
      return isFound && isExact && (!isFolded || /^[\0-\x7f]*$/.test(text));
    });
    expect(wrong.slice(0, 3)).toEqual([]);
  });
});
