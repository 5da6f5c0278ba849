// What a run of tests comes to: numbers, and whether it is good enough.
import { type CoverageReport, percentOf } from '../../rules/test-coverage.ts';
import type { TestResult } from '../../rules/testing.ts';
import type { TestRun } from './run-tests.ts';

export interface TestBar {
  /** Percent of coverage. */
  readonly min: number | undefined;
  readonly requireBoth: boolean;
  /** Exceptions and closed gaps fail, too. */
  readonly isStrict: boolean;
}

export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly todo: number;
  /** Known gaps that are none any more. */
  readonly closed: number;
  readonly excepted: number;
}

export function countResults(results: readonly TestResult[]): TestCounts {
  const count = (isCounted: (result: TestResult) => boolean): number => results.filter(isCounted).length;
  return {
    passed: count(({ status }) => status === 'passed'),
    failed: count(({ status }) => status === 'failed'),
    todo: count(({ status }) => status === 'todo'),
    closed: count(({ isGapClosed }) => isGapClosed),
    excepted: count(({ exceptedBy }) => exceptedBy.length > 0),
  };
}

export function isGood({ errors, results, coverage }: TestRun, bar: TestBar): boolean {
  const { failed, closed, excepted } = countResults(results);
  if (errors.length > 0 || failed > 0) return false;
  if (bar.isStrict && closed + excepted > 0) return false;
  return coverage === undefined || !isBelow(coverage, bar);
}

export function isBelow(coverage: CoverageReport, bar: TestBar): boolean {
  const needed = neededPercent(bar);
  return needed !== undefined && percentOf(coverage, bar.requireBoth) < needed;
}

/** Whoever asks for both of each condition, and for no number, means every condition. */
export function neededPercent({ min, requireBoth }: TestBar): number | undefined {
  return min ?? (requireBoth ? 100 : undefined);
}
