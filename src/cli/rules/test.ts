// `picket rules test`: runs the tests that stand in rules, and those of test files.
import { Command, InvalidArgumentError, Option } from 'commander';
import { concatMap, from, lastValueFrom, startWith } from 'rxjs';
import { percentOf } from '../../rules/test-coverage.ts';
import { CommandError } from '../failure.ts';
import { type Painter, painterFor, say, writeOut } from '../output.ts';
import { startProgress } from '../progress.ts';
import { writeFileOrFail } from '../write-file.ts';
import {
  collected,
  exitCodeOfErrors,
  formatOf,
  pathsArgument,
  platformOption,
  type RulesOptions,
} from './options.ts';
import { runTests, type TestRun } from './run-tests.ts';
import { githubReport } from './test-github.ts';
import { junitReport } from './test-junit.ts';
import { lcovReport } from './test-lcov.ts';
import { describeRun, summarise } from './test-text.ts';
import { countResults, isBelow, isGood, type TestBar } from './test-verdict.ts';
import { watchFiles } from './watch-files.ts';

type Format = 'text' | 'json' | 'junit' | 'github';

interface TestOptions extends RulesOptions {
  readonly rule?: readonly string[];
  readonly coverage?: boolean;
  readonly min?: number;
  readonly requireBoth?: boolean;
  readonly lcov?: string;
  readonly strict?: boolean;
  readonly format?: Format;
  readonly out?: string;
  readonly watch?: boolean;
}

export function testCommand(): Command {
  return new Command('test')
    .summary('runs the tests of rules, in them and beside them')
    .description(
      'Runs the tests that stand in rules, each rule alone with its named conditions, and those of test files ' +
        '(*.test.yaml) over recorded events. A `todo` is a known gap: it is reported and fails nothing. Without PATH: the ' +
        'folder `rules`. docs/rules-testing.md says how tests are written.',
    )
    .addArgument(pathsArgument('rule files, test files, or folders of both'))
    .addOption(platformOption())
    .option('--rule <name>', 'only rules of this name or pattern (`linux-*`); may be repeated', collected)
    .option('--coverage', 'say which conditions no test has made both true and false')
    .option('--min <percent>', 'fail below so much coverage', parsePercent)
    .option(
      '--require-both',
      'count only conditions that were both true and false; without --min, ask it of each',
    )
    .option('--lcov <file>', 'write the coverage to FILE for editors and CI')
    .option('--strict', 'fail also where an exception changes a result, or a known gap is closed')
    .addOption(
      new Option('--format <name>', 'how results are written (default: text)').choices([
        'text',
        'json',
        'junit',
        'github',
      ]),
    )
    .option('--json', 'the same as --format json')
    .option('--out <file>', 'write the results to FILE instead of stdout')
    .option('--watch', 'run again whenever a file changes, until Ctrl-C')
    .addHelpText(
      'after',
      '\nExit codes: 0 all passed, 1 a test failed, a file is wrong, there is no rule, or coverage is too low, 2 the ' +
        'command line is wrong, 3 a rule or test file could not be read or picket failed.' +
        '\n\nExamples:\n  picket rules test rules/linux --coverage --min 90' +
        "\n  picket rules test rules tests --rule 'linux-*' --format junit --out results.xml" +
        '\n  picket rules test my-rules --watch',
    )
    .action(test);
}

function parsePercent(text: string): number {
  const percent = Number(text);
  if (text.trim() === '' || !(percent >= 0 && percent <= 100)) {
    throw new InvalidArgumentError('Expected is a number from 0 to 100.');
  }
  return percent;
}

async function test(paths: string[], options: TestOptions): Promise<void> {
  const format = formatOf(options, 'text');
  if (options.watch === true) {
    if (format !== 'text')
      throw new CommandError(`--watch is for people: it does not go with --format ${format}`, 2);
    await watchTests(paths, options);
    return;
  }
  const run = await runOnce(paths, options);
  await publish(run, format, options);
  process.exitCode = exitCodeOfErrors(run.errors) || (isGood(run, barOf(options)) ? 0 : 1);
}

function barOf({ min, requireBoth = false, strict = false }: TestOptions): TestBar {
  return { min, requireBoth, isStrict: strict };
}

async function runOnce(paths: readonly string[], options: TestOptions): Promise<TestRun> {
  const { platform, rule = [], coverage, min, requireBoth, lcov } = options;
  const progress = startProgress({ label: 'rules test', unit: 'tests' });
  const run = await runTests(paths, {
    platform,
    rules: rule,
    withCoverage: coverage === true || min !== undefined || requireBoth === true || lcov !== undefined,
    onProgress: (done, all) => progress.update(done / all, done),
  });
  progress.clear();
  if (lcov !== undefined && run.coverage !== undefined) await writeFileOrFail(lcov, lcovReport(run.coverage));
  return run;
}

async function publish(run: TestRun, format: Format, options: TestOptions): Promise<void> {
  const bar = barOf(options);
  const paint = options.out === undefined ? painterFor(process.stdout) : plain;
  const text = textOf(run, format, bar, paint);
  if (options.out === undefined) await writeOut(text);
  else await writeFileOrFail(options.out, text);
  if (format !== 'json') say(summarise(run, bar, painterFor(process.stderr)));
}

const plain: Painter = (_, text) => text;

function textOf(run: TestRun, format: Format, bar: TestBar, paint: Painter): string {
  switch (format) {
    case 'junit':
      return `${junitReport(run, bar)}\n`;
    case 'github':
      return githubReport(run, bar);
    case 'json':
      return `${JSON.stringify(plainRun(run, bar), null, 2)}\n`;
    case 'text':
      return describeRun(run, bar, paint)
        .map((line) => `${line}\n`)
        .join('');
  }
}

function plainRun({ results, errors, rules, untested, coverage }: TestRun, bar: TestBar): object {
  return {
    ...countResults(results),
    rules,
    untested: untested.map(({ name }) => name),
    errors,
    results,
    ...(coverage === undefined
      ? {}
      : {
          coverage: {
            percent: percentOf(coverage, bar.requireBoth),
            isBelow: isBelow(coverage, bar),
            ...coverage,
          },
        }),
  };
}

const CLEAR = '\x1b[2J\x1b[3J\x1b[H';

/** All again at each change: a run takes less time than to say what depends on what. */
async function watchTests(paths: readonly string[], options: TestOptions): Promise<void> {
  const watch = watchFiles(paths, (error) => say(`not every file can be watched: ${String(error)}`));
  const again = async (): Promise<void> => {
    if (process.stdout.isTTY) await writeOut(CLEAR);
    try {
      const run = await runOnce(paths, options);
      if (watch.isOver()) return;
      watch.add(run.files);
      await publish(run, 'text', options);
    } catch (error) {
      // A folder may be away for a moment; whoever watches waits for the next change.
      say(error instanceof Error ? error.message : String(error));
    }
    if (watch.isOver()) return;
    say(painterFor(process.stderr)('dim', `${timeOfDay()}: waiting for changes; Ctrl-C ends`));
  };
  await lastValueFrom(
    watch.changes.pipe(
      startWith(undefined),
      concatMap(() => from(again())),
    ),
    { defaultValue: undefined },
  );
  process.exitCode = 130;
}

function timeOfDay(): string {
  return new Date().toTimeString().slice(0, 8);
}
