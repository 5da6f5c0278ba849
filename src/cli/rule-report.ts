// How findings in rules and results of their tests look to a person.
import { displayText } from '../events/text.ts';
import { formatPlace, type RuleProblem } from '../rules/rule-problem.ts';
import type { TestResult } from '../rules/testing.ts';
import { formatCount, type Painter } from './output.ts';

/** As a good compiler says it: the place, what is wrong, and below what was found and what was expected. */
export function paintProblem(problem: RuleProblem, paint: Painter): string {
  const { severity, code, message, found, expected } = problem;
  const label = paint(severity === 'error' ? ['bold', 'red'] : ['bold', 'yellow'], `${severity}[${code}]`);
  const lines = [`${paint('bold', formatPlace(problem))}: ${label}: ${displayText(message)}`];
  if (found !== undefined) lines.push(`    found:    ${displayText(found)}`);
  if (expected !== undefined) lines.push(`    expected: ${displayText(expected)}`);
  return lines.join('\n');
}

export function paintResult(result: TestResult, paint: Painter): string {
  const { status, rule, test, expected, actual } = result;
  const label = status === 'failed' ? paint(['bold', 'red'], 'failed') : paint(['bold', 'yellow'], status);
  const gap =
    status !== 'todo' ? '' : actual === expected ? ' (the gap is closed: take `todo-` away)' : ' (known gap)';
  const lines = [
    `${paint('bold', formatPlace(result))}: ${label}: ${displayText(`${rule}, ${test}`)}: expected ${expected}, got ${actual}${gap}`,
  ];
  if (status === 'failed' || actual !== expected) {
    for (const { condition, actual: value, isTrue } of result.why) {
      lines.push(`    ${displayText(condition)} is ${isTrue}`, `        the event has ${displayText(value)}`);
    }
  }
  return lines.join('\n');
}

export function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}
