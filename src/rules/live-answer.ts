// Who answers an event on a live system, and when it is not the rules: nobody asks, the bridge knows the answer, a
// cache has it, time runs out.

import type { Facts } from '../events/facts.ts';
import { actionOfTrigger, type Platform, type Trigger } from '../events/triggers.ts';
import { cacheabilityOf } from './cacheability.ts';
import { compileRules } from './compile.ts';
import { isAuthTrigger } from './decision.ts';
import { type Plan, type PlanOptions, planPolicy, VERDICT } from './plan.ts';
import type { RuleSet } from './schema.ts';
import { staticVerdictOf } from './static-verdict.ts';

export interface LiveNote {
  readonly kind: 'unasked' | 'static-verdict' | 'cache' | 'slow-lane' | 'default';
  /** It answers, and the rules are not asked. */
  readonly answersInstead: boolean;
  readonly text: string;
}

export interface LiveAnswers {
  /** In the order in which they come before the rules. */
  of(trigger: Trigger, facts: Facts): readonly LiveNote[];
}

/** @param options the guard's settings */
export function liveAnswers(ruleSet: RuleSet, platform: Platform, options: PlanOptions): LiveAnswers {
  const plan = planPolicy(ruleSet, platform, options);
  const lane = compileRules(ruleSet, { platform, lane: 'auth' });
  return {
    of(trigger, facts) {
      if (!isAuthTrigger(trigger)) return toldNotes(trigger, plan);
      if (!plan.subscriptions.includes(trigger)) {
        return [
          {
            kind: 'unasked',
            answersInstead: true,
            text: `nobody asks: no enforced rule can deny on ${trigger}, so it is not subscribed and everything is allowed`,
          },
        ];
      }
      const notes: LiveNote[] = [];
      const answer = staticVerdictOf(plan.policy, trigger, facts);
      if (answer !== undefined) {
        const doubt = answer.isInDoubt
          ? ', for its path is unresolved and it could be one that is denied'
          : '';
        notes.push({
          kind: 'static-verdict',
          answersInstead: true,
          text: `the bridge answers by itself: ${answer.verdict}, by ${answer.rule}${doubt}; alerts and tags follow from the report`,
        });
      }
      notes.push(cacheNote(trigger, ruleSet, platform));
      if (lane.needsReferee(trigger, facts)) {
        notes.push({
          kind: 'slow-lane',
          answersInstead: false,
          text: 'the slow lane decides: json-rules-engine has to be asked, or a text is too long for the auth lane',
        });
      }
      notes.push(defaultNote(trigger, plan));
      return notes;
    },
  };
}

function toldNotes(trigger: Trigger, { subscriptions }: Plan): readonly LiveNote[] {
  if (!trigger.startsWith('notify.') || subscriptions.includes(trigger)) return [];
  return [
    {
      kind: 'unasked',
      answersInstead: true,
      text: `the event never comes: no rule on ${trigger} forwards or alerts, so it is not subscribed`,
    },
  ];
}

function cacheNote(trigger: Trigger, ruleSet: RuleSet, platform: Platform): LiveNote {
  const { because } = cacheabilityOf(trigger, ruleSet.rules, ruleSet.conditions, platform);
  const [first, ...more] = because;
  const others = more.length === 0 ? '' : `; and ${more.length} more facts like it`;
  const text =
    first === undefined
      ? 'no cache answers: the rules read nothing that would forbid it, but this version marks no verdict as cacheable'
      : `no cache answers: ${first.rule} reads ${first.fact} (${first.reason}${others})`;
  return { kind: 'cache', answersInstead: false, text };
}

function defaultNote(trigger: Trigger, { policy }: Plan): LiveNote {
  const action = actionOfTrigger(trigger);
  const settings = policy.actions?.find((one) => one.action === action);
  const verdict = settings?.defaultVerdict === VERDICT.deny ? 'deny' : 'allow';
  const wait =
    settings?.maxWaitUs === undefined || settings.maxWaitUs === null
      ? ''
      : ` after ${settings.maxWaitUs / 1000} ms`;
  return {
    kind: 'default',
    answersInstead: false,
    text: `without an answer in time${wait}: ${verdict} (guard.defaults), given by the bridge`,
  };
}
