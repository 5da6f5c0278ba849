// A rule set as every rival takes it: the rules of each trigger by themselves, for none is asked about another's.

import type { Trigger } from '../../src/events/triggers.ts';
import type { RuleDefinition, RuleSet } from '../../src/rules/schema.ts';

export function byTrigger(ruleSet: RuleSet): ReadonlyMap<Trigger, readonly RuleDefinition[]> {
  const rulesOf = new Map<Trigger, RuleDefinition[]>();
  for (const rule of ruleSet.rules) {
    for (const trigger of rule.on) {
      const rules = rulesOf.get(trigger);
      if (rules === undefined) rulesOf.set(trigger, [rule]);
      else rules.push(rule);
    }
  }
  return rulesOf;
}
