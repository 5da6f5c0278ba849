// `picket replay`: recorded events through the same rules, offline.
import { Command, Option } from 'commander';
import { concatMap, lastValueFrom, type OperatorFunction, tap } from 'rxjs';
import type { Platform } from '../events/triggers.ts';
import { type FlowBatch, type Receipt, settleAll } from '../operators/flow.ts';
import { compileRules } from '../rules/compile.ts';
import { loadRules, requireRuleSet } from '../rules/load.ts';
import { PLATFORMS } from '../rules/schema.ts';
import { ndjsonSink, writeTo } from '../sinks/ndjson.ts';
import type { ReplayFormat } from '../sources/replay.ts';
import { CommandError } from './failure.ts';
import { painterFor, writeOut } from './output.ts';
import { formatOption, openRecordings } from './recorded-input.ts';
import { recordingSink } from './recording-sink.ts';
import { type Judge, judgeBy, type Would } from './replay-judge.ts';
import { ReplaySummary } from './replay-summary.ts';

interface ReplayOptions {
  readonly rules?: readonly string[];
  readonly platform?: Platform;
  readonly format?: ReplayFormat;
  readonly output: 'ndjson' | 'summary' | 'picket';
  readonly asAuth?: boolean;
}

export function replayCommand(): Command {
  return new Command('replay')
    .description(
      'Recorded events through the same event model and rules as the agent, offline and in order. Every event comes ' +
        'out, with the decision that the agent would have come to. Packed files (gzip, zstd) are read as they are.',
    )
    .argument('<file...>', "recordings; '-' is stdin")
    .option('--rules <path...>', 'rule files or folders; without it nothing is judged')
    .addOption(
      new Option('--platform <name>', 'whose events these are (default: as each says itself)').choices(
        PLATFORMS,
      ),
    )
    .addOption(formatOption())
    .addOption(
      new Option('--output <name>', 'events as JSON lines, counts, or a recording (*.picket)')
        .choices(['ndjson', 'summary', 'picket'])
        .default('ndjson'),
    )
    .option(
      '--as-auth',
      'judge told events by auth rules, too, as if they had been asked about: what these would answer stands ' +
        'with the verdicts of shadow mode (picket.shadow)',
    )
    .addHelpText(
      'after',
      '\nExit codes: 0 everything was read, 1 something was not (told on stderr as file:line: reason), or a rule is' +
        '\nwrong, 2 the command line is wrong, 3 picket failed.' +
        '\n\nExamples:\n  picket replay events.json.zst --rules rules/macos --output summary' +
        '\n  sudo eslogger exec open | picket replay - --rules rules/macos',
    )
    .action(replay);
}

async function replay(files: string[], options: ReplayOptions): Promise<void> {
  if (options.output === 'picket' && process.stdout.isTTY) {
    throw new CommandError('a recording is no text: redirect it, e.g. --output picket > events.picket', 2);
  }
  const summary = new ReplaySummary();
  const judge = await loadJudge(options, ({ rule, verdict, facts, isAsIfAsked }) =>
    summary.would.add(rule, verdict, facts, isAsIfAsked),
  );
  const input = await openRecordings(files, { label: 'replay', format: options.format });
  const started = performance.now();
  const replayed = input.read(files).pipe(
    concatMap(async (batch) => (judge === undefined ? batch : judge(batch))),
    tap((batch) => summary.add(batch)),
    sinkOf(options.output),
    tap(({ events }) => settleAll(events)),
  );
  await lastValueFrom(replayed, { defaultValue: undefined });
  input.finish();
  if (options.output === 'summary') {
    const totals = { malformed: input.faults(), elapsedMs: performance.now() - started };
    await writeOut(summary.format(totals, painterFor(process.stdout)));
  }
  if (input.faults() > 0) process.exitCode = 1;
}

function sinkOf(output: ReplayOptions['output']): OperatorFunction<FlowBatch, Receipt> {
  if (output === 'ndjson') return ndjsonSink({ write: writeTo(process.stdout) });
  if (output === 'picket') return recordingSink(process.stdout);
  return concatMap(async ({ events }): Promise<Receipt> => ({ outcome: 'acknowledged', events }));
}

/** Without a platform each event is judged by the rules of its own; without rules none is. */
async function loadJudge(
  { rules, platform, asAuth = false }: ReplayOptions,
  onWould: (would: Would) => void,
): Promise<Judge | undefined> {
  if (rules === undefined) {
    if (asAuth) throw new CommandError('--as-auth needs --rules: without them nothing is judged', 2);
    return undefined;
  }
  const ruleSet = requireRuleSet(await loadRules(rules, { platform }));
  return judgeBy((of) => compileRules(ruleSet, { platform: platform ?? of }), { asAuth, onWould });
}
