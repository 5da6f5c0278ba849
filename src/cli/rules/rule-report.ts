// How findings in rules look to a person.
import { displayText } from '../../events/text.ts';
import { formatPlace, type RuleProblem } from '../../rules/rule-problem.ts';
import { formatCount, type Painter } from '../output.ts';

/** As a good compiler says it: the place, what is wrong, and below what was found and what was expected. */
export function paintProblem(problem: RuleProblem<string>, paint: Painter): string {
  const { severity, code, message, found, expected } = problem;
  const label = paint(severity === 'error' ? ['bold', 'red'] : ['bold', 'yellow'], `${severity}[${code}]`);
  const lines = [`${paint('bold', formatPlace(problem))}: ${label}: ${displayText(message)}`];
  if (found !== undefined) lines.push(`    found:    ${displayText(found)}`);
  if (expected !== undefined) lines.push(`    expected: ${displayText(expected)}`);
  return lines.join('\n');
}

/** Of a value as an explanation gives it: texts in quotes, so that a missing one can't be mistaken. */
export function whatEventHas(value: string): string {
  return value === 'missing' ? 'the event lacks it' : `the event has ${value}`;
}

export function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}
