// What a rule set asks of the bridge and of the kernel, and who answers: all that `rules plan` says, as data.

import { picket } from '../events/proto/picket.js';
import { actionOfTrigger, type Platform, type Trigger } from '../events/triggers.ts';
import { type CacheObstacle, cacheabilityOf } from '../rules/cacheability.ts';
import { hashesOfRule, NO_HASHES } from '../rules/content-hashes.ts';
import { isAuthTrigger } from '../rules/decision.ts';
import { describeIndex, type TriggerIndex } from '../rules/index-report.ts';
import { canDeny, type PlanOptions, planPolicy, readsEnvironment, wantsEvent } from '../rules/plan.ts';
import type { RuleDefinition, RuleSet } from '../rules/schema.ts';
import { targetPathsOf } from '../rules/target-paths.ts';
import { type AuthAnswer, authAnswers } from './auth-answers.ts';
import { type FilesystemReport, reportFilesystems } from './filesystem-report.ts';
import type { Mount } from './mounts.ts';
import { type OutsideRule, outsideLane } from './outside-lane.ts';
import { wordsOfTests } from './static-words.ts';
import { type RuleReach, selectTargets, type TargetSelection } from './target-selection.ts';

export interface PlanReport {
  readonly platform: Platform;
  /** Of the platform. */
  readonly rules: number;
  readonly triggers: readonly TriggerNames[];
  readonly subscriptions: readonly Subscription[];
  /** Triggers of the bridge that no event is asked of, although rules are on them. */
  readonly notSubscribed: readonly Unsubscribed[];
  /** Triggers whose events come from elsewhere: logs, DNS, flows, Picket itself. */
  readonly otherSources: readonly TriggerNames[];
  /** macOS. */
  readonly targets?: TargetSelection;
  /** Linux. */
  readonly filesystems?: FilesystemReport;
  readonly answers: readonly AuthAnswer[];
  readonly denyReach: readonly DenyReach[];
  readonly cacheability: readonly TriggerCache[];
  readonly index: readonly TriggerIndex[];
  readonly outsideLane: readonly OutsideRule[];
  readonly budgets: readonly Budget[];
  /** Of the policy on the wire. */
  readonly policyBytes: number;
  /** false: the bridge takes no frame of this size, and the policy before would stay in force. */
  readonly isPolicyTaken: boolean;
}

interface TriggerNames {
  readonly trigger: Trigger;
  readonly rules: readonly string[];
}

interface Subscription {
  readonly trigger: Trigger;
  /** The rules for whose sake it is. */
  readonly because: readonly string[];
  /** Rules that see these events, too, and would not bring them. */
  readonly along: readonly string[];
  /** Rules that have the environment read, which may hold secrets. */
  readonly environment: readonly string[];
  /** Rules for whose sake files are read whole and hashed, where an answer or a report depends on it. */
  readonly hashes: readonly string[];
}

interface Unsubscribed extends TriggerNames {
  readonly reason: string;
}

interface DenyReach {
  readonly trigger: Trigger;
  /** Under overload everything of this action is denied to users other than root. */
  readonly isEverything: boolean;
  readonly parts: readonly { readonly rule: string; readonly tests: string }[];
}

interface TriggerCache {
  readonly trigger: Trigger;
  readonly level: string;
  readonly because: readonly CacheObstacle[];
}

interface Budget {
  readonly action: string;
  readonly maxWaitMs: number;
  readonly default: 'allow' | 'deny';
  /** false: the default is allow, whatever is configured. */
  readonly isDeniable: boolean;
}

export interface ReportOptions extends PlanOptions {
  /** Linux: of the host that is planned for. */
  readonly mounts?: readonly Mount[] | undefined;
}

