// Rules that a command is to work with. Where some are wrong it says so, as `rules check` would, and does nothing.
import type { LoadedRules } from '../../rules/load.ts';
import type { RuleSet } from '../../rules/schema.ts';
import { painterFor, say, writeOut } from '../output.ts';
import { counted, paintProblem } from './rule-report.ts';

/** undefined: there are errors; they have been told, and the command ends with 1. */
export async function ruleSetOrReport(
  { ruleSet, problems }: LoadedRules,
  { json }: { readonly json?: boolean },
): Promise<RuleSet | undefined> {
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return ruleSet;
  process.exitCode = 1;
  if (json) {
    await writeOut(`${JSON.stringify({ errors }, null, 2)}\n`);
    return undefined;
  }
  const paint = painterFor(process.stderr);
  for (const problem of errors) say(paintProblem(problem, paint));
  say(paint('red', `${counted(errors.length, 'error')}: nothing was looked at`));
  return undefined;
}
