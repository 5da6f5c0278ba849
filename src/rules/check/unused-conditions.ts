// Named conditions that no rule refers to.

import { referencesOf } from '../conditions.ts';
import type { RuleProblem } from '../rule-problem.ts';
import { type CheckContext, warning } from './finding.ts';

export function checkUnusedConditions({ loaded: { ruleSet, conditionPlaces } }: CheckContext): RuleProblem[] {
  const used = new Set<string>();
  const queue = ruleSet.rules.flatMap((rule) => [
    ...referencesOf(rule.own),
    ...rule.exceptions.flatMap(({ conditions }) => referencesOf(conditions)),
  ]);
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (used.has(name)) continue;
    used.add(name);
    queue.push(...referencesOf(ruleSet.conditions[name]));
  }
  return Object.keys(ruleSet.conditions)
    .filter((name) => !used.has(name))
    .flatMap((name) => {
      const place = conditionPlaces.get(name);
      return place === undefined
        ? []
        : [warning(place, 'unused-condition', `no rule refers to the condition \`${name}\``)];
    });
}
