// `npm run kills`: a thousand kills and stops of agent and bridge under 64 openers. Ends with 0 only if no call hung beyond its
// budget for another reason than the machine's own stalls, each request had one answer, and no deny was lost while its
// judge was there. Root; everything is on a loop-mounted image of its own.
import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { Cleanup } from '../system/harness/cleanup.ts';
import { strikeOften } from '../system/harness/kills.ts';

/** A stopped bridge is killed after 2 s, and the machine may be busy. */
const HUNG_MS = 10_000;

const command = new Command()
  .name('kills')
  .description(
    'Kills and stops agent and bridge at random, and reads in the logs of 64 openers what came of it.',
  )
  .option('--count <number>', 'how often', '1000')
  .option('--seed <number>', 'of the blows and their times', '1')
  .option('--budget-ms <number>', 'that an open or exec may wait', '500')
  .option('--json <file>', 'writes the report there, too')
  .action(
    async (options: Readonly<Record<'count' | 'seed' | 'budgetMs', string>> & { readonly json?: string }) => {
      const cleanup = new Cleanup();
      try {
        const began = performance.now();
        const report = await strikeOften(cleanup, {
          count: Number(options.count),
          seed: Number(options.seed),
          budgetMs: Number(options.budgetMs),
          hungMs: Number(options.budgetMs) * 2 + HUNG_MS,
          onBlow: (done, name) => process.stderr.write(`${done} of ${options.count}: ${name}\n`),
        });
        const seconds = Math.round((performance.now() - began) / 1_000);
        const text = JSON.stringify({ ...options, seconds, ...report }, null, 2);
        process.stdout.write(`${text}\n`);
        if (options.json !== undefined) writeFileSync(options.json, `${text}\n`);
        process.exitCode = report.faults.length + report.beyond.unexplained === 0 ? 0 : 1;
      } finally {
        await cleanup.run();
      }
    },
  );

await command.parseAsync();
