// From rule files to what is in force: loaded, checked, planned for the bridge, compiled for the event lane. A reload
// that finds an error changes nothing and says where it is.
import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import {
  asyncScheduler,
  BehaviorSubject,
  concatMap,
  defer,
  filter,
  from,
  map,
  merge,
  type Observable,
  type SchedulerLike,
  tap,
} from 'rxjs';
import { compileRules } from '../rules/compile.ts';
import { isAuthTrigger } from '../rules/decision.ts';
import { isExpired, ruleSetAt } from '../rules/exceptions.ts';
import { type FoundRules, findRules, parseFound, requireRuleSet } from '../rules/load.ts';
import { planPolicy } from '../rules/plan.ts';
import { formatProblem, RuleFileError } from '../rules/rule-problem.ts';
import type { RuleSet } from '../rules/schema.ts';
import type { ShadowRules } from '../rules/shadow-rules.ts';
import type { OnRefereeError } from '../rules/trigger-rules.ts';
import type { PolicyRevision } from '../sources/policy-revision.ts';
import { exceptionExpiries } from './exception-expiries.ts';
import { planOptionsOf } from './plan-options.ts';
import { describeChanges, isUnchanged, ruleChanges } from './rule-changes.ts';
import type { Config } from './schema.ts';

export interface RuleLoaderOptions {
  readonly rules: Config['rules'];
  readonly guard: Config['guard'];
  readonly log: Logger;
  /** Every file read, good or bad, for watching. */
  readonly onFiles?: (files: readonly string[]) => void;
  /** Numbers what a reload brings; by default the number after that of the set before. */
  readonly nextEpoch?: () => number;
  readonly trials?: RuleTrials;
  /** Its time decides which exceptions have expired. */
  readonly scheduler?: SchedulerLike;
}

/** Who may object to a reload, and wants to know of it before anything is parsed. */
export interface RuleTrials {
  /** false: these rules are to be left alone. */
  begin(files: HashedRules): Promise<boolean>;
  /** The reload that was begun came to nothing: an error, or no change. */
  withdraw(files: HashedRules): Promise<void>;
}

/** Rule files as they were read, and the name of their content. */
export interface HashedRules extends FoundRules {
  readonly hash: string;
  /** Those of the shadow set, on which the hash depends, too: agents may die of them. */
  readonly shadow: FoundRules | undefined;
}

/** A revision made of rule files, and those files. */
export interface LoadedRevision extends PolicyRevision {
  readonly files: HashedRules;
}

export async function readRules({
  rules: { paths, shadow: shadowPaths, platform },
  onFiles,
}: Pick<RuleLoaderOptions, 'rules' | 'onFiles'>): Promise<HashedRules> {
  const found = await findRules(paths);
  const shadow = shadowPaths.length === 0 ? undefined : await findRules(shadowPaths);
  onFiles?.([...found.files, ...(shadow?.files ?? [])]);
  return { ...found, hash: hashOf(found, shadow, platform), shadow };
}

/** By content alone: the same rules in another folder are the same. */
function hashOf(found: FoundRules, shadow: FoundRules | undefined, platform: string): string {
  const textsOf = ({ texts }: FoundRules): readonly string[] => texts.map(({ text }) => text);
  const content = JSON.stringify([
    platform,
    ...textsOf(found),
    ...(shadow === undefined ? [] : [textsOf(shadow)]),
  ]);
  return createHash('sha256').update(content).digest('hex');
}

/** Throws RuleFileError, with the errors alone; warnings are logged. */
export async function loadRevision(options: RuleLoaderOptions, epoch: number): Promise<LoadedRevision> {
  return parseRevision(await readRules(options), options, epoch);
}

/** As loadRevision, of files that were read before. */
export function parseRevision(files: HashedRules, options: RuleLoaderOptions, epoch: number): LoadedRevision {
  const { scheduler = asyncScheduler } = options;
  const loaded = parseFound(files, { platform: options.rules.platform, nowMs: scheduler.now() });
  const ruleSet = requireRuleSet(loaded);
  for (const problem of loaded.problems) options.log.warn(formatProblem(problem));
  const shadow = files.shadow && parseShadow(files.shadow, options);
  return { ...revisionOf(ruleSet, options, epoch, shadow), files };
}

function parseShadow(files: FoundRules, options: RuleLoaderOptions): ShadowRules {
  const { rules, log, scheduler = asyncScheduler } = options;
  const loaded = parseFound(files, { platform: rules.platform, nowMs: scheduler.now() });
  const ruleSet = requireRuleSet(loaded);
  for (const problem of loaded.problems) log.warn(`in the shadow set: ${formatProblem(problem)}`);
  return shadowOf(ruleSet, options);
}

function shadowOf(ruleSet: RuleSet, { rules, log }: RuleLoaderOptions): ShadowRules {
  const platform = rules.platform;
  return {
    ruleSet,
    rules: compileRules(ruleSet, { platform, triggers: isAuthTrigger, onRefereeError: tellOnce(log) }),
  };
}

