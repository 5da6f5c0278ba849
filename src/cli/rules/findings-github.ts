// Findings as annotations of GitHub Actions, which it shows beside the lines of a pull request.
import type { RuleProblem } from '../../rules/rule-problem.ts';
import { formatAnnotation } from '../github-annotation.ts';

const LEVELS = { error: 'error', warning: 'warning', note: 'notice' } as const;

export function githubCommand(finding: RuleProblem): string {
  const { severity, code, message, found, expected } = finding;
  const details = [
    message,
    ...(found === undefined ? [] : [`found: ${found}`]),
    ...(expected === undefined ? [] : [`expected: ${expected}`]),
  ];
  return formatAnnotation({
    ...finding,
    level: LEVELS[severity],
    title: `picket ${code}`,
    message: details.join('\n'),
  });
}
