// Which of a rule's exceptions count: one that has expired is still with its rule, and excludes nothing.

import type { Condition } from './conditions.ts';
import type { RuleDefinition, RuleException } from './schema.ts';

/** Those that stand in the rule's effective condition: what decides is asked, not the calendar. */
export function holdingExceptions(rule: RuleDefinition): readonly RuleException[] {
  if (rule.conditions === rule.own) return [];
  const merged = new Set<Condition>();
  collect(rule.conditions, rule.own, merged);
  return rule.exceptions.filter(({ conditions }) => merged.has(conditions));
}

function collect(condition: Condition, own: Condition, into: Set<Condition>): void {
  if (condition === own || into.has(condition)) return;
  into.add(condition);
  if ('not' in condition) collect(condition.not, own, into);
  else if ('all' in condition) for (const part of condition.all) collect(part, own, into);
  else if ('any' in condition) for (const part of condition.any) collect(part, own, into);
}