export function revisionOf(
  ruleSet: RuleSet,
  { rules: { platform }, guard, log }: RuleLoaderOptions,
  epoch: number,
  shadow: ShadowRules | undefined,
  askInShadow = false,
): PolicyRevision {
  const options = { ...planOptionsOf(guard), askInShadow, shadow: shadow?.ruleSet };
  const plan = planPolicy(ruleSet, platform, options);
  const rules = compileRules(ruleSet, { platform, lane: 'event', onRefereeError: tellOnce(log) });
  return { epoch, ruleSet, platform, rules, shadow, policy: plan.policy };
}

/** Once for each rule: it may be so for every event. */
function tellOnce(log: Logger): OnRefereeError {
  const told = new Set<string>();
  return ({ name }, error) => {
    if (told.has(name)) return;
    told.add(name);
    log.warn(
      { err: error, rule: name },
      `json-rules-engine could not evaluate ${name} for an event, and it counted as not matching; this is told once`,
    );
  };
}

/**
 * One revision for each reload that changed something and had no error, and one whenever an exception expires; epochs go
 * on from that of `first`. Rules that were refused are offered again unchanged: what was in their way (a filesystem not
 * mounted) may be gone.
 */
export function ruleReloads(
  first: LoadedRevision,
  reload: Observable<unknown>,
  options: RuleLoaderOptions,
  isRefused: (revision: PolicyRevision) => boolean = () => false,
): Observable<LoadedRevision> {
  return defer(() => {
    const current$ = new BehaviorSubject(first);
    const reloads = reload.pipe(map(() => reloadRevision));
    const expiries = exceptionExpiries(current$, options.scheduler).pipe(map(() => expireExceptions));
    return merge(reloads, expiries).pipe(
      concatMap((make) => from(make(current$.value, options, isRefused(current$.value)))),
      filter((revision) => revision !== undefined),
      tap((revision) => current$.next(revision)),
    );
  });
}

/** Without a look at the files: they may be wrong at this very moment, and the exception has expired all the same. */
async function expireExceptions(
  current: LoadedRevision,
  options: RuleLoaderOptions,
): Promise<LoadedRevision | undefined> {
  const { log, trials, scheduler = asyncScheduler, nextEpoch = () => current.epoch + 1 } = options;
  const nowMs = scheduler.now();
  const ruleSet = ruleSetAt(current.ruleSet, nowMs);
  const changes = ruleChanges(current.ruleSet, ruleSet);
  if (isUnchanged(changes)) return undefined;
  if ((await trials?.begin(current.files)) === false) return undefined;
  for (const { name, rule, expires } of ruleSet.rules.flatMap((one) => one.exceptions)) {
    if (!changes.excepted.includes(rule) || expires === undefined) continue;
    if (isExpired({ expires }, nowMs))
      log.warn({ rule, expires }, `the exception \`${name}\` of ${rule} has expired`);
  }
  return { ...revisionOf(ruleSet, options, nextEpoch(), current.shadow), files: current.files };
}

async function reloadRevision(
  current: LoadedRevision,
  options: RuleLoaderOptions,
  isRefused: boolean,
): Promise<LoadedRevision | undefined> {
  const { log, trials, nextEpoch = () => current.epoch + 1 } = options;
  const files = await readRules(options);
  if ((await trials?.begin(files)) === false) return undefined;
  try {
    const next = changedRevision(current, parseRevision(files, options, 0), isRefused, log);
    if (next !== undefined) return { ...next, epoch: nextEpoch() };
  } catch (error) {
    tellFailure(error, log);
  }
  await trials?.withdraw(files);
  return undefined;
}

/** `next`, unless it is the same and there is no reason to offer it once more. */
function changedRevision(
  current: LoadedRevision,
  next: LoadedRevision,
  isRefused: boolean,
  log: Logger,
): LoadedRevision | undefined {
  const changes = ruleChanges(current.ruleSet, next.ruleSet);
  if (!isUnchanged(changes)) {
    const { came, went, changed, excepted, lists } = changes;
    log.info(
      { came, went, changed, excepted, lists },
      `the rules were loaded again; ${describeChanges(changes)}`,
    );
    return next;
  }
  const shadowChanges = ruleChanges(setOf(current.shadow), setOf(next.shadow));
  if (!isUnchanged(shadowChanges)) {
    log.info(`the shadow set was loaded again; ${describeChanges(shadowChanges)}`);
    return next;
  }
  if (!isRefused) {
    log.info('the rules were loaded again: nothing changed');
    return undefined;
  }
  log.info('the rules were loaded again: nothing changed since they were refused');
  return next;
}

const NO_RULES: RuleSet = { rules: [], conditions: {}, lists: {} };
const setOf = (shadow: ShadowRules | undefined): RuleSet => shadow?.ruleSet ?? NO_RULES;

function tellFailure(error: unknown, log: Logger): void {
  if (!(error instanceof RuleFileError)) {
    log.error({ err: error }, 'the rules could not be loaded again; the running set stays in force');
    return;
  }
  for (const problem of error.problems) log.error(formatProblem(problem));
  log.error(
    { errors: error.problems.length },
    `the rules were not loaded again: ${error.problems.length} errors; the running set stays in force`,
  );
}
