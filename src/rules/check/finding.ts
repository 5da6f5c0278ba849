// What all kinds of findings have in common: what they look at, and how they say it.

import type { Platform } from '../../events/triggers.ts';
import type { Condition, Leaf } from '../conditions.ts';
import type { FindingCode, FindingSeverity } from '../finding-codes.ts';
import type { LoadedRules } from '../load.ts';
import type { NormalForms } from '../logic/normal-form.ts';
import type { Place } from '../rule-document.ts';
import type { RuleProblem } from '../rule-problem.ts';
import type { RuleDefinition } from '../schema.ts';
import type { TestedNames } from '../tested-names.ts';

export interface CheckContext {
  readonly loaded: LoadedRules;
  /** Those of the platform that is looked at. */
  readonly rules: readonly RuleDefinition[];
  /** undefined: all of them. */
  readonly platform: Platform | undefined;
  readonly forms: NormalForms;
  /** Milliseconds since 1970: what expires is judged by it. */
  readonly nowMs: number;
  /** What test files name. */
  readonly testedNames: TestedNames;
}

export function warning(place: Place, code: FindingCode, message: string, expected?: string): RuleProblem {
  return finding('warning', place, code, message, expected);
}

/** Worth knowing, and nothing to mend: shown where it is asked for. */
export function note(place: Place, code: FindingCode, message: string, expected?: string): RuleProblem {
  return finding('note', place, code, message, expected);
}

function finding(
  severity: FindingSeverity,
  { file, line, column }: Place,
  code: FindingCode,
  message: string,
  expected: string | undefined,
): RuleProblem {
  return { file, line, column, code, message, expected, severity };
}

/** Of the first test that stands in a condition; named conditions are not followed, for they stand elsewhere. */
export function placeOfCondition(condition: Condition, loaded: LoadedRules): Place | undefined {
  const leaf = firstLeaf(condition);
  const place = leaf && loaded.places.get(leaf)?.('fact');
  return place && { file: place.file, line: place.line, column: place.column };
}

function firstLeaf(condition: Condition): Leaf | undefined {
  if ('fact' in condition) return condition;
  if ('condition' in condition) return undefined;
  if ('not' in condition) return firstLeaf(condition.not);
  for (const part of 'all' in condition ? condition.all : condition.any) {
    const leaf = firstLeaf(part);
    if (leaf !== undefined) return leaf;
  }
  return undefined;
}

const NAMES_SHOWN = 3;

export function shortList(names: readonly string[]): string {
  const more = names.length - NAMES_SHOWN;
  return more > 0 ? `${names.slice(0, NAMES_SHOWN).join(', ')} and ${more} more` : names.join(', ');
}
