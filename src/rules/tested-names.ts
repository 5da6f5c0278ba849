// The rules that test files name, before any test is run: what such a file tests needs no tests of its own.

import type { TestFileDocument } from './test-file-parser.ts';
import { fileTestSchema, type WrittenFileTest } from './test-file-schema.ts';
import { expectsMatch } from './testing.ts';

export interface TestedNames {
  readonly tested: ReadonlySet<string>;
  /** Those that some test expects to match. */
  readonly matching: ReadonlySet<string>;
}

/** A test that is wrong tests nothing; `rules test` says what is wrong. */
export function testedNames(files: readonly TestFileDocument[]): TestedNames {
  const tested = new Set<string>();
  const matching = new Set<string>();
  for (const value of files.flatMap(({ tests }) => tests)) {
    const { success, data } = fileTestSchema.safeParse(value);
    if (!success) continue;
    for (const [name, isMatch] of namesIn(data)) {
      tested.add(name);
      if (isMatch) matching.add(name);
    }
  }
  return { tested, matching };
}

/** Each with whether it is expected to match; that it does not match is a test, too. */
function namesIn({ rule, expect }: WrittenFileTest): readonly (readonly [string, boolean])[] {
  const own = (isMatch: boolean): readonly (readonly [string, boolean])[] =>
    rule === undefined ? [] : [[rule, isMatch]];
  if (typeof expect === 'string') return own(expectsMatch(expect));
  if (Array.isArray(expect)) return [...own(false), ...expect.map((name) => [name, true] as const)];
  const { matches, verdict = 'none' } = expect;
  if (typeof matches === 'number') return own(matches > 0);
  const counts = Object.entries(matches ?? {});
  return [...own(verdict !== 'none'), ...counts.map(([name, count]) => [name, count > 0] as const)];
}
