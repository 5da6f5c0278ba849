// What a change of the rules means for the bridge and the kernel: two plans beside each other.

import type { Trigger } from '../events/triggers.ts';
import type { AuthAnswer } from './auth-answers.ts';
import type { PlanReport } from './report.ts';
import { earlierNames, isSameRules, type RuleDifferences } from './rule-differences.ts';

export interface PlanChanges {
  readonly rules: RuleDifferences;
  readonly subscriptions: CameAndWent<Trigger>;
  /** Triggers with which the environment is read, which may hold secrets. */
  readonly environment: CameAndWent<Trigger>;
  /** Rules of auth triggers whose verdict another gives than before. */
  readonly answers: readonly AnswerChange[];
  /** What the bridge answers by itself: `auth.open deny a: the file begins with /x/`. */
  readonly staticVerdicts: CameAndWent<string>;
  readonly caching: readonly CacheChange[];
  /** macOS: triggers whose events come for every path now, or only for selected ones. */
  readonly selection: readonly SelectionChange[];
  /** macOS: `prefix /a/`, `literal /a`. */
  readonly selectedPaths: CameAndWent<string>;
  /** Linux: guarded filesystems that rules begin or cease to reach. */
  readonly filesystems: CameAndWent<string>;
  /** Rules that are found by another kind of look-up than before. */
  readonly index: readonly IndexChange[];
  readonly outsideLane: CameAndWent<string>;
  readonly denyReach: readonly ReachChange[];
}

interface CameAndWent<T> {
  readonly came: readonly T[];
  readonly went: readonly T[];
}

