// `picket rules check`: every mistake in rule files.
import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { findIn } from '../../rules/check/check.ts';
import { applyIgnores } from '../../rules/check/ignores.ts';
import { FINDING_CODES, isFindingCode } from '../../rules/finding-codes.ts';
import { explainFinding } from '../../rules/finding-pages.ts';
import { findRules, type LoadedRules, parseFound } from '../../rules/load.ts';
import { navigatorLayer } from '../../rules/navigator-layer.ts';
import { nearestName } from '../../rules/nearest.ts';
import { oneOf, type RuleProblem } from '../../rules/rule-problem.ts';
import { PLATFORMS } from '../../rules/schema.ts';
import { parseTestFile } from '../../rules/test-file-parser.ts';
import { readTestFiles } from '../../rules/test-files.ts';
import { testedNames } from '../../rules/tested-names.ts';
import { CommandError, describeError } from '../failure.ts';
import { counted, painterFor, say, writeOut } from '../output.ts';
import { startProgress } from '../progress.ts';
import { writeFileOrFail } from '../write-file.ts';
import { countOf, jsonReport, sayCounts } from './check-summary.ts';
import { githubCommand } from './findings-github.ts';
import { sarifLog } from './findings-sarif.ts';
import { paintFinding } from './findings-text.ts';
import { type FixOptions, fixFiles } from './fix-files.ts';
import {
  exitCodeOfErrors,
  formatOf,
  parseCount,
  pathsArgument,
  platformOption,
  type RulesOptions,
  rulesFor,
} from './options.ts';

type Format = 'text' | 'json' | 'sarif' | 'github';

interface CheckOptions extends RulesOptions, FixOptions {
  readonly format?: Format;
  readonly notes?: boolean;
  readonly strict?: boolean;
  readonly maxWarnings?: number;
  readonly fix?: boolean;
  readonly explain?: string;
  readonly navigator?: string;
}

export function checkCommand(): Command {
  return new Command('check')
    .summary('every mistake in rule files, with file, line and column')
    .description(
      'Reads rule files (.yaml, .yml, .json; folders recursively) and reports every mistake in them, and what their ' +
        'author most likely did not mean. Without PATH: the folder `rules`.',
    )
    .addArgument(pathsArgument())
    .addOption(platformOption())
    .addOption(
      new Option('--format <name>', 'how findings are printed (default: text)').choices([
        'text',
        'json',
        'sarif',
        'github',
      ]),
    )
    .option('--json', 'the same as --format json')
    .option('--notes', 'print notes, too: what is worth knowing and nothing to mend')
    .option('--strict', 'end with 1 if there is a warning')
    .option('--max-warnings <n>', 'end with 1 if there are more warnings', parseCount)
    .option('--fix', 'mend what can be mended beyond doubt, in the files')
    .option('--dry-run', 'with --fix: print what would change, as a diff, and change nothing')
    .option('--explain <code>', 'print what a finding means, with examples')
    .option(
      '--navigator <file>',
      'write an ATT&CK Navigator layer of the rules; `-`: to stdout, and findings to stderr',
    )
    .addHelpText(
      'after',
      '\nA finding that is meant is ignored by a comment before it: `# picket-ignore CODE: reason`.' +
        '\n\nExit codes: 0 no errors (warnings may be), 1 a rule is wrong or there are too many warnings, 2 the command ' +
        'line is wrong, 3 a file could not be read or picket failed.' +
        '\n\nExamples:\n  picket rules check rules --platform linux --strict' +
        '\n  picket rules check rules --format sarif > findings.sarif' +
        '\n  picket rules check --explain shadowed-rule',
    )
    .action(check);
}

async function check(paths: string[], options: CheckOptions): Promise<void> {
  if (options.explain !== undefined) return explain(options.explain);
  if (options.dryRun && !options.fix) throw new CommandError('--dry-run belongs to --fix', 2);
  const format = formatOf(options, 'text');
  if (options.navigator === '-' && format !== 'text') {
    throw new CommandError(
      `--navigator - and --format ${format} both write to stdout: name a file for the layer`,
      2,
    );
  }
  if (options.fix) {
    await fixFiles(paths, options);
    if (options.dryRun) return;
  }
  const looked = await lookAt(paths, options);
  const failures =
    options.navigator === undefined ? [] : await layerOf(options.navigator, paths, looked, options);
  const report: Report = { ...looked, findings: [...looked.findings, ...failures] };
  await print(report, format, options);
  process.exitCode = exitCodeFor(report.findings, options);
}

/** A layer that can't be written is a finding, too: what was found is printed all the same. */
async function layerOf(
  file: string,
  paths: readonly string[],
  report: Report,
  options: CheckOptions,
): Promise<readonly RuleProblem[]> {
  try {
    await writeLayer(file, paths, report, options);
    return [];
  } catch (error) {
    const message = describeError(error, false);
    return [{ file: '', line: 0, column: 0, code: 'internal-error', message, severity: 'error' }];
  }
}

interface Report {
  readonly loaded: LoadedRules;
  readonly findings: readonly RuleProblem[];
  linesOf(file: string): readonly string[] | undefined;
}

