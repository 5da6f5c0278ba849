// `picket rules fmt`: writes rule files in one way.
import { text as readAll } from 'node:stream/consumers';
import { Command } from 'commander';
import { formatRules } from '../../rules/format/format.ts';
import { findRules } from '../../rules/load.ts';
import type { RuleProblem } from '../../rules/rule-problem.ts';
import { CommandError, describeError } from '../failure.ts';
import { counted, painterFor, say, writeOut } from '../output.ts';
import { writeFileOrFail } from '../write-file.ts';
import { paintFinding } from './findings-text.ts';
import { lineDiff } from './line-diff.ts';
import { exitCodeOfErrors, pathsArgument } from './options.ts';

interface FmtOptions {
  readonly check?: boolean;
  readonly diff?: boolean;
  readonly json?: boolean;
}

export function fmtCommand(): Command {
  return new Command('fmt')
    .summary('writes rule files in one way')
    .description(
      'Writes rule files (.yaml, .yml, .json; folders recursively) in one way: keys in order, two spaces, lines of at ' +
        'most 120 characters where a collection can be opened, an empty line between rules. Comments and meaning stay. ' +
        'The names of files that change are printed. Without PATH: the folder `rules`; `-` reads stdin and writes stdout.',
    )
    .addArgument(pathsArgument())
    .option('--check', 'write nothing; end with 1 if a file is written otherwise')
    .option('--diff', 'write nothing; print what would change')
    .option('--json', 'print the result as JSON on stdout')
    .addHelpText(
      'after',
      '\nExit codes: 0 well, 1 a file is not valid (with --check: or would change), 2 the command line is wrong, 3 a file ' +
        'could not be read, written or formatted.' +
        '\n\nExamples:\n  picket rules fmt rules\n  picket rules fmt --check rules',
    )
    .action(fmt);
}

async function fmt(paths: string[], options: FmtOptions): Promise<void> {
  if (paths.includes('-')) return formatStdin(paths, options);
  const found = await findRules(paths);
  // A list of values has no form.
  const texts = found.texts.filter(({ isList }) => !isList);
  const problems: RuleProblem[] = [...found.problems];
  const changed: string[] = [];
  for (const { file, text } of texts) {
    const formatted = attempt(file, text, problems);
    if (formatted === undefined || formatted === text) continue;
    changed.push(file);
    if (options.diff && !options.json) await writeOut(lineDiff(file, text, formatted));
    if (options.check || options.diff) continue;
    await writeFileOrFail(file, formatted);
  }
  const isDry = options.check === true || options.diff === true;
  if (options.json) {
    await writeOut(`${JSON.stringify({ files: texts.length, changed, problems }, null, 2)}\n`);
  } else {
    if (!options.diff) for (const file of changed) await writeOut(`${file}\n`);
    sayProblems(problems, texts);
    const done = isDry ? 'would change' : 'changed';
    const isGood = problems.length === 0 && (changed.length === 0 || !isDry);
    say(
      painterFor(process.stderr)(
        isGood ? 'green' : 'red',
        `${counted(changed.length, 'file')} of ${texts.length} ${done}`,
      ),
    );
  }
  process.exitCode = exitCodeFor(problems, options.check === true && changed.length > 0);
}

/** What can't be formatted is a problem among others. */
function attempt(file: string, text: string, problems: RuleProblem[]): string | undefined {
  try {
    return formatRules(file, text, (problem) => problems.push(problem));
  } catch (error) {
    const place = { file, line: 0, column: 0 };
    problems.push({
      ...place,
      code: 'internal-error',
      message: describeError(error, false),
      severity: 'error',
    });
    return undefined;
  }
}

async function formatStdin(paths: readonly string[], options: FmtOptions): Promise<void> {
  if (paths.length > 1) throw new CommandError('stdin (`-`) is formatted alone', 2);
  if (options.json) throw new CommandError('stdin (`-`) is formatted to stdout: --json is for files', 2);
  const text = await readAll(process.stdin);
  const file = 'stdin.yaml';
  const problems: RuleProblem[] = [];
  const formatted = attempt(file, text, problems);
  sayProblems(problems, [{ file, text }]);
  // An editor that puts in what it reads must not lose the text.
  if (options.diff) await writeOut(lineDiff(file, text, formatted ?? text));
  else if (!options.check) await writeOut(formatted ?? text);
  process.exitCode = exitCodeFor(problems, options.check === true && formatted !== text);
}

function sayProblems(
  problems: readonly RuleProblem[],
  texts: readonly { readonly file: string; readonly text: string }[],
): void {
  const paint = painterFor(process.stderr);
  for (const problem of problems) {
    const lines = texts.find(({ file }) => file === problem.file)?.text.split('\n');
    say(paintFinding(problem, paint, lines));
  }
}

function exitCodeFor(problems: readonly RuleProblem[], isOtherwise: boolean): number {
  return exitCodeOfErrors(problems.filter(({ severity }) => severity === 'error')) || (isOtherwise ? 1 : 0);
}
