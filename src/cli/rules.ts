// `picket rules`: the rule author's tools.
import { Command, Option } from 'commander';
import type { Platform } from '../events/triggers.ts';
import { checkRules } from '../rules/check.ts';
import { type LoadedRules, loadRules } from '../rules/load.ts';
import type { RuleProblem } from '../rules/rule-problem.ts';
import { PLATFORMS, type RuleDefinition } from '../rules/schema.ts';
import { type TestResult, testRules } from '../rules/testing.ts';
import { formatCount, type Painter, painterFor, say, writeOut } from './output.ts';
import { counted, paintProblem, paintResult } from './rule-report.ts';

interface RulesOptions {
  readonly platform?: Platform;
  readonly json?: boolean;
}

export function rulesCommand(): Command {
  return new Command('rules')
    .description('The rule author’s tools.')
    .addCommand(checkCommand())
    .addCommand(testCommand())
    .addHelpText('after', '\nExample:\n  picket rules check rules/linux && picket rules test rules/linux');
}

function checkCommand(): Command {
  return new Command('check')
    .summary('every mistake in rule files, with file, line and column')
    .description(
      'Reads rule files (.yaml, .yml, .json; folders recursively) and reports every mistake in them, and what their ' +
        'author most likely did not mean. Without PATH: the folder `rules`.',
    )
    .argument('[path...]', 'rule files or folders', ['rules'])
    .addOption(platformOption())
    .option('--json', 'print the findings as JSON on stdout')
    .addHelpText(
      'after',
      '\nExit codes: 0 no errors (warnings may be), 1 a rule is wrong, 2 the command line is wrong, 3 picket failed.' +
        '\n\nExample:\n  picket rules check rules --platform linux',
    )
    .action(check);
}

function testCommand(): Command {
  return new Command('test')
    .summary('runs the tests that stand in rules')
    .description(
      'Runs the tests that stand in rule files, each rule alone with its named conditions. A `todo-` test is a known ' +
        'gap: it is reported and fails nothing. Without PATH: the folder `rules`.',
    )
    .argument('[path...]', 'rule files or folders', ['rules'])
    .addOption(platformOption())
    .option('--json', 'print the results as JSON on stdout')
    .addHelpText(
      'after',
      '\nExit codes: 0 all passed, 1 a test failed or a rule is wrong, 2 the command line is wrong, 3 picket failed.' +
        '\n\nExample:\n  picket rules test rules/linux/execution.yaml',
    )
    .action(test);
}

function platformOption(): Option {
  return new Option('--platform <name>', 'look at the rules of one platform only').choices(PLATFORMS);
}

async function check(paths: string[], options: RulesOptions): Promise<void> {
  const loaded = await loadRules(paths, options);
  const findings = [...loaded.problems, ...checkRules(loaded, options.platform)];
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const warnings = findings.length - errors;
  const rules = rulesFor(loaded, options).length;
  if (options.json) {
    await writeOut(
      `${JSON.stringify({ rules, errors, warnings, files: loaded.files, findings }, null, 2)}\n`,
    );
  } else {
    const paint = painterFor(process.stdout);
    for (const problem of sorted(findings)) await writeOut(`${paintProblem(problem, paint)}\n`);
    const summary = `${counted(rules, 'good rule')} in ${counted(loaded.files.length, 'file')}, ${counted(errors, 'error')}, ${counted(warnings, 'warning')}`;
    say(painterFor(process.stderr)(errors > 0 ? 'red' : 'green', summary));
  }
  process.exitCode = errors > 0 ? 1 : 0;
}

function rulesFor({ ruleSet }: LoadedRules, { platform }: RulesOptions): RuleDefinition[] {
  return ruleSet.rules.filter(({ platforms }) => platform === undefined || platforms.includes(platform));
}

/** Within a file by line; files as they came. */
function sorted(problems: readonly RuleProblem[]): RuleProblem[] {
  const files = [...new Set(problems.map(({ file }) => file))];
  return [...problems].sort(
    (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
  );
}

async function test(paths: string[], options: RulesOptions): Promise<void> {
  const loaded = await loadRules(paths, options);
  const errors = loaded.problems.filter(({ severity }) => severity === 'error');
  const wanted = rulesFor(loaded, options);
  const results = await testRules({ ...loaded.ruleSet, rules: wanted });
  const counts = countResults(results);
  if (options.json) {
    await writeOut(`${JSON.stringify({ ...counts, errors, results }, null, 2)}\n`);
  } else {
    const paint = painterFor(process.stdout);
    for (const problem of errors) await writeOut(`${paintProblem(problem, paint)}\n`);
    for (const result of results) {
      if (result.status !== 'passed') await writeOut(`${paintResult(result, paint)}\n`);
    }
    const untested = wanted.filter(({ tests }) => tests.length === 0).length;
    sayResults(counts, wanted.length, untested, errors.length, painterFor(process.stderr));
  }
  process.exitCode = errors.length > 0 || counts.failed > 0 ? 1 : 0;
}

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly todo: number;
}

function countResults(results: readonly TestResult[]): Counts {
  const count = (status: string): number => results.filter((result) => result.status === status).length;
  return { passed: count('passed'), failed: count('failed'), todo: count('todo') };
}

function sayResults(counts: Counts, rules: number, untested: number, errors: number, paint: Painter): void {
  const parts = [`${formatCount(counts.passed)} passed`, `${formatCount(counts.failed)} failed`];
  if (counts.todo > 0) parts.push(`${formatCount(counts.todo)} todo`);
  let summary = `${parts.join(', ')} in ${counted(rules, 'rule')}`;
  if (untested > 0) summary += ` (${untested} without tests)`;
  if (errors > 0) summary += `; ${counted(errors, 'error')} in rule files, whose rules were not tested`;
  say(paint(counts.failed > 0 || errors > 0 ? 'red' : 'green', summary));
}
