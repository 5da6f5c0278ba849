// `rules fmt`: one way to write a rule file, so that a difference between two versions is a difference in meaning. The
// result is held against the original before anybody sees it: a rule that means something else is never written.

import { isDeepStrictEqual } from 'node:util';
import { CST, Lexer, parse } from 'yaml';
import { parseRuleDocument } from '../rule-document.ts';
import type { RuleProblem } from '../rule-problem.ts';
import { formatJson } from './format-json.ts';
import { formatYaml, parseYaml } from './format-yaml.ts';
import { orderKeys } from './key-order.ts';

const LINE_WIDTH = 120;

/** The formatter would have changed more than the form; the file is left alone. */
export class FormatError extends Error {
  constructor(file: string, what: string, options?: ErrorOptions) {
    super(`${file} can't be formatted: ${what}; it is left as it is`, options);
    this.name = 'FormatError';
  }
}

/** undefined: the text is not valid, and that is reported. Throws FormatError. */
export function formatRules(
  file: string,
  text: string,
  report: (problem: RuleProblem) => void,
): string | undefined {
  if (parseRuleDocument(file, text, report) === undefined) return undefined;
  if (file.endsWith('.json') && !isValidJson(file, text, report)) return undefined;
  const source = text.replaceAll('\r\n', '\n').replace(/^\ufeff/, '');
  const formatted = finalForm(file, source);
  if (!isSame(source, formatted)) throw new FormatError(file, 'its meaning would change');
  if (commentsOf(source).join('\n') !== commentsOf(formatted).join('\n')) {
    throw new FormatError(file, 'a comment would be lost');
  }
  return formatted;
}

// Comments in odd places find theirs in the second pass; the last one only confirms.
const PASSES_MAX = 4;

function finalForm(file: string, text: string): string {
  let form = text;
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    const next = formatOnce(file, form);
    if (next === form) return form;
    form = next;
  }
  throw new FormatError(file, 'it would never be done');
}

function formatOnce(file: string, text: string): string {
  const document = parseYaml(text);
  if (document.contents === null) return text;
  if (!file.endsWith('.json')) return formatYaml(document, text, LINE_WIDTH);
  orderKeys(document.contents);
  return formatJson(document.contents, text, LINE_WIDTH);
}

function isValidJson(file: string, text: string, report: (problem: RuleProblem) => void): boolean {
  try {
    JSON.parse(text.replace(/^\ufeff/, ''));
    return true;
  } catch (error) {
    const message = `this is YAML, not JSON: ${error instanceof Error ? error.message : String(error)}`;
    const expected = 'JSON, or a name that ends in .yaml';
    report({ file, line: 1, column: 1, code: 'json-syntax', message, expected, severity: 'error' });
    return false;
  }
}

/** The same values under the same keys, in whatever order. */
function isSame(before: string, after: string): boolean {
  const options = { intAsBigInt: true, logLevel: 'silent' } as const;
  try {
    return isDeepStrictEqual(parse(before, options), parse(after, options));
  } catch {
    return false;
  }
}

/** Sorted, since they move with their keys. */
function commentsOf(text: string): string[] {
  const comments: string[] = [];
  let before = '';
  for (const token of new Lexer().lex(text)) {
    if (token.startsWith('#') && before !== CST.SCALAR) comments.push(token.trimEnd());
    before = token;
  }
  return comments.sort();
}
