// What the bridge must do for a rule set, and no more: which events to send, which to ask about, and which answers it
// may give by itself.

import type { picket } from '../events/proto/picket.js';
import { bytesOfText } from '../events/text.ts';
import { actionOfTrigger, EVENT_KIND, type Platform, type Trigger } from '../events/triggers.ts';
import { isCacheable } from './cacheability.ts';
import { isFactReference, visitLeaves } from './conditions.ts';
import { hashesOfRule, NO_HASHES } from './content-hashes.ts';
import { byDecisiveness, isAuthTrigger } from './decision.ts';
import { accessOf, headOf } from './fact-access.ts';
import type { RuleDefinition, RuleSet } from './schema.ts';
import { exactTests, necessaryTests, OPERATOR, SUBJECT } from './static-tests.ts';
import { type TargetPath, targetPathsOf, withoutCovered } from './target-paths.ts';

type NewMounts = 'report' | 'guard' | 'ignore';
type DeadlineMiss = 'kill' | 'allow' | 'deny';

export interface PlanOptions {
  /** Filesystems that may be marked, by a path on each; `local`: all local ones, also those that are mounted later. */
  readonly guardFilesystems: readonly string[];
  /** What becomes of filesystems that are mounted later and are not among them. Default: report. */
  readonly newMounts?: NewMounts;
  /** By action. */
  readonly maxWaitMs: Readonly<Record<string, number>>;
  /** By action: the answer when nobody answers. */
  readonly defaults: Readonly<Record<string, 'allow' | 'deny'>>;
  /** Of a kernel that has deadlines of its own. Default: kill. */
  readonly deadlineMiss?: DeadlineMiss;
  /** Paths. */
  readonly neverDenied: readonly string[];
  /** Ask also where every deny rule is in shadow mode, so that it is reported. Nothing is denied there, whatever happens. */
  readonly askInShadow?: boolean;
  /** Rules that are compared with the others on each authorization request: what they would deny is asked about. */
  readonly shadow?: RuleSet | undefined;
}

export interface Plan {
  /** Without its epoch, which whoever sends it gives. */
  readonly policy: picket.v1.IPolicy;
  readonly subscriptions: readonly Trigger[];
}

/** picket.v1.Verdict, as far as a policy names it. */
export const VERDICT = { allow: 1, deny: 2 } as const;
/** On a file's path, which is none of no values: so it is also where the path is unresolved. */
const NEVER_HOLDS: picket.v1.IStaticTest = {
  subject: SUBJECT.filePath,
  operator: OPERATOR.equal,
  values: [],
};
// Of all tests in a policy; the bridge takes 65,536. Verdicts and reach of each trigger have equal shares.
const STATIC_VALUES_MAX = 60_000;
// Of a trigger. Beyond, its files count as lying anywhere.
const ASKED_PATHS_MAX = 4_096;
const NEW_MOUNTS = { report: 1, guard: 2, ignore: 3 } as const;
const DEADLINE_MISS = { kill: 1, allow: 2, deny: 3 } as const;
/** No path: paths are absolute. */
const LOCAL = 'local';

export function planPolicy(ruleSet: RuleSet, platform: Platform, options: PlanOptions): Plan {
  const rules = ruleSet.rules.filter(({ platforms }) => platforms.includes(platform));
  const triggers = [...new Set(rules.flatMap(({ on }) => on))];
  const on = (trigger: Trigger): RuleDefinition[] => rules.filter((rule) => rule.on.includes(trigger));
  const asks = options.askInShadow ? isDeny : canDeny;
  const shadowed = options.shadow?.rules.filter(({ platforms }) => platforms.includes(platform)) ?? [];
  const inShadow = (trigger: Trigger): RuleDefinition[] =>
    isAuthTrigger(trigger) ? shadowed.filter((rule) => rule.on.includes(trigger)) : [];
  const asked = [...new Set([...triggers, ...shadowed.flatMap(({ on }) => on)])].filter(
    (trigger) => isAuthTrigger(trigger) && (on(trigger).some(asks) || inShadow(trigger).some(canDeny)),
  );
  const deniable = asked.filter((trigger) => on(trigger).some(canDeny));
  // What a set in shadow has to say of a request it says after each: none may be kept from it.
  const cacheable = asked.filter(
    (trigger) => inShadow(trigger).length === 0 && isCacheable(trigger, rules, ruleSet.conditions, platform),
  );
  const told = triggers.filter((trigger) => trigger.startsWith('notify.') && on(trigger).some(wantsEvent));
  const subscriptions = [...asked, ...told];
  const valuesMax = Math.floor(STATIC_VALUES_MAX / (2 * Math.max(1, asked.length)));
  return {
    subscriptions,
    policy: {
      guardedFilesystems: options.guardFilesystems
        .filter((path) => path !== LOCAL)
        .map((path) => ({ path: bytesOfText(path) })),
      guardLocal: options.guardFilesystems.includes(LOCAL),
      newMounts: NEW_MOUNTS[options.newMounts ?? 'report'],
      deadlineMiss: DEADLINE_MISS[options.deadlineMiss ?? 'kill'],
      subscriptions: subscriptions.map((trigger) => ({
        kind: isAuthTrigger(trigger) ? EVENT_KIND.auth : EVENT_KIND.notify,
        action: actionOfTrigger(trigger) ?? '',
        ...(on(trigger).some((rule) => readsEnvironment(rule, ruleSet)) ||
        inShadow(trigger).some((rule) => readsEnvironment(rule, options.shadow ?? ruleSet))
          ? { environment: true }
          : {}),
        ...hashesFor(trigger, on(trigger), ruleSet, inShadow(trigger), options.shadow),
      })),
      staticVerdicts: asked.flatMap((trigger) =>
        withinBound(staticVerdicts(trigger, on(trigger), ruleSet), valuesMax),
      ),
      denyReach: asked.flatMap((trigger) => {
        const reach = denyReach(trigger, on(trigger), ruleSet);
        // Nothing for an action: all of it is in reach.
        return withinBound(reach, valuesMax).length === reach.length ? reach : [];
      }),
      askedPaths: asked.flatMap((trigger) =>
        askedPaths(trigger, [
          ...on(trigger)
            .filter(asks)
            .map(({ conditions }) => targetPathsOf(conditions, ruleSet.conditions, trigger)),
          ...inShadow(trigger)
            .filter(canDeny)
            .map(({ conditions }) => targetPathsOf(conditions, options.shadow?.conditions ?? {}, trigger)),
        ]),
      ),
      actions: actionSettings(deniable, cacheable, options),
      neverDenied: options.neverDenied.map(bytesOfText),
    },
  };
}

