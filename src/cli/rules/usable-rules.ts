// Rules that a command is to work with. Where some are wrong it says so, as `rules check` would, and does nothing.
import type { LoadedRules } from '../../rules/load.ts';
import type { RuleProblem } from '../../rules/rule-problem.ts';
import type { RuleSet } from '../../rules/schema.ts';
import { counted, painterFor, say, writeOut } from '../output.ts';
import { githubCommand } from './findings-github.ts';
import { paintFinding } from './findings-text.ts';
import { exitCodeOfErrors } from './options.ts';

interface ReportOptions {
  readonly json?: boolean;
  readonly format?: 'text' | 'json' | 'github';
}

/** As below; and where there is no rule at all, that is an error: what looked at nothing must not seem to be well. */
export async function rulesOrReport(
  loaded: LoadedRules,
  { paths, ...options }: ReportOptions & { readonly paths: readonly string[] },
): Promise<RuleSet | undefined> {
  const ruleSet = await ruleSetOrReport(loaded, options);
  if (ruleSet === undefined || ruleSet.rules.length > 0) return ruleSet;
  await complain(paths.map(holdsNone), options);
  return undefined;
}

export function holdsNone(file: string): RuleProblem {
  return {
    file,
    line: 0,
    column: 0,
    code: 'no-rule-files',
    message: 'there is no rule in it',
    expected: 'a file with rules, or a folder of such',
    severity: 'error',
  };
}

/** undefined: there are errors; they have been told, and the command ends with 1, or 3 where a file can't be read. */
export async function ruleSetOrReport(
  { ruleSet, problems }: LoadedRules,
  options: ReportOptions,
): Promise<RuleSet | undefined> {
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return ruleSet;
  await complain(errors, options);
  return undefined;
}

async function complain(errors: readonly RuleProblem[], { json, format }: ReportOptions): Promise<void> {
  process.exitCode = exitCodeOfErrors(errors);
  if (json || format === 'json') return writeOut(`${JSON.stringify({ errors }, null, 2)}\n`);
  if (format === 'github') await writeOut(errors.map((error) => `${githubCommand(error)}\n`).join(''));
  const paint = painterFor(process.stderr);
  if (format !== 'github') for (const problem of errors) say(paintFinding(problem, paint));
  say(paint('red', `${counted(errors.length, 'error')}: nothing was looked at`));
}
