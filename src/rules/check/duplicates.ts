// Rules that say the same: one of them is a copy that somebody forgot.

import { formatPlace, type RuleProblem } from '../rule-problem.ts';
import type { RuleDefinition } from '../schema.ts';
import { type CheckContext, warning } from './finding.ts';

export function checkDuplicates({ rules, forms }: CheckContext): RuleProblem[] {
  const first = new Map<string, RuleDefinition>();
  return rules.flatMap((rule) => {
    const { on, platforms, event, mode } = rule;
    const key = JSON.stringify([
      forms.of(rule.conditions).id,
      [...on].sort(),
      [...platforms].sort(),
      event.type,
      mode,
    ]);
    const earlier = first.get(key);
    if (earlier === undefined) {
      first.set(key, rule);
      return [];
    }
    const message = `${rule.name} has the conditions, triggers and outcome of ${earlier.name}, at ${formatPlace(earlier.place)}`;
    return [warning(rule.place, 'identical-rules', message, 'one rule')];
  });
}
