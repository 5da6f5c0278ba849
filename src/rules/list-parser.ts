// `lists:` of a rule file: values that stand there, or in a file of their own, one a line.

import type { Scalar } from './conditions.ts';
import type { FindingCode } from './finding-codes.ts';
import { VALUE_TYPES } from './list-values.ts';
import { type NamedList, namedList } from './named-lists.ts';
import type { DocumentPath, Place, RuleDocument } from './rule-document.ts';
import { describeValue, type RuleProblem } from './rule-problem.ts';
import { besideFile } from './rule-text.ts';
import { LIST_KEYS, type ListType, listSchema } from './schema.ts';
import { explainIssues } from './schema-problems.ts';

export interface ListContext {
  readonly document: RuleDocument;
  /** The texts of list files by their paths. */
  readonly texts: ReadonlyMap<string, string>;
  report(problem: RuleProblem): void;
}

/** More is a database, and no list. */
const VALUES_MAX = 1_000_000;
/** A file of another kind has a mistake in every line; a few tell. */
const PROBLEMS_MAX = 20;

/** undefined: wrong, and reported. */
export function parseList(name: string, value: unknown, context: ListContext): NamedList | undefined {
  const { document, report } = context;
  const path = ['lists', name];
  if (Array.isArray(value)) return inlineList(name, 'text', value, path, context);
  if (typeof value !== 'object' || value === null) {
    report({
      ...document.placeOf(path),
      code: 'list-shape',
      message: `the list \`${name}\` holds values, or names a file of them`,
      found: describeValue(value),
      expected: '[a, b], or { file: values.txt, type: text }',
      severity: 'error',
    });
    return undefined;
  }
  const parsed = listSchema.safeParse(value);
  if (!parsed.success) {
    for (const problem of explainIssues(parsed.error.issues, document, path, () => LIST_KEYS))
      report(problem);
    return undefined;
  }
  const { file, values, type = 'text' } = parsed.data;
  if (values !== undefined && file === undefined) {
    return inlineList(name, type, values, [...path, 'values'], context);
  }
  if (file === undefined || values !== undefined) {
    report({
      ...document.placeOf(path),
      code: 'list-shape',
      message: `the list \`${name}\` has its values either here or in a file`,
      found: file === undefined ? 'neither' : '`file` and `values`',
      expected: '`file`, or `values`',
      severity: 'error',
    });
    return undefined;
  }
  return fileList(name, type, file, context);
}

function inlineList(
  name: string,
  type: ListType,
  values: readonly unknown[],
  path: DocumentPath,
  { document, report }: ListContext,
): NamedList | undefined {
  const { expected, parse } = VALUE_TYPES[type];
  const good = new Set<Scalar>();
  let isGood = true;
  for (const [index, value] of values.entries()) {
    // Without a type a list is what its values are; with one, YAML's 10 is as good as '10'.
    const read =
      type === 'text' && isScalar(value) ? value : isScalar(value) ? parse(String(value)) : undefined;
    if (read !== undefined && read !== '') {
      good.add(read);
      continue;
    }
    isGood = false;
    report({
      ...document.placeOf([...path, index]),
      code: 'list-value',
      message: `the list \`${name}\` can't hold this`,
      found: describeValue(value),
      expected: type === 'text' ? 'text, a number, true or false' : expected,
      severity: 'error',
    });
  }
  if (values.length === 0) reportEmpty(name, document.placeOf(path), report);
  return isGood ? namedList(name, type, good) : undefined;
}

function reportEmpty(name: string, place: Place, report: (problem: RuleProblem) => void): void {
  const message = `the list \`${name}\` holds no value: nothing is in it`;
  report({ ...place, code: 'list-empty', message, expected: 'a value at least', severity: 'warning' });
}

const isScalar = (value: unknown): value is string | number | bigint | boolean =>
  ['string', 'number', 'bigint', 'boolean'].includes(typeof value);

function fileList(name: string, type: ListType, file: string, context: ListContext): NamedList | undefined {
  const path = besideFile(context.document.file, file);
  const text = context.texts.get(path);
  if (text === undefined) {
    context.report({
      ...context.document.placeOf(['lists', name, 'file']),
      code: 'list-unreadable',
      message: `the file of the list \`${name}\` was not read`,
      found: path,
      expected: 'a file of values, its path from the folder of this file',
      severity: 'error',
    });
    return undefined;
  }
  return parseLines(name, type, path, text, context.report);
}

/** One value a line. Blank lines count for nothing, nor do lines that begin with `#`. */
function parseLines(
  name: string,
  type: ListType,
  file: string,
  text: string,
  report: (problem: RuleProblem) => void,
): NamedList | undefined {
  const { expected, parse } = VALUE_TYPES[type];
  // A path may hold ` #`; what has no spaces can be followed by a comment.
  const takesComments = type !== 'text' && type !== 'path';
  const values = new Set<Scalar>();
  let wrong = 0;
  const lines = text.replace(/^\uFEFF/, '').split('\n');
  for (const [index, line] of lines.entries()) {
    const whole = line.trim();
    if (whole === '' || whole.startsWith('#')) continue;
    const written = takesComments ? whole.replace(/\s+#.*$/, '') : whole;
    const value = parse(written);
    if (value !== undefined) {
      values.add(value);
      continue;
    }
    wrong++;
    if (wrong > PROBLEMS_MAX) continue;
    report({
      file,
      line: index + 1,
      column: line.indexOf(written) + 1,
      code: 'list-value',
      message: `the list \`${name}\` can't hold this`,
      found: describeValue(written),
      expected,
      severity: 'error',
    });
  }
  const tell = (code: FindingCode, message: string, found: string, wanted: string): undefined => {
    report({ file, line: 0, column: 0, code, message, found, expected: wanted, severity: 'error' });
  };
  if (wrong > PROBLEMS_MAX) {
    tell(
      'list-value',
      `the list \`${name}\` can't hold ${wrong - PROBLEMS_MAX} more`,
      `${wrong} lines`,
      expected,
    );
  }
  if (values.size > VALUES_MAX) {
    return tell(
      'list-value',
      `the list \`${name}\` is too long`,
      `${values.size} values`,
      `at most ${VALUES_MAX}`,
    );
  }
  if (values.size === 0 && wrong === 0) reportEmpty(name, { file, line: 0, column: 0 }, report);
  return wrong === 0 ? namedList(name, type, values) : undefined;
}
