import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { resolveOperator } from '../../../src/rules/decorators.ts';
import {
  endsOpen,
  openEnd,
  openStart,
  parseTextPattern,
  patternSource,
  questionOf,
  startsOpen,
  type TextPattern,
} from '../../../src/rules/sigma/text-pattern.ts';

/** By the book: a table of which beginnings of the pattern match which beginnings of the text. */
function reference(pattern: TextPattern, text: string): boolean {
  const steps = pattern.flatMap((part) => (typeof part === 'string' ? [...part] : [part.wildcard]));
  const isLiteral = pattern.flatMap((part) =>
    typeof part === 'string' ? [...part].map(() => true) : [false],
  );
  const chars = [...text];
  let row = new Array<boolean>(chars.length + 1).fill(false);
  row[0] = true;
  for (const [index, step] of steps.entries()) {
    const next = new Array<boolean>(chars.length + 1).fill(false);
    for (let at = 0; at <= chars.length; at++) {
      if (!isLiteral[index] && step === 'many')
        next[at] = row[at] === true || (at > 0 && next[at - 1] === true);
      else if (at > 0 && row[at - 1] === true) {
        const char = chars[at - 1] ?? '';
        next[at] = !isLiteral[index] || char.toLowerCase() === step.toLowerCase();
      }
    }
    row = next;
  }
  return row[chars.length] === true;
}

function asked(pattern: TextPattern, text: string): boolean {
  const { operator, value } = questionOf(pattern);
  const name = operator === 'exists' ? operator : `ignoreCase:${operator}`;
  return resolveOperator(name)?.evaluate(text, value) === true;
}

const alphabet = fc.constantFrom('a', 'B', 'b', '.', '\\', '/', '\n', '(', '$', 'é', '😀');
const texts = fc.string({ unit: alphabet, maxLength: 8 });
const written = fc.string({ unit: fc.oneof(alphabet, fc.constantFrom('*', '?', '*', '\\')), maxLength: 8 });

describe('a text with wildcards', () => {
  test('matches what a matcher by the book says, through the narrowest operator', () => {
    let matches = 0;
    const operators = new Map<string, number>();
    fc.assert(
      fc.property(written, texts, (source, text) => {
        const pattern = parseTextPattern(source);
        const isMatch = asked(pattern, text);
        expect(isMatch).toBe(reference(pattern, text));
        if (isMatch) matches++;
        const { operator } = questionOf(pattern);
        operators.set(operator, (operators.get(operator) ?? 0) + 1);
      }),
      { numRuns: 8_000 },
    );
    expect(matches).toBeGreaterThan(160);
    expect([...operators.keys()].sort()).toEqual(
      ['endsWith', 'equal', 'exists', 'includes', 'matches', 'startsWith'].sort(),
    );
  });

  test('matches every text that is made from it', () => {
    const filler = fc.array(texts, { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(written, filler, (source, fill) => {
        const pattern = parseTextPattern(source);
        const text = pattern
          .map((part, index) =>
            typeof part === 'string' ? part.toUpperCase() : part.wildcard === 'many' ? fill[index % 8] : 'x',
          )
          .join('');
        expect(asked(pattern, text)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ['a\\*b', ['a*b']],
    ['a\\?b', ['a?b']],
    ['a\\\\*', ['a\\', { wildcard: 'many' }]],
    ['a\\\\\\*', ['a\\*']],
    ['C:\\Windows\\x', ['C:\\Windows\\x']],
    ['C:\\\\x', ['C:\\x']],
    ['\\\\\\\\', ['\\\\']],
    ['end\\', ['end\\']],
    ['', []],
    ['*', [{ wildcard: 'many' }]],
  ])('escapes as the specification says: %s', (source, parts) => {
    expect(parseTextPattern(source)).toEqual(parts);
  });

  test.each([
    ['abc', 'equal', 'abc'],
    ['abc*', 'startsWith', 'abc'],
    ['*abc', 'endsWith', 'abc'],
    ['**abc**', 'includes', 'abc'],
    ['a*c', 'matches', '(?s)^a.*c$'],
    ['a?.c*', 'matches', '(?s)^a.\\.c'],
    ['*', 'exists', true],
    ['', 'equal', ''],
  ])('asks %s by %s', (source, operator, value) => {
    expect(questionOf(parseTextPattern(source))).toEqual({ operator, value });
  });

  test('is opened once, whatever it ends in', () => {
    const pattern = openEnd(openStart(parseTextPattern('*a\\*')));
    expect(pattern).toEqual([{ wildcard: 'many' }, 'a*', { wildcard: 'many' }]);
    expect([startsOpen(pattern), endsOpen(pattern)]).toEqual([true, true]);
    expect(patternSource(pattern)).toBe('.*a\\*.*');
  });
});
