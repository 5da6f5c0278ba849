// `npm run epochs`: a thousand changes of rules under load, and not one answer by rules older than those acknowledged before
// the question. Ends with 0 if so. Root; everything is on a loop-mounted image of its own.
import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { Cleanup } from '../system/harness/cleanup.ts';
import { switchEpochs } from '../system/harness/epochs.ts';

const command = new Command()
  .name('epochs')
  .description(
    'Changes rules over and over while programs open files, and looks for answers by rules of before.',
  )
  .option('--switches <number>', 'how often', '1000')
  .option('--threads <number>', 'that open files', '8')
  .option('--pause-us <number>', 'of each thread between two opens', '1000')
  .option('--json <file>', 'writes the report there, too')
  .action(
    async (options: Readonly<Record<'switches' | 'threads' | 'pauseUs', string>> & { json?: string }) => {
      const cleanup = new Cleanup();
      try {
        const began = performance.now();
        const report = await switchEpochs(cleanup, {
          switches: Number(options.switches),
          threads: Number(options.threads),
          pauseUs: Number(options.pauseUs),
          onSwitch: (done) => {
            if (done % 50 === 0) process.stderr.write(`${done} of ${options.switches}\n`);
          },
        });
        const seconds = Math.round((performance.now() - began) / 1_000);
        const text = JSON.stringify({ seconds, ...report });
        process.stdout.write(`${text}\n`);
        if (options.json !== undefined) writeFileSync(options.json, `${text}\n`);
        const isHeld = report.old_allows + report.old_denies + report.other === 0;
        process.exitCode = isHeld && report.epochs === report.switches + 1 ? 0 : 1;
      } finally {
        await cleanup.run();
      }
    },
  );

await command.parseAsync();
