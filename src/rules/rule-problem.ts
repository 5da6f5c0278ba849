// What is wrong with rule files, each with its place: a person reads these, so each says what was found and what was
// expected.

import type { FindingCode, FindingSeverity } from './finding-codes.ts';

export interface RuleProblem<Code extends string = FindingCode> {
  readonly file: string;
  /** From 1; 0: the file as a whole. */
  readonly line: number;
  readonly column: number;
  /** One word for the kind, such as `unknown-fact`; stable, for programs. */
  readonly code: Code;
  readonly message: string;
  readonly found?: string | undefined;
  readonly expected?: string | undefined;
  readonly severity: FindingSeverity;
  /** Where what to do is beyond doubt. */
  readonly fix?: ProblemFix | undefined;
}

/** What `rules check --fix` does at the problem's place. */
export type ProblemFix =
  /** The word there, a value or a key, becomes another one. */
  | { readonly kind: 'replace'; readonly by: string }
  /** The number or word there becomes text, as it is written. */
  | { readonly kind: 'quote' }
  /** The single value there becomes a list of one. */
  | { readonly kind: 'list' }
  /** The entry of a list there goes. */
  | { readonly kind: 'remove' }
  /** The map there gets a key, behind another one. */
  | { readonly kind: 'insert'; readonly key: string; readonly value: string; readonly after: string };

/** Rule files that can't be used; the set in force stays. */
export class RuleFileError extends Error {
  readonly problems: readonly RuleProblem[];
  /** What was looked at is wrong, not the tool. */
  readonly exitCode = 1;

  constructor(problems: readonly RuleProblem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.name = 'RuleFileError';
    this.problems = problems;
  }
}

/** `file:line:column: error[code]: message (found …, expected …)`, on one line. */
export function formatProblem(problem: RuleProblem<string>): string {
  const details = [
    problem.found === undefined ? '' : `found ${problem.found}`,
    problem.expected === undefined ? '' : `expected ${problem.expected}`,
  ].filter((part) => part !== '');
  const suffix = details.length === 0 ? '' : ` (${details.join('; ')})`;
  return `${formatPlace(problem)}: ${problem.severity}[${problem.code}]: ${problem.message}${suffix}`;
}

export function formatPlace({ file, line, column }: Pick<RuleProblem, 'file' | 'line' | 'column'>): string {
  return line === 0 ? file : `${file}:${line}:${column}`;
}

/** A value as a person would name it in a message. */
export function describeValue(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a map';
  if (typeof value !== 'string')
    return `${typeof value === 'bigint' ? 'number' : typeof value} ${String(value)}`;
  if (value === '') return 'an empty text';
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 59)}…` : value);
}

/** `a, b or c`. */
export function oneOf(names: Iterable<string>): string {
  const all = [...names];
  const last = all.pop() ?? '';
  return all.length === 0 ? last : `${all.join(', ')} or ${last}`;
}
