// `present:` of a source: a fact by which its events are known among those of the trigger.

import type { Platform } from '../../events/triggers.ts';
import type { Condition } from '../conditions.ts';
import { factOf } from './fact-name.ts';
import type { SourceMapping } from './field-mapping.ts';

/** Asks for the fact, but only where the condition could hold of an event that lacks it. */
export function withPresentFact(condition: Condition, source: SourceMapping, platform: Platform): Condition {
  if (source.present === undefined) return condition;
  const { fact, path } = factOf(source.present, source.on, platform, { file: '', line: 0, column: 0 });
  if (!canHoldWithout(fact, condition, true)) return condition;
  const name = { fact, ...(path === undefined ? {} : { path }) };
  const own = 'all' in condition ? condition.all : [condition];
  return { all: [{ ...name, operator: 'exists', value: true }, ...own] };
}

/** Whether a condition can be `wanted` of an event that has nothing of a fact. */
function canHoldWithout(fact: string, condition: Condition, wanted: boolean): boolean {
  if ('not' in condition) return canHoldWithout(fact, condition.not, !wanted);
  if ('fact' in condition) {
    if (condition.fact !== fact) return true;
    return wanted === (condition.operator === 'exists' && condition.value === false);
  }
  if (!('all' in condition || 'any' in condition)) return true;
  const parts = 'all' in condition ? condition.all : condition.any;
  const can = (part: Condition): boolean => canHoldWithout(fact, part, wanted);
  return 'all' in condition === wanted ? parts.every(can) : parts.some(can);
}
