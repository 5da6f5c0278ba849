// npm run referee -- [--minutes N] [--seed S]: compiled rules against json-rules-engine for as long as asked. Exit 1 and
// the smallest rule and event that show it, once they disagree.

import { Command, InvalidArgumentError } from 'commander';
import fc from 'fast-check';
import { largeCases, ordinaryCases } from './referee/cases.ts';
import { gapsOf } from './referee/coverage.ts';
import { type Case, holdAgainstReferee } from './referee/hold.ts';
import { Tally } from './referee/tally.ts';

const SETS_IN_A_BATCH = 200;
const PROGRESS_MS = 10_000;

interface RunOptions {
  readonly minutes: number;
  readonly seed: number;
}

const program = new Command('referee')
  .description('Holds compiled rules against json-rules-engine, on rules and events drawn at random.')
  .option('--minutes <n>', 'how long', positive, 5)
  .option(
    '--seed <s>',
    'where the drawing begins; a run prints its seeds, and one seed draws the same cases',
    whole,
    Date.now() % 2 ** 31,
  )
  .addHelpText('after', '\nExample:\n  npm run referee -- --minutes 30 --seed 7')
  .showHelpAfterError()
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
program.parse();
process.exitCode = await run(program.opts<RunOptions>());

async function run({ minutes, seed }: RunOptions): Promise<number> {
  const endAt = performance.now() + minutes * 60_000;
  const tally = new Tally();
  let printedAt = performance.now();
  for (let batch = 0; batch === 0 || performance.now() < endAt; batch++) {
    const failure =
      (await check(ordinaryCases, SETS_IN_A_BATCH, seed + batch, tally)) ??
      (await check(largeCases, 1, seed + batch, tally));
    if (failure !== undefined) {
      tally.print(`seeds ${seed} to ${seed + batch}`);
      console.log(`\n${failure}\n\nfound with --seed ${seed + batch}`);
      return 1;
    }
    if (performance.now() - printedAt < PROGRESS_MS) continue;
    printedAt = performance.now();
    process.stderr.write(
      `${tally.cases} cases, ${Math.max(0, Math.ceil((endAt - printedAt) / 60_000))} min left\n`,
    );
  }
  tally.print(`from seed ${seed}`);
  for (const gap of gapsOf(tally)) console.log(`reached too seldom: ${gap}`);
  return 0;
}

/** @returns the smallest failure found, in words */
async function check(
  arbitrary: fc.Arbitrary<Case>,
  numRuns: number,
  seed: number,
  tally: Tally,
): Promise<string | undefined> {
  const result = await fc.check(
    fc.asyncProperty(arbitrary, (one) => holdAgainstReferee(one, tally)),
    { numRuns, seed },
  );
  if (!result.failed) return undefined;
  const { errorInstance } = result;
  return errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('expected a number over 0');
  return value;
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value)) throw new InvalidArgumentError('expected a whole number');
  return value;
}
