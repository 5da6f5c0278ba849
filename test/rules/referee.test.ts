import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { largeCases, ordinaryCases } from './referee/cases.ts';
import { gapsOf } from './referee/coverage.ts';
import { type Case, holdAgainstReferee } from './referee/hold.ts';
import { Tally } from './referee/tally.ts';

// The same cases at every run, unless asked for others: `npm run referee` goes further.
const SEED = Number(process.env.PICKET_SEED ?? 20260131);
const SETS = Number(process.env.PICKET_REFEREE_SETS ?? 1_000);
const LARGE_SETS = Math.ceil(SETS / 200);
const CASES_IN_CI = 100_000;

async function hold(what: string, arbitrary: fc.Arbitrary<Case>, numRuns: number): Promise<Tally> {
  const tally = new Tally();
  await fc.assert(
    fc.asyncProperty(arbitrary, (one) => holdAgainstReferee(one, tally)),
    { numRuns, seed: SEED },
  );
  tally.print(`${what}, seed ${SEED}`);
  return tally;
}

describe('compiled rules', () => {
  test('match what json-rules-engine matches, from objects and from encoded bytes', {
    timeout: 600_000,
  }, async () => {
    const tally = await hold('rule sets', ordinaryCases, SETS);
    expect(gapsOf(tally)).toEqual([]);
    if (SETS >= 1_000) expect(tally.cases).toBeGreaterThanOrEqual(CASES_IN_CI);
  });

  test('match what json-rules-engine matches, hundreds of them in one index', {
    timeout: 600_000,
  }, async () => {
    const tally = await hold('large rule sets', largeCases, LARGE_SETS);
    expect(tally.largestSet).toBeGreaterThanOrEqual(500);
  });
});
