// What the bridge must do for a rule set, and no more: which events to send, which to ask about, and which answers it
// may give by itself.

import type { picket } from '../events/proto/picket.js';
import { bytesOfText } from '../events/text.ts';
import { actionOfTrigger, EVENT_KIND, type Platform, type Trigger } from '../events/triggers.ts';
import { isFactReference, visitLeaves } from './conditions.ts';
import { byDecisiveness, isAuthTrigger } from './decision.ts';
import { accessOf } from './fact-access.ts';
import type { RuleDefinition, RuleSet } from './schema.ts';
import { exactTests, necessaryTests } from './static-tests.ts';

export interface PlanOptions {
  /** Filesystems that may be marked. */
  readonly guardFilesystems: readonly string[];
  /** By action. */
  readonly maxWaitMs: Readonly<Record<string, number>>;
  /** By action: the answer when nobody answers. */
  readonly defaults: Readonly<Record<string, 'allow' | 'deny'>>;
  /** Paths. */
  readonly neverDenied: readonly string[];
}

export interface Plan {
  /** Without its epoch, which whoever sends it gives. */
  readonly policy: picket.v1.IPolicy;
  readonly subscriptions: readonly Trigger[];
}

const VERDICT = { allow: 1, deny: 2 } as const;

export function planPolicy(ruleSet: RuleSet, platform: Platform, options: PlanOptions): Plan {
  const rules = ruleSet.rules.filter(({ platforms }) => platforms.includes(platform));
  const triggers = [...new Set(rules.flatMap(({ on }) => on))];
  const on = (trigger: Trigger): RuleDefinition[] => rules.filter((rule) => rule.on.includes(trigger));
  const asked = triggers.filter((trigger) => isAuthTrigger(trigger) && on(trigger).some(canDeny));
  const told = triggers.filter((trigger) => trigger.startsWith('notify.') && on(trigger).some(wantsEvent));
  const subscriptions = [...asked, ...told];
  return {
    subscriptions,
    policy: {
      guardedFilesystems: options.guardFilesystems.map((path) => ({ path: bytesOfText(path) })),
      subscriptions: subscriptions.map((trigger) => ({
        kind: isAuthTrigger(trigger) ? EVENT_KIND.auth : EVENT_KIND.notify,
        action: actionOfTrigger(trigger) ?? '',
        ...(on(trigger).some((rule) => readsEnvironment(rule, ruleSet)) ? { environment: true } : {}),
      })),
      staticVerdicts: asked.flatMap((trigger) => staticVerdicts(trigger, on(trigger), ruleSet)),
      denyReach: asked.flatMap((trigger) => denyReach(trigger, on(trigger), ruleSet)),
      actions: actionSettings(asked, options),
      neverDenied: options.neverDenied.map(bytesOfText),
    },
  };
}

/** Only an enforced deny is worth a question: without one every answer is allow. */
function canDeny({ mode, event: { type } }: RuleDefinition): boolean {
  return mode === 'enforce' && type === 'deny';
}

/** A rule that only drops or tags never brings an event out. A rule in shadow mode is evaluated. */
function wantsEvent({ mode, event: { type } }: RuleDefinition): boolean {
  return mode === 'shadow' || type === 'forward' || type === 'alert';
}

/** Variables often hold secrets: the bridge reads them only if a rule does. */
function readsEnvironment({ conditions }: RuleDefinition, { conditions: named }: RuleSet): boolean {
  let reads = false;
  visitLeaves(conditions, named, ({ fact, path, value }) => {
    reads ||=
      readsVariables(fact, path) || (isFactReference(value) && readsVariables(value.fact, value.path));
  });
  return reads;
}

/** Of the process or of all of it: what can't be told apart counts. */
function readsVariables(fact: string, path: string | undefined): boolean {
  const access = accessOf(fact, path);
  const name = access?.slot?.name ?? fact;
  return name === 'process.env_vars' || (name === 'process' && access === undefined);
}

/**
 * In the order in which rules decide. A deny that the bridge can test is its to give unless an allow that it can't
 * test comes before; an allow only if everything before it is here, too. The audit comes unannotated, so that the
 * event lane still evaluates alerts, tags and rules in shadow mode.
 */
function staticVerdicts(
  trigger: Trigger,
  rules: readonly RuleDefinition[],
  { conditions: named }: RuleSet,
): picket.v1.IStaticVerdict[] {
  const verdicts: picket.v1.IStaticVerdict[] = [];
  let lastDeny = 0;
  let isDenyAbove = false;
  for (const rule of [...rules].sort(byDecisiveness)) {
    const { type } = rule.event;
    if (rule.mode !== 'enforce' || (type !== 'allow' && type !== 'deny')) continue;
    const tests = exactTests(rule.conditions, named, trigger);
    const isTestable = tests?.every((conjunction) => conjunction.length > 0) ?? false;
    if (tests === undefined || !isTestable || (type === 'allow' && isDenyAbove)) {
      if (type === 'allow') break;
      isDenyAbove = true;
      continue;
    }
    for (const conjunction of tests) {
      verdicts.push({
        action: actionOfTrigger(trigger) ?? '',
        verdict: VERDICT[type],
        rule: rule.name,
        tests: [...conjunction],
        report: true,
      });
    }
    if (type === 'deny') lastDeny = verdicts.length;
  }
  // An allow is here only for the sake of a deny behind it; otherwise the agent sees more.
  return verdicts.slice(0, lastDeny);
}

/** A superset of what denies reach. Nothing for an action says that all of it is in reach. */
function denyReach(
  trigger: Trigger,
  rules: readonly RuleDefinition[],
  { conditions: named }: RuleSet,
): picket.v1.IStaticVerdict[] {
  const reach = rules.filter(canDeny).flatMap((rule) =>
    necessaryTests(rule.conditions, named, trigger).map((tests) => ({
      action: actionOfTrigger(trigger) ?? '',
      rule: rule.name,
      tests: [...tests],
    })),
  );
  return reach.every(({ tests }) => tests.length > 0) ? reach : [];
}

function actionSettings(asked: readonly Trigger[], options: PlanOptions): picket.v1.IActionSettings[] {
  const { maxWaitMs, defaults } = options;
  const denied = new Set(asked.map((trigger) => actionOfTrigger(trigger) ?? ''));
  const actions = new Set([...denied, ...Object.keys(maxWaitMs), ...Object.keys(defaults)]);
  return [...actions].map((action) => {
    const waitMs = maxWaitMs[action];
    return {
      action,
      // Where no rule can deny, no deadline may.
      defaultVerdict: denied.has(action) ? VERDICT[defaults[action] ?? 'allow'] : VERDICT.allow,
      ...(waitMs === undefined ? {} : { maxWaitUs: Math.round(waitMs * 1000) }),
    };
  });
}
