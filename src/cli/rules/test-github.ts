// A run of tests as annotations of GitHub Actions.
import { formatPlace } from '../../rules/rule-problem.ts';
import { isBoth } from '../../rules/test-coverage.ts';
import { type Annotation, formatAnnotation } from '../github-annotation.ts';
import { whatEventHas } from './explain-text.ts';
import type { TestRun } from './run-tests.ts';
import { missingSide } from './test-text.ts';
import { isBelow, type TestBar } from './test-verdict.ts';

export function githubReport({ errors, results, coverage }: TestRun, bar: TestBar): string {
  const annotations: Annotation[] = errors.map((problem) => ({
    ...problem,
    level: 'error',
    title: problem.code,
    message: [problem.message, problem.expected === undefined ? '' : `expected: ${problem.expected}`]
      .filter((part) => part !== '')
      .join('\n'),
  }));
  const mild = bar.isStrict ? 'error' : 'warning';
  for (const result of results) {
    const { file, line, column, rule, test, status, expected, actual, notes, why, isGapClosed, exceptedBy } =
      result;
    const title = `${rule}, ${test}`;
    const at = { file, line, column, title };
    if (isGapClosed) {
      annotations.push({ ...at, level: mild, message: 'the known gap is closed: take the todo away' });
    } else if (status !== 'passed') {
      const conditions = why.map((one) => `${one.condition} is ${one.isTrue}; ${whatEventHas(one.actual)}`);
      const message = [`expected ${expected}, got ${actual}`, ...notes, ...conditions].join('\n');
      annotations.push({ ...at, level: status === 'failed' ? 'error' : 'notice', message });
    }
    for (const { name, reason } of exceptedBy) {
      annotations.push({ ...at, level: mild, message: `excepted by ${name} (${reason})` });
    }
  }
  if (coverage !== undefined) {
    const level = isBelow(coverage, bar) ? 'error' : 'notice';
    for (const leaf of coverage.leaves.filter((one) => !isBoth(one))) {
      const message = `${formatPlace(leaf)}: ${leaf.condition} was ${missingSide(leaf)}`;
      annotations.push({ ...leaf, level, title: 'uncovered condition', message });
    }
  }
  return annotations.map((annotation) => `${formatAnnotation(annotation)}\n`).join('');
}