export function reportPlan(ruleSet: RuleSet, platform: Platform, options: ReportOptions): PlanReport {
  const rules = ruleSet.rules.filter(({ platforms }) => platforms.includes(platform));
  const on = (trigger: Trigger): RuleDefinition[] => rules.filter((rule) => rule.on.includes(trigger));
  const plan = planPolicy(ruleSet, platform, options);
  const triggers = [...new Set(rules.flatMap((rule) => rule.on))].sort();
  const isSubscribed = new Set(plan.subscriptions);
  const subscribed = triggers.filter((trigger) => isSubscribed.has(trigger));
  const asked = subscribed.filter(isAuthTrigger);
  const reach = new Map(subscribed.map((trigger) => [trigger, reachOf(trigger, on(trigger), ruleSet)]));
  const policyBytes = picket.v1.Policy.encode(plan.policy).finish().length;
  const ofBridge = (trigger: Trigger): boolean => actionOfTrigger(trigger) !== undefined;
  return {
    platform,
    rules: rules.length,
    triggers: triggers.map((trigger) => ({ trigger, rules: names(on(trigger)) })),
    subscriptions: subscribed.map((trigger) => subscription(trigger, on(trigger), ruleSet)),
    notSubscribed: triggers
      .filter((trigger) => ofBridge(trigger) && !isSubscribed.has(trigger))
      .map((trigger) => ({ trigger, rules: names(on(trigger)), reason: whyNotSubscribed(trigger) })),
    otherSources: triggers
      .filter((trigger) => !ofBridge(trigger))
      .map((trigger) => ({ trigger, rules: names(on(trigger)) })),
    ...(platform === 'macos'
      ? { targets: selectTargets(reach) }
      : { filesystems: reportFilesystems(reach, options) }),
    answers: asked.flatMap((trigger) =>
      authAnswers(trigger, on(trigger), ruleSet, plan.policy.staticVerdicts ?? []),
    ),
    denyReach: asked.map((trigger) => denyReachOf(trigger, plan.policy.denyReach ?? [])),
    cacheability: asked.map((trigger) => {
      const { level, because } = cacheabilityOf(trigger, rules, ruleSet.conditions, platform);
      return { trigger, level, because };
    }),
    index: describeIndex(ruleSet, platform),
    outsideLane: outsideLane(rules, ruleSet.conditions),
    budgets: asked.map((trigger) => budgetOf(trigger, on(trigger).some(canDeny), options)),
    policyBytes,
    isPolicyTaken: policyBytes <= FRAME_MAX_BYTES,
  };
}

/** Of a message to the bridge (native-bridge/core/frame.h). */
const FRAME_MAX_BYTES = 1024 * 1024;

const names = (rules: readonly RuleDefinition[]): string[] => rules.map(({ name }) => name);

function brings(trigger: Trigger): (rule: RuleDefinition) => boolean {
  return isAuthTrigger(trigger) ? canDeny : wantsEvent;
}

function subscription(trigger: Trigger, rules: readonly RuleDefinition[], ruleSet: RuleSet): Subscription {
  const isCause = brings(trigger);
  return {
    trigger,
    because: names(rules.filter(isCause)),
    along: names(rules.filter((rule) => !isCause(rule))),
    environment: names(rules.filter((rule) => readsEnvironment(rule, ruleSet))),
    hashes: isAuthTrigger(trigger)
      ? names(rules.filter((rule) => hashesOfRule(rule, ruleSet.conditions) !== NO_HASHES))
      : [],
  };
}

function whyNotSubscribed(trigger: Trigger): string {
  return isAuthTrigger(trigger)
    ? 'no enforced rule denies there, so every answer would be allow'
    : 'no rule there forwards or alerts, so nobody would see its events';
}

/** Where the rules that bring the events can match; the others see what these bring. */
function reachOf(
  trigger: Trigger,
  rules: readonly RuleDefinition[],
  { conditions }: RuleSet,
): readonly RuleReach[] {
  return rules.filter(brings(trigger)).map((rule) => ({
    rule: rule.name,
    targets: targetPathsOf(rule.conditions, conditions, trigger),
  }));
}

function denyReachOf(trigger: Trigger, reach: readonly picket.v1.IStaticVerdict[]): DenyReach {
  const own = reach.filter(({ action }) => action === actionOfTrigger(trigger));
  return {
    trigger,
    isEverything: own.length === 0,
    parts: own.flatMap(({ rule, tests }) =>
      rule ? [{ rule, tests: wordsOfTests(tests, Number.POSITIVE_INFINITY) }] : [],
    ),
  };
}

/** The bridge's own, where the configuration says nothing. */
const BRIDGE_WAIT_MS = { exec: 500, other: 100 } as const;

function budgetOf(trigger: Trigger, isDeniable: boolean, { maxWaitMs, defaults }: PlanOptions): Budget {
  const action = actionOfTrigger(trigger) ?? '';
  return {
    action,
    maxWaitMs: maxWaitMs[action] ?? (action === 'exec' ? BRIDGE_WAIT_MS.exec : BRIDGE_WAIT_MS.other),
    default: isDeniable ? (defaults[action] ?? 'allow') : 'allow',
    isDeniable,
  };
}
