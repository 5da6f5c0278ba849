// A run of tests for a person: what is not well on stdout, the sum on stderr.
import { displayText } from '../../events/text.ts';
import { formatPlace } from '../../rules/rule-problem.ts';
import { type CoverageReport, type CoveredLeaf, isBoth, percentOf } from '../../rules/test-coverage.ts';
import type { TestResult } from '../../rules/testing.ts';
import { counted, formatCount, type Painter } from '../output.ts';
import { whatEventHas } from './explain-text.ts';
import { paintFinding } from './findings-text.ts';
import type { TestRun } from './run-tests.ts';
import { countResults, isBelow, isGood, neededPercent, type TestBar } from './test-verdict.ts';

/** Lines for stdout. */
export function describeRun({ errors, results, coverage }: TestRun, bar: TestBar, paint: Painter): string[] {
  return [
    ...errors.map((problem) => paintFinding(problem, paint)),
    ...results.flatMap((result) => describeResult(result, bar, paint)),
    ...(coverage === undefined ? [] : describeCoverage(coverage, paint)),
  ];
}

/** Nothing of one that passed, and in force, too. */
function describeResult(result: TestResult, bar: TestBar, paint: Painter): string[] {
  const { status, expected, actual, why, notes, isGapClosed, exceptedBy } = result;
  const lines: string[] = [];
  const head = (label: string, words: string): string =>
    `${paint('bold', formatPlace(result))}: ${label}: ${displayText(`${result.rule}, ${result.test}`)}: ${displayText(words)}`;
  const mild = paint(bar.isStrict ? ['bold', 'red'] : ['bold', 'yellow'], bar.isStrict ? 'error' : 'warning');
  if (isGapClosed) {
    lines.push(
      head(mild, `the known gap is closed: take the todo away (expected ${expected}, got ${actual})`),
    );
  } else if (status !== 'passed') {
    const label = status === 'failed' ? paint(['bold', 'red'], 'failed') : paint(['bold', 'yellow'], 'todo');
    const gap = status === 'todo' ? ' (known gap)' : '';
    lines.push(head(label, `expected ${expected}, got ${actual}${gap}`));
    for (const note of notes) lines.push(`    ${displayText(note)}`);
    for (const { condition, actual: value, isTrue } of why) {
      lines.push(`    ${displayText(condition)} is ${isTrue}`, `        ${displayText(whatEventHas(value))}`);
    }
  }
  for (const { name, reason } of exceptedBy) {
    lines.push(head(mild, `excepted by ${name} (${reason}): in force the rule does not match this event`));
  }
  return lines;
}

const RULES_SHOWN = 3;

function describeCoverage(coverage: CoverageReport, paint: Painter): string[] {
  return coverage.leaves
    .filter((leaf) => !isBoth(leaf))
    .map((leaf) => {
      const { condition, rules } = leaf;
      const more = rules.length - RULES_SHOWN;
      const names =
        more > 0 ? `${rules.slice(0, RULES_SHOWN).join(', ')} and ${more} more` : rules.join(', ');
      const label = paint(['bold', 'yellow'], 'uncovered');
      return `${paint('bold', formatPlace(leaf))}: ${label}: ${displayText(`${names}: ${condition}`)} was ${missingSide(leaf)}`;
    });
}

export function missingSide({ whenTrue, whenFalse }: CoveredLeaf): string {
  if (whenTrue === 0 && whenFalse === 0) return 'never looked at';
  return whenTrue === 0 ? 'never true' : 'never false';
}

/** The last lines, for stderr. */
export function summarise(run: TestRun, bar: TestBar, paint: Painter): string {
  const { errors, results, rules, untested, coverage } = run;
  const { passed, failed, todo, closed, excepted } = countResults(results);
  const parts = [`${formatCount(passed)} passed`, `${formatCount(failed)} failed`];
  if (todo > 0)
    parts.push(`${formatCount(todo)} todo${closed > 0 ? ` (${formatCount(closed)} closed)` : ''}`);
  if (excepted > 0) parts.push(`${formatCount(excepted)} excepted`);
  let summary = `${parts.join(', ')} in ${counted(rules, 'rule')}`;
  if (untested.length > 0) summary += ` (${formatCount(untested.length)} without tests)`;
  if (errors.length > 0)
    summary += `; ${counted(errors.length, 'error')} in files: what is wrong was not tested`;
  const lines = [paint(isGood(run, bar) ? 'green' : 'red', summary)];
  if (coverage !== undefined) lines.push(sumUpCoverage(coverage, bar, paint));
  return lines.join('\n');
}

function sumUpCoverage(coverage: CoverageReport, bar: TestBar, paint: Painter): string {
  const needed = neededPercent(bar);
  const percent = percentOf(coverage, bar.requireBoth);
  const what = bar.requireBoth
    ? 'of the conditions were both true and false'
    : 'of what conditions can be, true and false, was seen';
  const asked = needed === undefined ? '' : `; ${shownPercent(needed)} asked for`;
  const both = `${formatCount(coverage.both)} of ${counted(coverage.leaves.length, 'condition')} both`;
  const text = `coverage: ${shownPercent(percent)} ${what} (${both})${asked}`;
  return needed === undefined ? text : paint(isBelow(coverage, bar) ? 'red' : 'green', text);
}

/** Never rounded up: 100 % is all of it. */
export function shownPercent(percent: number): string {
  return `${Math.floor(percent * 10) / 10} %`;
}
