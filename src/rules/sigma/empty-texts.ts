// Empty texts: Sigma knows empty, null and absent fields; an event of Picket that has nothing to say of a fact lacks it.

import type { Condition, Leaf } from '../conditions.ts';
import { parseOperatorName } from '../decorators.ts';
import { factName } from '../fact-access.ts';

/**
 * What is not exact about tests for an empty text. One beside a test for the missing fact (`any` of both, as many
 * filters have it) says together what an event can show.
 */
export function emptyTextNotes(condition: Condition): readonly string[] {
  const notes = new Set<string>();
  const visit = (part: Condition, beside: readonly Condition[]): void => {
    if ('all' in part) for (const one of part.all) visit(one, []);
    else if ('any' in part) for (const one of part.any) visit(one, part.any);
    else if ('not' in part) visit(part.not, []);
    else if ('fact' in part && asksForEmpty(part) && !beside.some((other) => asksForMissing(other, part))) {
      const name = factName(part.fact, part.path);
      notes.add(`an empty ${name} is asked for, and events lack it instead`);
    }
  };
  visit(condition, []);
  return [...notes];
}

function asksForEmpty({ operator, value }: Leaf): boolean {
  const { decorators, operator: own } = parseOperatorName(operator);
  // An argument may be empty.
  if (decorators.includes('someFact')) return false;
  return own === 'equal' ? value === '' : own === 'in' && Array.isArray(value) && value.includes('');
}

function asksForMissing(condition: Condition, { fact, path }: Leaf): boolean {
  if (!('fact' in condition) || condition.operator !== 'exists') return false;
  return condition.value === false && condition.fact === fact && condition.path === path;
}
