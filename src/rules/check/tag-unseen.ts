// Tags that nobody sees.

import { isDeciding } from '../decision.ts';
import type { RuleProblem } from '../rule-problem.ts';
import { type CheckContext, warning } from './finding.ts';

/** Tags of an event that nothing forwards are seen by nobody. */
export function checkTagUnseen({ rules }: CheckContext): RuleProblem[] {
  const seen = new Set(
    rules
      .filter(
        ({ mode, event }) =>
          mode === 'enforce' && (event.type === 'alert' || (isDeciding(event.type) && event.type !== 'drop')),
      )
      .flatMap(({ on }) => on),
  );
  return rules.flatMap((rule) => {
    if (rule.event.type !== 'tag' || rule.on.some((trigger) => seen.has(trigger))) return [];
    const message = `${rule.name} tags events that no rule forwards`;
    return [
      warning(rule.place, 'tag-unseen', message, `a rule that forwards or alerts on ${rule.on.join(', ')}`),
    ];
  });
}