/** Only what waits for an answer has a descriptor of the very file. */
function hashesFor(
  trigger: Trigger,
  rules: readonly RuleDefinition[],
  { conditions: named }: RuleSet,
  rulesInShadow: readonly RuleDefinition[],
  shadow: RuleSet | undefined,
): { readonly hashes?: number } {
  if (!isAuthTrigger(trigger)) return {};
  const enforced = rules.reduce((all, rule) => all | hashesOfRule(rule, named), NO_HASHES);
  const hashes = rulesInShadow.reduce(
    (all, rule) => all | hashesOfRule(rule, shadow?.conditions ?? {}),
    enforced,
  );
  return hashes === NO_HASHES ? {} : { hashes };
}

/** Only an enforced deny is worth a question: without one every answer is allow. */
export function canDeny(rule: RuleDefinition): boolean {
  return rule.mode === 'enforce' && isDeny(rule);
}

function isDeny({ event: { type } }: RuleDefinition): boolean {
  return type === 'deny';
}

/** A rule that only drops or tags never brings an event out. A rule in shadow mode is evaluated. */
export function wantsEvent({ mode, event: { type } }: RuleDefinition): boolean {
  return mode === 'shadow' || type === 'forward' || type === 'alert';
}

/** Variables often hold secrets: the bridge reads them only if a rule does. */
export function readsEnvironment({ conditions }: RuleDefinition, { conditions: named }: RuleSet): boolean {
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
  const name = (access ?? accessOf(fact, headOf(path)))?.slot?.name ?? fact;
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

/** As many of the first as the bridge takes; what is left out is the agent's to judge. */
function withinBound(
  verdicts: readonly picket.v1.IStaticVerdict[],
  valuesMax: number,
): picket.v1.IStaticVerdict[] {
  let values = 0;
  const end = verdicts.findIndex(({ tests }) => {
    values += (tests ?? []).reduce((sum, test) => sum + (test.values?.length ?? 0), 0);
    return values > valuesMax;
  });
  return end < 0 ? [...verdicts] : verdicts.slice(0, end);
}

/** A superset of what denies reach. Nothing for an action says that all of it is in reach. */
function denyReach(
  trigger: Trigger,
  rules: readonly RuleDefinition[],
  { conditions: named }: RuleSet,
): picket.v1.IStaticVerdict[] {
  const action = actionOfTrigger(trigger) ?? '';
  const denies = rules.filter(canDeny);
  if (denies.length === 0) return [{ action, tests: [NEVER_HOLDS] }];
  const reach = denies.flatMap((rule) =>
    necessaryTests(rule.conditions, named, trigger).map((tests) => ({
      action,
      rule: rule.name,
      tests: [...tests],
    })),
  );
  return reach.every(({ tests }) => tests.length > 0) ? reach : [];
}

/** A superset of the files that the rules can match; nothing says: files anywhere. */
function askedPaths(
  trigger: Trigger,
  targets: readonly (readonly TargetPath[] | undefined)[],
): picket.v1.IAskedPath[] {
  const all: TargetPath[] = [];
  for (const one of targets) {
    if (one === undefined) return [];
    all.push(...one);
  }
  const paths = withoutCovered(all);
  if (paths.length > ASKED_PATHS_MAX) return [];
  const action = actionOfTrigger(trigger) ?? '';
  return paths.map(({ kind, path }) => ({
    action,
    path: bytesOfText(path),
    ...(kind === 'prefix' ? { isPrefix: true } : {}),
  }));
}

function actionSettings(
  deniable: readonly Trigger[],
  cacheable: readonly Trigger[],
  options: PlanOptions,
): picket.v1.IActionSettings[] {
  const { maxWaitMs, defaults } = options;
  const denied = new Set(deniable.map((trigger) => actionOfTrigger(trigger) ?? ''));
  const kept = new Set(cacheable.map((trigger) => actionOfTrigger(trigger) ?? ''));
  const actions = new Set([...denied, ...kept, ...Object.keys(maxWaitMs), ...Object.keys(defaults)]);
  return [...actions].map((action) => {
    const waitMs = maxWaitMs[action];
    return {
      action,
      // Where no rule can deny, no deadline may.
      defaultVerdict: denied.has(action) ? VERDICT[defaults[action] ?? 'allow'] : VERDICT.allow,
      ...(waitMs === undefined ? {} : { maxWaitUs: Math.round(waitMs * 1000) }),
      ...(kept.has(action) ? { cacheable: true } : {}),
    };
  });
}
