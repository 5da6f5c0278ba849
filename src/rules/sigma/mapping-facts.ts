// The facts that a mapping file names: each must exist in one of its source's triggers. Where it is offered on another
// platform alone, a rule that reads it is told so.

import type { RuleDocument } from '../rule-document.ts';
import { PLATFORMS } from '../schema.ts';
import { factOf } from './fact-name.ts';
import type { SourceMapping } from './field-mapping.ts';
import { SigmaError, type SigmaProblem } from './sigma-error.ts';

/** @param index of the source in its file */
export function checkFacts(
  source: SourceMapping,
  index: number,
  document: RuleDocument,
  report: (problem: SigmaProblem) => void,
): void {
  const check = (name: string, ...path: readonly string[]): void => {
    // Of `{field}` nothing is known before a rule names one.
    if (name === '' || name.includes('{field}')) return;
    const place = document.placeOf(['sources', index, ...path]);
    const failures = PLATFORMS.flatMap((platform) =>
      source.on.map((trigger) => {
        try {
          factOf(name.replace('{n}', '0'), [trigger], platform, place);
          return undefined;
        } catch (error) {
          if (error instanceof SigmaError) return error;
          throw error;
        }
      }),
    );
    const [failure] = failures;
    if (failure === undefined || failures.includes(undefined)) return;
    report({ ...place, code: 'unknown-fact', message: failure.message, found: name, severity: 'error' });
  };
  for (const [field, { fact, numbers }] of source.fields) {
    check(fact, 'fields', field);
    if (numbers !== undefined) check(numbers, 'fields', field, 'numbers');
  }
  for (const name of [...source.where.keys()]) check(name, 'where', name);
  for (const name of [...source.matching.keys()]) check(name, 'matching', name);
  for (const name of source.keywords?.facts ?? []) check(name, 'keywords');
  if (source.present !== undefined) check(source.present, 'present');
}