interface AnswerChange {
  readonly trigger: Trigger;
  readonly rule: string;
  /** undefined: there was, or is, no such rule on a trigger that is asked about. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly reason: string | undefined;
}

interface CacheChange {
  readonly trigger: Trigger;
  readonly from: string;
  readonly to: string;
  readonly because: readonly string[];
}

interface SelectionChange {
  readonly trigger: Trigger;
  readonly isWhole: boolean;
  readonly rules: readonly string[];
}

interface IndexChange {
  readonly trigger: Trigger;
  readonly rule: string;
  readonly from: string;
  readonly to: string;
  readonly reason: string | undefined;
}

interface ReachChange {
  readonly trigger: Trigger;
  readonly isEverything: boolean;
}

export function comparePlans(old: PlanReport, now: PlanReport, rules: RuleDifferences): PlanChanges {
  const earlier = earlierNames(rules);
  return {
    rules,
    subscriptions: cameAndWent(triggersOf(old), triggersOf(now)),
    environment: cameAndWent(environmentOf(old), environmentOf(now)),
    answers: answerChanges(old.answers, now.answers, earlier),
    staticVerdicts: cameAndWent(staticVerdictsOf(old, renamedTo(rules)), staticVerdictsOf(now)),
    caching: cacheChanges(old, now),
    selection: selectionChanges(old, now),
    selectedPaths: cameAndWent(pathsOf(old), pathsOf(now)),
    filesystems: cameAndWent(filesystemsOf(old), filesystemsOf(now)),
    index: indexChanges(old, now, earlier),
    outsideLane: cameAndWent(outsideOf(old), outsideOf(now)),
    denyReach: now.denyReach.flatMap(({ trigger, isEverything }) => {
      const before = old.denyReach.find((reach) => reach.trigger === trigger);
      return before !== undefined && before.isEverything !== isEverything ? [{ trigger, isEverything }] : [];
    }),
  };
}

/** Nothing of what the bridge is told or how rules are found is another; a rule may be all the same. */
export function isSamePlan({ rules, ...changes }: PlanChanges): boolean {
  return (
    isSameRules(rules) &&
    Object.values(changes).every((change) =>
      'came' in change ? change.came.length + change.went.length === 0 : change.length === 0,
    )
  );
}

function cameAndWent<T>(before: readonly T[], after: readonly T[]): CameAndWent<T> {
  const old = new Set(before);
  const now = new Set(after);
  return { came: after.filter((one) => !old.has(one)), went: before.filter((one) => !now.has(one)) };
}

const triggersOf = (plan: PlanReport): readonly Trigger[] => plan.subscriptions.map(({ trigger }) => trigger);

const environmentOf = ({ subscriptions }: PlanReport): readonly Trigger[] =>
  subscriptions.filter(({ environment }) => environment.length > 0).map(({ trigger }) => trigger);

function renamedTo({ renamed }: RuleDifferences): (name: string) => string {
  const now = new Map(renamed.map(({ from, to }) => [from, to]));
  return (name) => now.get(name) ?? name;
}

function staticVerdictsOf(
  { answers }: PlanReport,
  called: (rule: string) => string = (rule) => rule,
): readonly string[] {
  return answers.flatMap(({ trigger, type, rule, tests }) =>
    tests.map((test) => `${trigger} ${type} ${called(rule)}: ${test}`),
  );
}

const pathsOf = ({ targets }: PlanReport): readonly string[] =>
  (targets?.selected ?? []).map(({ kind, path }) => `${kind} ${path}`);

const filesystemsOf = ({ filesystems }: PlanReport): readonly string[] =>
  (filesystems?.mounted ?? [])
    .filter(({ isGuarded, reachedBy }) => isGuarded && reachedBy.length > 0)
    .map(({ point }) => point);

const outsideOf = ({ outsideLane }: PlanReport): readonly string[] =>
  outsideLane.map(({ rule, trigger, when, where }) => `${rule} on ${trigger}: ${when}, ${where}`);

type Earlier = (name: string) => string | undefined;

function answerChanges(
  old: readonly AuthAnswer[],
  now: readonly AuthAnswer[],
  earlier: Earlier,
): AnswerChange[] {
  const before = new Map(old.map((answer) => [`${answer.trigger} ${answer.rule}`, answer]));
  const changes: AnswerChange[] = [];
  for (const { trigger, rule, type, by, reason } of now) {
    const key = `${trigger} ${earlier(rule)}`;
    const was = before.get(key);
    before.delete(key);
    const from = was && `${was.by} (${was.type})`;
    const to = `${by} (${type})`;
    if (from !== to) changes.push({ trigger, rule, from, to, reason });
  }
  const gone = [...before.values()].map(({ trigger, rule, by, type }) => ({
    trigger,
    rule,
    from: `${by} (${type})`,
    to: undefined,
    reason: undefined,
  }));
  return [...changes, ...gone];
}

function cacheChanges(old: PlanReport, now: PlanReport): CacheChange[] {
  return now.cacheability.flatMap(({ trigger, level, because }) => {
    const before = old.cacheability.find((one) => one.trigger === trigger);
    if (before === undefined || before.level === level) return [];
    const reasons = because.map(({ rule, fact, reason }) => `${rule} reads ${fact}: ${reason}`);
    return [{ trigger, from: before.level, to: level, because: reasons }];
  });
}

function selectionChanges(old: PlanReport, now: PlanReport): SelectionChange[] {
  const wholeBefore = new Set(old.targets?.whole.map(({ trigger }) => trigger));
  const subscribedBefore = new Set(triggersOf(old));
  const wholeNow = new Map(now.targets?.whole.map(({ trigger, rules }) => [trigger, rules]));
  return triggersOf(now).flatMap((trigger) => {
    const isWhole = wholeNow.has(trigger);
    if (!subscribedBefore.has(trigger) || wholeBefore.has(trigger) === isWhole) return [];
    return [{ trigger, isWhole, rules: wholeNow.get(trigger) ?? [] }];
  });
}

function indexChanges(old: PlanReport, now: PlanReport, earlier: Earlier): IndexChange[] {
  const before = lookUpsOf(old);
  const after = lookUpsOf(now);
  return [...after.values()].flatMap(({ trigger, rule, by, reason }) => {
    const was = before.get(`${trigger} ${earlier(rule)}`);
    if (was === undefined || was.by === by) return [];
    return [{ trigger, rule, from: was.by, to: by, reason }];
  });
}

interface LookUp {
  readonly trigger: Trigger;
  readonly rule: string;
  readonly by: string;
  readonly reason: string | undefined;
}

/** How each rule of each trigger is found. */
function lookUpsOf({ triggers, index }: PlanReport): ReadonlyMap<string, LookUp> {
  const found = new Map<string, LookUp>();
  for (const { trigger, rules } of triggers) {
    for (const rule of rules)
      found.set(`${trigger} ${rule}`, { trigger, rule, by: 'the index', reason: undefined });
  }
  for (const { trigger, residue, refereed } of index) {
    for (const { rule, reason } of residue)
      found.set(`${trigger} ${rule}`, { trigger, rule, by: 'a try on every event', reason });
    for (const { rule, reason } of refereed)
      found.set(`${trigger} ${rule}`, { trigger, rule, by: 'json-rules-engine', reason });
  }
  return found;
}
