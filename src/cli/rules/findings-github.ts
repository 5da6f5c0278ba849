// Findings as GitHub's workflow commands, which show them beside the lines of a pull request.
import type { RuleProblem } from '../../rules/rule-problem.ts';

const COMMANDS = { error: 'error', warning: 'warning', note: 'notice' } as const;

export function githubCommand(finding: RuleProblem): string {
  const { file, line, column, severity, code, message, found, expected } = finding;
  const properties = [
    ...(file === '' ? [] : [`file=${escapeProperty(file)}`]),
    ...(line === 0 ? [] : [`line=${line}`, `col=${column}`]),
    `title=${escapeProperty(`picket ${code}`)}`,
  ];
  const details = [
    message,
    ...(found === undefined ? [] : [`found: ${found}`]),
    ...(expected === undefined ? [] : [`expected: ${expected}`]),
  ];
  return `::${COMMANDS[severity]} ${properties.join(',')}::${escapeData(details.join('\n'))}`;
}

/** A line end would end the command, and a percent sign begins an escape. */
function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
