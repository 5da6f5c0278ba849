// Auth where notify would serve.

import { triggersOf } from '../../events/fact-table.ts';
import type { Platform } from '../../events/triggers.ts';
import { isAuthTrigger } from '../decision.ts';
import type { RuleProblem } from '../rule-problem.ts';
import type { RuleDefinition } from '../schema.ts';
import { type CheckContext, warning } from './finding.ts';

/** An auth event makes a program wait. A rule that can't deny asks for that in vain. */
export function checkAuthUnneeded({ rules, platform }: CheckContext): RuleProblem[] {
  return rules.flatMap((rule) => checkRule(rule, platform));
}

function checkRule(rule: RuleDefinition, platform: Platform | undefined): RuleProblem[] {
  const { type } = rule.event;
  if (rule.mode === 'enforce' && (type === 'deny' || type === 'allow')) return [];
  const what = rule.mode === 'shadow' ? 'is in shadow mode' : `only ${type === 'alert' ? 'alerts' : 'tags'}`;
  return rule.on.filter(isAuthTrigger).flatMap((trigger) => {
    const twin = triggersOf(platform ?? rule.platforms[0] ?? 'macos').find(
      (other) => other === `notify.${trigger.slice(5)}`,
    );
    const message = `${rule.name} ${what}: on ${trigger} it sees events only while another rule denies there`;
    // A rule in shadow mode stands where it will be enforced.
    if (twin === undefined || rule.mode === 'shadow')
      return rule.mode === 'shadow' ? [] : [warning(rule.place, 'auth-unneeded', message)];
    return [warning(rule.place, 'auth-unneeded', message, `\`on: [${twin}]\`, which makes no program wait`)];
  });
}
