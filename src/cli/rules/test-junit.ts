// A run of tests as JUnit's XML, which every CI shows: a suite a file, a case a test.
import junit, { type Builder } from 'junit-report-builder';
import { formatPlace, formatProblem } from '../../rules/rule-problem.ts';
import { isBoth, percentOf } from '../../rules/test-coverage.ts';
import type { TestResult } from '../../rules/testing.ts';
import { whatEventHas } from './explain-text.ts';
import type { TestRun } from './run-tests.ts';
import { missingSide, shownPercent } from './test-text.ts';
import { isBelow, type TestBar } from './test-verdict.ts';

export function junitReport({ results, errors, coverage }: TestRun, bar: TestBar): string {
  // Its types know a `default` that its CommonJS build does not have.
  const report = (junit as unknown as Builder).newBuilder().name('picket rules test');
  const files = [...new Set([...errors, ...results].map(({ file }) => file))];
  for (const file of files) {
    const suite = report.testSuite().name(legal(file));
    for (const problem of errors.filter((one) => one.file === file)) {
      const text = legal(formatProblem(problem));
      suite
        .testCase()
        .className('files')
        .name(legal(`${problem.code} at ${formatPlace(problem)}`))
        .file(legal(file))
        .error(text, problem.code, text);
    }
    for (const result of results.filter((one) => one.file === file)) {
      const made = suite.testCase().className(legal(result.rule)).name(legal(result.test)).file(legal(file));
      const detail = legal(detailOf(result));
      const message = legal(`expected ${result.expected}, got ${result.actual}`);
      const isExcepted = result.exceptedBy.length > 0;
      if (result.status === 'failed') made.failure(message, 'expectation').stacktrace(detail);
      else if (bar.isStrict && isExcepted) made.failure(detail, 'excepted').stacktrace(detail);
      else if (bar.isStrict && result.isGapClosed)
        made.failure('the known gap is closed', 'closed').stacktrace(detail);
      else if (result.status === 'todo') made.skipped().standardOutput(detail);
      else if (isExcepted) made.standardOutput(detail);
    }
  }
  if (coverage !== undefined) {
    const suite = report.testSuite().name('coverage');
    const made = suite.testCase().className('coverage').name('conditions made true and false');
    const text = coverage.leaves
      .filter((leaf) => !isBoth(leaf))
      .map((leaf) => `${formatPlace(leaf)}: ${leaf.condition} was ${missingSide(leaf)}`)
      .join('\n');
    if (isBelow(coverage, bar))
      made.failure(shownPercent(percentOf(coverage, bar.requireBoth)), 'coverage').stacktrace(legal(text));
    else if (text !== '') made.standardOutput(legal(text));
  }
  return report.build();
}

function detailOf({
  file,
  line,
  column,
  expected,
  actual,
  notes,
  why,
  isGapClosed,
  exceptedBy,
}: TestResult): string {
  return [
    `${formatPlace({ file, line, column })}: expected ${expected}, got ${actual}`,
    ...(isGapClosed ? ['the known gap is closed: take the todo away'] : []),
    ...notes,
    ...why.map((one) => `${one.condition} is ${one.isTrue}; ${whatEventHas(one.actual)}`),
    ...exceptedBy.map(({ name, reason }) => `excepted by ${name} (${reason})`),
  ].join('\n');
}

/** XML 1.0 has no word for most control characters and halves of surrogates. */
function legal(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is taken out
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd').toWellFormed();
}
