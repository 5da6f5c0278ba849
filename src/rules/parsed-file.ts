// One rule file taken apart by its top keys; what stands below them is parsed elsewhere.

import type { Platform } from '../events/triggers.ts';
import type { DocumentPath, RuleDocument } from './rule-document.ts';
import { describeValue, oneOf, type RuleProblem } from './rule-problem.ts';
import { FILE_KEYS, fileSchema } from './schema.ts';
import { explainIssues } from './schema-problems.ts';

type Written = readonly (readonly [unknown, DocumentPath])[];

export interface ParsedFile {
  readonly document: RuleDocument;
  readonly rules: Written;
  readonly exceptions: Written;
  readonly conditions: Readonly<Record<string, unknown>>;
  readonly lists: Readonly<Record<string, unknown>>;
  readonly platforms: readonly Platform[] | undefined;
}

export function parseFile(document: RuleDocument, report: (problem: RuleProblem) => void): ParsedFile {
  const { value } = document;
  const nothing: ParsedFile = {
    document,
    rules: [],
    exceptions: [],
    conditions: {},
    lists: {},
    platforms: undefined,
  };
  const wrong = (path: DocumentPath, message: string, found: string, expected: string): ParsedFile => {
    report({ ...document.placeOf(path), code: 'file-shape', message, found, expected, severity: 'error' });
    return nothing;
  };
  if (Array.isArray(value)) return { ...nothing, rules: entries(value, []) };
  if (value === undefined || value === null) {
    report({
      ...document.placeOf([]),
      code: 'empty-file',
      message: 'this rule file is empty',
      severity: 'warning',
    });
    return nothing;
  }
  if (typeof value !== 'object') {
    return wrong(
      [],
      'a rule file holds rules',
      describeValue(value),
      `a list of rules, or a map with ${oneOf(FILE_KEYS)}`,
    );
  }
  if (Object.hasOwn(value, 'name') && Object.hasOwn(value, 'conditions')) {
    return Object.hasOwn(value, 'reason') && Object.hasOwn(value, 'rule')
      ? wrong([], 'this is one exception, not a list of them', 'a map', '`exceptions:`, and a dash before it')
      : wrong([], 'this is one rule, not a list of rules', 'a map', 'a dash before it: `- name: …`');
  }
  const parsed = fileSchema.safeParse(value);
  if (!parsed.success) {
    for (const problem of explainIssues(parsed.error.issues, document, [], () => FILE_KEYS)) report(problem);
    return nothing;
  }
  const { rules = [], exceptions = [], conditions = {}, lists = {}, platforms } = parsed.data;
  if (rules.length > 0 && exceptions.length > 0) {
    report({
      ...document.placeOfKey(['exceptions']),
      code: 'file-shape',
      message: 'exceptions stand in files of their own: an update of the rules would meet them here',
      found: '`rules` and `exceptions`',
      expected: 'another file, such as exceptions/site.yaml',
      severity: 'error',
    });
  }
  return {
    document,
    rules: entries(rules, ['rules']),
    exceptions: entries(exceptions, ['exceptions']),
    conditions,
    lists,
    platforms,
  };
}

function entries(values: readonly unknown[], path: DocumentPath): Written {
  return values.map((value, index) => [value, [...path, index]] as const);
}
