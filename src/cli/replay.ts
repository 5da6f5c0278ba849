// `picket replay`: recorded events through the same rules, offline.
import { stat } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { concatMap, lastValueFrom, type OperatorFunction, tap } from 'rxjs';
import type { Platform } from '../events/triggers.ts';
import { type FlowBatch, type Receipt, settleAll } from '../operators/flow.ts';
import { compileRules } from '../rules/compile.ts';
import { loadRules, requireRuleSet } from '../rules/load.ts';
import { PLATFORMS } from '../rules/schema.ts';
import { ndjsonSink, writeTo } from '../sinks/ndjson.ts';
import { type ReplayFault, type ReplayFormat, replaySource } from '../sources/replay.ts';
import { CommandError } from './failure.ts';
import { painterFor, say, writeOut } from './output.ts';
import { type Progress, startProgress } from './progress.ts';
import { recordingSink } from './recording-sink.ts';
import { type Judge, judgeBy } from './replay-judge.ts';
import { ReplaySummary } from './replay-summary.ts';
import { boundYoungGeneration } from './young-generation.ts';

/** Events on their way at once: enough for every step to be busy, small against any memory. */
const MAX_UNSETTLED = 512;

/** A damaged file of gigabytes must not fill the terminal: all are counted, so many are shown. */
const MAX_FAULTS_SHOWN = 100;

interface ReplayOptions {
  readonly rules?: readonly string[];
  readonly platform?: Platform;
  readonly format?: ReplayFormat;
  readonly output: 'ndjson' | 'summary' | 'picket';
}

export function replayCommand(): Command {
  return new Command('replay')
    .description(
      'Recorded events through the same event model and rules as the agent, offline and in order. Every event comes\n' +
        'out, with the decision that the agent would have come to. Packed files (gzip, zstd) are read as they are.',
    )
    .argument('<file...>', "recordings; '-' is stdin")
    .option('--rules <path...>', 'rule files or folders; without it nothing is judged')
    .addOption(
      new Option('--platform <name>', 'whose events these are (default: as each says itself)').choices(
        PLATFORMS,
      ),
    )
    .addOption(
      new Option('--format <name>', 'what the files hold (default: recognised)').choices([
        'eslogger',
        'picket',
      ]),
    )
    .addOption(
      new Option('--output <name>', 'events as JSON lines, counts, or a recording (*.picket)')
        .choices(['ndjson', 'summary', 'picket'])
        .default('ndjson'),
    )
    .addHelpText(
      'after',
      '\nExit codes: 0 everything was read, 1 something was not (told on stderr as file:line: reason).' +
        '\n\nExamples:\n  picket replay events.json.zst --rules rules/macos --output summary' +
        '\n  sudo eslogger exec open | picket replay - --rules rules/macos',
    )
    .action(replay);
}

async function replay(files: string[], options: ReplayOptions): Promise<void> {
  if (options.output === 'picket' && process.stdout.isTTY) {
    throw new CommandError('a recording is no text: redirect it, e.g. --output picket > events.picket', 2);
  }
  const judge = options.rules === undefined ? undefined : await loadJudge(options.rules, options.platform);
  const progress = startProgress({ label: 'replay', unit: 'events' });
  const totalBytes = await sizeOf(files);
  const faults = new FaultReport(progress);
  const summary = new ReplaySummary();
  const before = { file: '', bytes: 0, bytesOfEarlierFiles: 0 };
  const started = performance.now();
  const replayed = replaySource({
    files,
    ...(options.format === undefined ? {} : { format: options.format }),
    maxUnsettled: MAX_UNSETTLED,
    onFault: (fault) => faults.add(fault),
    onProgress: ({ file, readBytes, events }) => {
      boundYoungGeneration();
      if (file !== before.file) before.bytesOfEarlierFiles += before.bytes;
      before.file = file;
      before.bytes = readBytes;
      const share =
        totalBytes === undefined ? undefined : (before.bytesOfEarlierFiles + readBytes) / totalBytes;
      progress.update(share, events);
    },
  }).pipe(
    concatMap(async (batch) => (judge === undefined ? batch : judge(batch))),
    tap((batch) => summary.add(batch)),
    sinkOf(options.output),
    tap(({ events }) => settleAll(events)),
  );
  await lastValueFrom(replayed, { defaultValue: undefined });
  progress.clear();
  faults.finish();
  if (options.output === 'summary') {
    const totals = { malformed: faults.count, elapsedMs: performance.now() - started };
    await writeOut(summary.format(totals, painterFor(process.stdout)));
  }
  if (faults.count > 0) process.exitCode = 1;
}

function sinkOf(output: ReplayOptions['output']): OperatorFunction<FlowBatch, Receipt> {
  if (output === 'ndjson') return ndjsonSink({ write: writeTo(process.stdout) });
  if (output === 'picket') return recordingSink(process.stdout);
  return concatMap(async ({ events }): Promise<Receipt> => ({ outcome: 'acknowledged', events }));
}

/** Without a platform each event is judged by the rules of its own. */
async function loadJudge(paths: readonly string[], platform: Platform | undefined): Promise<Judge> {
  const ruleSet = requireRuleSet(await loadRules(paths, { platform }));
  return judgeBy((of) => compileRules(ruleSet, { platform: platform ?? of }));
}

/** Undefined where it cannot be known: a pipe among the files. */
async function sizeOf(files: readonly string[]): Promise<number | undefined> {
  let bytes = 0;
  for (const file of files) {
    if (file === '-') return undefined;
    try {
      const found = await stat(file);
      if (!found.isFile()) return undefined;
      bytes += found.size;
    } catch {
      // Not there: the source reports it as a fault.
    }
  }
  return bytes === 0 ? undefined : bytes;
}

class FaultReport {
  readonly #progress: Progress;
  count = 0;

  constructor(progress: Progress) {
    this.#progress = progress;
  }

  add({ file, position, reason }: ReplayFault): void {
    this.count++;
    if (this.count > MAX_FAULTS_SHOWN) return;
    this.#progress.clear();
    say(position === 0 ? `${file}: ${reason}` : `${file}:${position}: ${reason}`);
  }

  finish(): void {
    const more = this.count - MAX_FAULTS_SHOWN;
    if (more > 0) say(`and ${more} more that could not be read`);
  }
}
