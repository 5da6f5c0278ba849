import fc from 'fast-check';
import { expect, test } from 'vitest';
import { preparePattern } from '../../src/rules/pattern-test.ts';
import { windowOf } from '../../src/rules/pattern-window.ts';
import { compilePattern, type Pattern } from '../../src/rules/patterns.ts';
import { pattern, textFor } from './arbitrary-patterns.ts';

function compiled(source: string, ignoreCase: boolean): Pattern | undefined {
  try {
    return compilePattern(source, ignoreCase);
  } catch {
    return undefined;
  }
}

const RUNS = Number(process.env.PICKET_PROPERTY_RUNS ?? 6000);

test('what a window denies, the pattern does not match, and a prepared pattern is the pattern', {
  timeout: 600_000,
}, () => {
  const tally = { withWindow: 0, matched: 0, denied: 0, left: 0 };
  fc.assert(
    fc.property(
      pattern.chain((source) =>
        fc.tuple(fc.constant(source), fc.array(textFor(source), { minLength: 4, maxLength: 8 })),
      ),
      fc.boolean(),
      ([source, texts], ignoreCase) => {
        const re2 = compiled(source, ignoreCase);
        if (re2 === undefined) return;
        const hasWindow = windowOf(source, ignoreCase);
        const prepared = preparePattern(source, ignoreCase);
        if (hasWindow !== undefined) tally.withWindow++;
        for (const text of texts) {
          const isMatch = re2.test(text);
          const isPossible = hasWindow?.(text) ?? true;
          if (hasWindow !== undefined) tally[isMatch ? 'matched' : isPossible ? 'left' : 'denied']++;
          if (isMatch) expect(isPossible, `${source} matches ${JSON.stringify(text)}`).toBe(true);
          const folded = (): string => text.toLowerCase().toUpperCase();
          expect(prepared(text, folded), `${source} on ${JSON.stringify(text)}`).toBe(isMatch);
        }
      },
    ),
    { numRuns: RUNS },
  );
  console.log(`windows: ${JSON.stringify(tally)}`);
  for (const count of Object.values(tally)) expect(count).toBeGreaterThan(RUNS / 10);
});

test.each([
  ['\\b[a-f]{2}[0-9]{2}[g-m]{2}\\b', 'ab12gh', 'ab1gh'],
  ['x{9}y', `x${'x'.repeat(8)}y`, 'xxxxxxxy'],
  ['[^\\x00-\\x2f][0-9]{2,}z', 'a123z', 'a1z'],
  ['(?i)[k-m]\\d[^a-z]', 'L1-', 'L1Z'],
  ['(a|b)(c|d)', 'xbdx', 'xb d'],
  ['[\\d-z]{3}', '1-z', '1y-'],
])(
  '%s: a text that has its characters beside one another is searched, any other not',
  (source, has, lacks) => {
    const hasWindow = windowOf(source, false);
    expect([hasWindow?.(has), hasWindow?.(lacks)]).toEqual([true, false]);
  },
);

test.each(['.*', '[a-z]', '\\w+', 'a?b?', '\\b'])(
  '%s has no window that would tell texts apart',
  (source) => {
    expect(windowOf(source, false)).toBeUndefined();
  },
);

test('nested repeats do not multiply', () => {
  const nested = `${'('.repeat(200)}a1${')+'.repeat(200)}b[0-9]c`;
  expect(windowOf(nested, false)?.('a1b2c')).toBe(true);
});
