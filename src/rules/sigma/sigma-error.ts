// Why a Sigma document, or a part of it, has no translation: always with its place, for its author must find it.

import type { FindingCode } from '../finding-codes.ts';
import type { Place } from '../rule-document.ts';
import type { RuleProblem } from '../rule-problem.ts';

/**
 * yaml, document, detection, condition, value, modifier: the document breaks Sigma's own rules ·
 * logsource, field, keywords, type, placeholder, filter: Picket has nothing to translate it to ·
 * regex: no linear-time form · duplicate · status · internal: Picket's loader refuses the result.
 */
export type SigmaErrorCode =
  | 'yaml'
  | 'document'
  | 'detection'
  | 'condition'
  | 'value'
  | 'modifier'
  | 'logsource'
  | 'field'
  | 'keywords'
  | 'type'
  | 'placeholder'
  | 'filter'
  | 'regex'
  | 'duplicate'
  | 'internal';

/** Also of what is read beside Sigma documents, and of what is told of a translation. */
export type SigmaProblem = RuleProblem<FindingCode | `sigma-${string}`>;

export class SigmaError extends Error {
  readonly code: SigmaErrorCode;
  readonly place: Place;
  readonly found: string | undefined;
  readonly expected: string | undefined;
  /** What else is wrong with the same document, in order. */
  readonly also: readonly SigmaError[];

  constructor(
    code: SigmaErrorCode,
    place: Place,
    message: string,
    details: {
      readonly found?: string | undefined;
      readonly expected?: string | undefined;
      readonly also?: readonly SigmaError[];
    } = {},
  ) {
    super(message);
    this.name = 'SigmaError';
    this.code = code;
    this.place = place;
    this.found = details.found;
    this.expected = details.expected;
    this.also = details.also ?? [];
  }
}

function problemOf(error: SigmaError): SigmaProblem {
  const { place, code, message, found, expected } = error;
  return { ...place, code: `sigma-${code}`, message, found, expected, severity: 'error' };
}

/** All that an error says, each thing once. */
export function problemsOf(error: SigmaError): readonly [SigmaProblem, ...SigmaProblem[]] {
  const [first, ...others] = [error, ...error.also].map(problemOf);
  if (first === undefined) throw new Error('an error is one problem at least');
  return [first, ...others];
}

/** Several errors as one to throw. */
export function joinErrors(first: SigmaError, others: readonly SigmaError[]): SigmaError {
  if (others.length === 0) return first;
  const byText = new Map<string, SigmaError>();
  for (const error of [first, ...others].flatMap((one) => [one, ...one.also])) {
    const { line, column } = error.place;
    const key = `${line}:${column} ${error.message}`;
    if (!byText.has(key)) byText.set(key, error);
  }
  const { code, place, message, found, expected } = first;
  return new SigmaError(code, place, message, { found, expected, also: [...byText.values()].slice(1) });
}

/** Does each, and throws what is wrong with any of them at the end. */
export function mapAll<From, To>(items: Iterable<From>, each: (item: From) => To): To[] {
  const results: To[] = [];
  const errors: SigmaError[] = [];
  for (const item of items) {
    try {
      results.push(each(item));
    } catch (error) {
      if (!(error instanceof SigmaError)) throw error;
      errors.push(error);
    }
  }
  const [first, ...others] = errors;
  if (first !== undefined) throw joinErrors(first, others);
  return results;
}
