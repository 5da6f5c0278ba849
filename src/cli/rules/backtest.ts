// `picket rules backtest`: recorded events through a rule set, and through the one before it.
import { Command, Option } from 'commander';
import { concatMap, lastValueFrom } from 'rxjs';
import { Backtest } from '../../backtest/backtest.ts';
import { type BacktestResult, backtestResult } from '../../backtest/result.ts';
import { clockRules } from '../../backtest/rule-clock.ts';
import { MalformedEventError } from '../../events/wire-reader.ts';
import { settleAll } from '../../operators/flow.ts';
import { loadRules } from '../../rules/load.ts';
import type { RuleSet } from '../../rules/schema.ts';
import type { ReplayFormat } from '../../sources/replay.ts';
import { CommandError } from '../failure.ts';
import { counted, painterFor, say, writeOut } from '../output.ts';
import { startProgress } from '../progress.ts';
import { formatOption, openRecordings, type RecordedInput } from '../recorded-input.ts';
import { backtestAnnotations } from './backtest-annotations.ts';
import { backtestText } from './backtest-text.ts';
import { parseCount, platformOption, type RulesOptions } from './options.ts';
import { ruleSetOrReport, rulesOrReport } from './usable-rules.ts';

const FORMATS = ['text', 'json', 'github'] as const;
type Format = (typeof FORMATS)[number];

interface BacktestCommandOptions extends RulesOptions {
  readonly rules: readonly string[];
  readonly against?: string;
  readonly inputFormat?: ReplayFormat;
  readonly format?: Format;
  readonly asAuth: boolean;
  readonly timing: boolean;
  readonly examples: number;
  readonly failOnNew?: number;
}

export function backtestCommand(): Command {
  return new Command('backtest')
    .summary('recorded events through a rule set, and through the one before it')
    .description(
      'Runs recordings (of eslogger, events as `picket replay` prints them, or Picket’s own, packed or not) through a rule set and says what fires, on what, ' +
        'and how long each rule takes; with --against also through the set before: what newly fires, what no longer ' +
        'does, what the new events have in common, and which decisions change. Told events are judged by auth rules, ' +
        'too, as if they had been asked about: recordings seldom have auth events. Nothing is enforced, whatever a ' +
        'rule says.',
    )
    .argument('<file...>', "recordings; '-' is stdin")
    .option('--rules <path...>', 'rule files or folders', ['rules'])
    .option('--against <path>', 'the rules before, a file or a folder')
    .addOption(platformOption().default(undefined, 'as each event says itself'))
    .addOption(formatOption('--input-format'))
    .option('--no-as-auth', 'judge auth rules by recorded auth events only')
    .option('--no-timing', 'do not measure how long each rule takes')
    .addOption(
      new Option('--examples <n>', 'examples of each rule and change').argParser(parseCount).default(3),
    )
    .addOption(
      new Option('--fail-on-new <n>', 'end with 1 if more than n events newly fire a rule').argParser(
        parseCount,
      ),
    )
    .addOption(
      new Option('--format <name>', 'how the result is printed; github: annotations of what is new')
        .choices(FORMATS)
        .default(undefined, 'text'),
    )
    .option('--json', 'the same as --format json')
    .addHelpText(
      'after',
      '\nExit codes: 0 well, 1 more is new than --fail-on-new allows, a rule is wrong or there is none, or a recording could ' +
        'not be\nread, 2 the command line is wrong, 3 a rule file could not be read or picket failed.' +
        '\n\nExamples:\n  picket rules backtest monday.picket --rules rules/linux' +
        '\n  picket rules backtest week/*.json.zst --rules rules/macos --against released/macos --fail-on-new 20',
    )
    .action(backtest);
}

function formatOf({ format, json }: BacktestCommandOptions): Format {
  if (!json) return format ?? 'text';
  if (format !== undefined && format !== 'json')
    throw new CommandError(`--json and --format ${format} are two formats: leave one out`, 2);
  return 'json';
}

async function backtest(files: string[], options: BacktestCommandOptions): Promise<void> {
  const { against, failOnNew, platform } = options;
  if (failOnNew !== undefined && against === undefined)
    throw new CommandError('--fail-on-new needs --against: without it nothing is new', 2);
  const format = formatOf(options);
  const rules = await rulesOrReport(await loadRules(options.rules, { platform }), {
    paths: options.rules,
    format,
  });
  const before =
    against === undefined
      ? undefined
      : await ruleSetOrReport(await loadRules([against], { platform }), { format });
  if (rules === undefined || (against !== undefined && before === undefined)) return;
  const { asAuth, examples } = options;
  const test = new Backtest({ rules, before, platform, asAuth, examples });
  const input = await openRecordings(files, { label: 'backtest', format: options.inputFormat });
  for (const file of files) await readInto(test, file, input);
  input.finish();
  const times = options.timing ? await timesOf(test, rules, asAuth) : [];
  const result = backtestResult(test, { rules, before }, times, input.faults());
  await print(result, format);
  process.exitCode = exitCodeOf(result, failOnNew);
}

async function readInto(test: Backtest, file: string, input: RecordedInput): Promise<void> {
  let number = 0;
  const read = input.read([file]).pipe(
    concatMap(async ({ events }) => {
      for (const { bytes, trigger } of events) {
        number++;
        try {
          await test.add({ bytes, trigger, file, number });
        } catch (error) {
          if (!(error instanceof MalformedEventError)) throw error;
          input.addFault({ file, position: number, reason: error.message });
        }
      }
      settleAll(events);
    }),
  );
  await lastValueFrom(read, { defaultValue: undefined });
}

async function timesOf(test: Backtest, rules: RuleSet, asAuth: boolean) {
  const progress = startProgress({ label: 'timing', unit: 'measurements' });
  const times = await clockRules(rules, test.sample.triggers(), {
    onProgress: (share, measurements) => progress.update(share, measurements),
    askedBy: (trigger) =>
      asAuth && trigger.startsWith('notify.') ? `auth.${trigger.slice('notify.'.length)}` : undefined,
  });
  progress.clear();
  return times;
}

async function print(result: BacktestResult, format: Format): Promise<void> {
  if (format === 'json') {
    const text = JSON.stringify(
      result,
      (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
      2,
    );
    await writeOut(`${text}\n`);
  } else if (format === 'github') await writeOut(backtestAnnotations(result));
  else await writeOut(backtestText(result, painterFor(process.stdout)));
}

function exitCodeOf(
  { events, newlyFiring, unreadable }: BacktestResult,
  failOnNew: number | undefined,
): number {
  const paint = painterFor(process.stderr);
  if (events === 0) {
    say(paint('red', 'no event was read: the rules were not tried'));
    return 1;
  }
  if (failOnNew !== undefined && newlyFiring > failOnNew) {
    say(
      paint(
        'red',
        `${counted(newlyFiring, 'event')} newly ${newlyFiring === 1 ? 'fires' : 'fire'} a rule: more than ${failOnNew}`,
      ),
    );
    return 1;
  }
  return unreadable > 0 ? 1 : 0;
}
