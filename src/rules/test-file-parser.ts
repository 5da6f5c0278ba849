// A test file as it was written: what it loads, and its tests, which are looked into once the rules are known.

import type { Platform } from '../events/triggers.ts';
import { isMap } from './document-map.ts';
import { parseRuleDocument, type RuleDocument } from './rule-document.ts';
import { describeValue, type RuleProblem } from './rule-problem.ts';
import { besideFile, type RuleText } from './rule-text.ts';
import { explainIssues } from './schema-problems.ts';
import { TEST_FILE_KEYS, testFileSchema } from './test-file-schema.ts';

/** A test file whose rules are not known yet. */
export interface TestFileDocument {
  readonly document: RuleDocument;
  /** Rule files or folders that it names, as the process would open them. */
  readonly load: readonly string[];
  readonly platform: Platform | undefined;
  readonly tests: readonly unknown[];
}

/** undefined: wrong, and reported. */
export function parseTestFile(
  { file, text }: RuleText,
  report: (problem: RuleProblem) => void,
): TestFileDocument | undefined {
  const document = parseRuleDocument(file, text, report);
  if (document === undefined) return undefined;
  const { value } = document;
  if (!isMap(value)) {
    report({
      ...document.placeOf([]),
      code: 'test-shape',
      message: 'a test file is a map',
      found: describeValue(value),
      expected: '`tests:` with a list of tests',
      severity: 'error',
    });
    return undefined;
  }
  const parsed = testFileSchema.safeParse(value);
  if (!parsed.success) {
    for (const problem of explainIssues(parsed.error.issues, document, [], () => TEST_FILE_KEYS)) {
      report(problem.code === 'missing-key' ? { ...problem, expected: 'a list of tests' } : problem);
    }
    return undefined;
  }
  const { load = [], platform, tests } = parsed.data;
  return { document, load: load.map((path) => besideFile(file, path)), platform, tests };
}
