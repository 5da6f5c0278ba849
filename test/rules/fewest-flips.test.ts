import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Formula, fewestFlips, holds } from '../../src/rules/fewest-flips.ts';

const VARIABLES = 6;

const formula: fc.Arbitrary<Formula> = fc.letrec<{ formula: Formula }>((tie) => ({
  formula: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.nat({ max: VARIABLES - 1 }).map((id): Formula => ({ kind: 'variable', id })),
    fc.array(tie('formula'), { maxLength: 4 }).map((parts): Formula => ({ kind: 'all', parts })),
    fc.array(tie('formula'), { maxLength: 4 }).map((parts): Formula => ({ kind: 'any', parts })),
    tie('formula').map((part): Formula => ({ kind: 'not', part })),
  ),
})).formula;

const values = fc.array(fc.boolean(), { minLength: VARIABLES, maxLength: VARIABLES });

/** The size of the smallest set of flips, by trying every set; undefined: none makes it true. */
function bruteForce(one: Formula, now: readonly boolean[]): number | undefined {
  let least: number | undefined;
  for (let set = 0; set < 1 << VARIABLES; set++) {
    const size = set.toString(2).replaceAll('0', '').length;
    if (least !== undefined && size >= least) continue;
    if (
      holds(
        one,
        now.map((value, id) => (set & (1 << id) ? !value : value)),
      )
    )
      least = size;
  }
  return least;
}

describe('the fewest conditions that keep a rule from matching', () => {
  test('are as few as trying every set of them finds, and make it match', () => {
    let shared = 0;
    let several = 0;
    let impossible = 0;
    fc.assert(
      fc.property(formula, values, (one, now) => {
        const { flips, isProven } = fewestFlips(one, now);
        const least = bruteForce(one, now);
        expect(isProven).toBe(true);
        expect(flips?.length).toBe(least);
        if (flips === undefined) {
          impossible++;
          return;
        }
        if (flips.length > 1) several++;
        if (variablesIn(one).length > new Set(variablesIn(one)).size) shared++;
        expect(
          holds(
            one,
            now.map((value, id) => (flips.includes(id) ? !value : value)),
          ),
        ).toBe(true);
      }),
      { numRuns: 10_000 },
    );
    // A property that never met the hard cases would hold for the wrong reason.
    expect(Math.min(shared, several, impossible)).toBeGreaterThan(100);
  });

  test('are found in a large rule whose named condition is used twice', () => {
    const parts = Array.from({ length: 400 }, (_, id): Formula => ({ kind: 'variable', id }));
    const one: Formula = {
      kind: 'all',
      parts: [
        { kind: 'any', parts },
        { kind: 'not', part: { kind: 'variable', id: 401 } },
        {
          kind: 'any',
          parts: [
            { kind: 'variable', id: 401 },
            { kind: 'variable', id: 399 },
          ],
        },
      ],
    };
    const now = Array.from({ length: 402 }, (_, id) => id === 401);
    expect(fewestFlips(one, now)).toEqual({ flips: [399, 401], isProven: true });
  });
});

function variablesIn(one: Formula): number[] {
  if (one.kind === 'variable') return [one.id];
  return one.kind === 'not' ? variablesIn(one.part) : one.parts.flatMap(variablesIn);
}
