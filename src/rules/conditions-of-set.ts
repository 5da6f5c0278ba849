// The named conditions of all files of a set.

import type { ConditionSyntax } from './condition-context.ts';
import { parseCondition } from './condition-syntax.ts';
import { type Condition, type NamedConditions, type RootCondition, referencesOf } from './conditions.ts';
import type { ParsedFile } from './parsed-file.ts';
import type { Place } from './rule-document.ts';
import { uniqueNames } from './unique-names.ts';

export interface ConditionsOfSet {
  readonly conditions: NamedConditions;
  readonly conditionPlaces: ReadonlyMap<string, Place>;
}

export function parseNamedConditions(
  files: readonly ParsedFile[],
  syntax: Omit<ConditionSyntax, 'document' | 'conditionNames'>,
): ConditionsOfSet {
  const { report } = syntax;
  const conditionPlaces = new Map<string, Place>();
  const unique = uniqueNames('condition', report);
  for (const { document, conditions } of files) {
    for (const name of Object.keys(conditions)) {
      const place = document.placeOfKey(['conditions', name]);
      if (unique.take(name, place)) conditionPlaces.set(name, place);
    }
  }
  const parsed = new Map<string, RootCondition>();
  const conditionNames = new Set(conditionPlaces.keys());
  for (const { document, conditions } of files) {
    for (const [name, value] of Object.entries(conditions)) {
      const at = ['conditions', name];
      const condition = parseCondition(value, at, { ...syntax, document, conditionNames }, true);
      if (condition !== undefined && !('fact' in condition)) parsed.set(name, condition);
    }
  }
  const circle = [...parsed.keys()].filter((name) => reaches(name, name, parsed));
  for (const name of circle) {
    const place = conditionPlaces.get(name) ?? { file: '', line: 0, column: 0 };
    const message = `the condition \`${name}\` refers to itself`;
    const expected = 'conditions that end';
    report({
      ...place,
      code: 'condition-circle',
      message,
      found: circle.join(' and '),
      expected,
      severity: 'error',
    });
    parsed.delete(name);
  }
  return { conditions: Object.fromEntries(parsed), conditionPlaces };
}

/** Whether following references from one named condition meets another. */
function reaches(from: string, target: string, named: ReadonlyMap<string, Condition>): boolean {
  const seen = new Set<string>();
  const queue = referencesOf(named.get(from));
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (name === target) return true;
    if (seen.has(name)) continue;
    seen.add(name);
    queue.push(...referencesOf(named.get(name)));
  }
  return false;
}
