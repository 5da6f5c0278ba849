// Who answers for each rule of an auth trigger: the bridge alone, the agent, its slow lane, or nobody, and why it is
// no nearer.

import type { picket } from '../events/proto/picket.js';
import { actionOfTrigger, type Trigger } from '../events/triggers.ts';
import { byDecisiveness } from '../rules/decision.ts';
import type { RuleDefinition, RuleSet } from '../rules/schema.ts';
import { whatBridgeCantTest } from './beyond-bridge.ts';
import { outsideLane } from './outside-lane.ts';
import { wordsOfTests } from './static-words.ts';

/** shadow: reported, never enforced · adds: an alert or tags, no verdict */
type Answerer = 'bridge' | 'agent' | 'slow lane' | 'shadow' | 'adds';

export interface AuthAnswer {
  readonly trigger: Trigger;
  readonly rule: string;
  readonly type: string;
  readonly by: Answerer;
  /** Of the bridge: each line alone is enough. */
  readonly tests: readonly string[];
  /** Why the bridge does not answer. */
  readonly reason: string | undefined;
}

/** In the order in which rules decide. @param verdicts the policy's */
export function authAnswers(
  trigger: Trigger,
  rules: readonly RuleDefinition[],
  ruleSet: RuleSet,
  verdicts: readonly picket.v1.IStaticVerdict[],
): readonly AuthAnswer[] {
  const action = actionOfTrigger(trigger);
  const own = new Map<string, string[]>();
  for (const verdict of verdicts) {
    if (verdict.action !== action || !verdict.rule) continue;
    const tests = own.get(verdict.rule) ?? [];
    own.set(verdict.rule, tests);
    tests.push(wordsOfTests(verdict.tests, Number.POSITIVE_INFINITY));
  }
  /** The first verdict that the bridge has no test for: what stands behind it may depend on it. */
  let firstUntested: string | undefined;
  return [...rules].sort(byDecisiveness).map((rule): AuthAnswer => {
    const tests = own.get(rule.name) ?? [];
    const by = tests.length > 0 ? 'bridge' : answererOf(rule, trigger, ruleSet);
    const isAsked = by === 'agent' || by === 'slow lane';
    const untested = isAsked ? whatBridgeCantTest(rule.conditions, ruleSet.conditions, trigger) : undefined;
    const behind =
      firstUntested === undefined
        ? 'no deny of the bridge stands behind it'
        : `${firstUntested} decides before it, and not in the bridge`;
    if (untested !== undefined) firstUntested ??= rule.name;
    const reason = isAsked ? (untested ?? behind) : undefined;
    return { trigger, rule: rule.name, type: rule.event.type, by, tests, reason };
  });
}

function answererOf(rule: RuleDefinition, trigger: Trigger, { conditions }: RuleSet): Answerer {
  const { type } = rule.event;
  if (type !== 'deny' && type !== 'allow') return 'adds';
  if (rule.mode === 'shadow') return 'shadow';
  const outside = outsideLane([rule], conditions).find((one) => one.trigger === trigger);
  return outside?.when === 'json-rules-engine' ? 'slow lane' : 'agent';
}