/** What is wrong in test files is for `rules test` to say. */
const ignore = (): void => undefined;

/** Whatever fails in here is a finding, too, so that each format shows it. */
async function lookAt(paths: readonly string[], options: CheckOptions): Promise<Report> {
  const found = await findRules(paths);
  const lines = new Map<string, readonly string[]>();
  const linesOf = (file: string): readonly string[] | undefined => {
    const known = lines.get(file);
    if (known !== undefined) return known;
    const text = found.texts.find((one) => one.file === file)?.text;
    if (text === undefined) return undefined;
    const split = text.split('\n');
    lines.set(file, split);
    return split;
  };
  const progress = startProgress({ label: 'check', unit: 'rules' });
  try {
    const loaded = parseFound(found, options);
    const { length } = loaded.ruleSet.rules;
    // Reading takes about half of the time.
    const onProgress = (share: number): void => progress.update((1 + share) / 2, (length * (1 + share)) / 2);
    const testFiles = (await readTestFiles(paths, ignore)).flatMap(
      (text) => parseTestFile(text, ignore) ?? [],
    );
    const checks = { platform: options.platform, onProgress, testedNames: testedNames(testFiles) };
    const all = [...loaded.problems, ...findIn(loaded, checks)];
    const seesAll = options.platform === undefined && all.every(({ severity }) => severity !== 'error');
    return { loaded, findings: sorted(applyIgnores(all, found.texts, seesAll)), linesOf };
  } catch (error) {
    const message = `picket failed: ${describeError(error, false)}`;
    const expected = 'no failure; this is a mistake in picket. --verbose shows where';
    const place = { file: '', line: 0, column: 0 };
    if (process.argv.includes('--verbose')) say(describeError(error, true));
    const failure: RuleProblem = { ...place, code: 'internal-error', message, expected, severity: 'error' };
    const loaded = parseFound({ texts: [], files: found.files, problems: [] });
    return { loaded, findings: [...found.problems, failure], linesOf };
  } finally {
    progress.clear();
  }
}

async function print(
  { loaded, findings, linesOf }: Report,
  format: Format,
  options: CheckOptions,
): Promise<void> {
  const rules = rulesFor(loaded, options).length;
  switch (format) {
    case 'json':
      return writeOut(`${JSON.stringify(jsonReport(rules, loaded.files, findings), null, 2)}\n`);
    case 'sarif': {
      const log = sarifLog(findings, { version: versionOfPackage(), folder: process.cwd(), linesOf });
      return writeOut(`${JSON.stringify(log, null, 2)}\n`);
    }
    case 'github':
      for (const finding of findings) {
        if (finding.severity !== 'note' || options.notes) await writeOut(`${githubCommand(finding)}\n`);
      }
      break;
    case 'text': {
      const isLayerOut = options.navigator === '-';
      const paint = painterFor(isLayerOut ? process.stderr : process.stdout);
      for (const finding of findings) {
        if (finding.severity === 'note' && !options.notes) continue;
        const text = paintFinding(finding, paint, linesOf(finding.file));
        if (isLayerOut) say(text);
        else await writeOut(`${text}\n`);
      }
    }
  }
  sayCounts(rules, loaded.files.length, findings, options);
}

function exitCodeFor(findings: readonly RuleProblem[], options: CheckOptions): number {
  const code = exitCodeOfErrors(findings.filter(({ severity }) => severity === 'error'));
  if (code !== 0) return code;
  const limit = options.strict ? 0 : (options.maxWarnings ?? Number.POSITIVE_INFINITY);
  return countOf(findings, 'warning') > limit ? 1 : 0;
}

async function explain(code: string): Promise<void> {
  if (!isFindingCode(code)) {
    const meant = nearestName(code, FINDING_CODES);
    const hint = meant === undefined ? `known are ${oneOf(FINDING_CODES)}` : `did you mean ${meant}?`;
    throw new CommandError(`no finding has the code ${JSON.stringify(code)}; ${hint}`, 2);
  }
  await writeOut(explainFinding(code));
}

async function writeLayer(
  file: string,
  paths: readonly string[],
  { loaded }: Report,
  options: CheckOptions,
): Promise<void> {
  const platforms = options.platform === undefined ? PLATFORMS : [options.platform];
  const layer = navigatorLayer(rulesFor(loaded, options), { name: `Picket: ${paths.join(', ')}`, platforms });
  const text = `${JSON.stringify(layer, null, 2)}\n`;
  if (file === '-') return writeOut(text);
  await writeFileOrFail(file, text);
  say(`${counted(layer.techniques.length, 'technique')} written to ${file}`);
}

/** Within a file by line; files as they came. */
function sorted(problems: readonly RuleProblem[]): RuleProblem[] {
  const files = new Map<string, number>();
  for (const { file } of problems) if (!files.has(file)) files.set(file, files.size);
  const rank = ({ file }: RuleProblem): number => files.get(file) ?? 0;
  return [...problems].sort((a, b) => rank(a) - rank(b) || a.line - b.line || a.column - b.column);
}

function versionOfPackage(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
