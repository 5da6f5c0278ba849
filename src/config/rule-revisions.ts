// From rule files to what is in force: loaded, checked, planned for the bridge, compiled for the event lane. A reload
// that finds an error changes nothing and says where it is.
import type { Logger } from 'pino';
import { concatMap, filter, from, type Observable, tap } from 'rxjs';
import type { Platform } from '../events/triggers.ts';
import { compileRules } from '../rules/compile.ts';
import { loadRules } from '../rules/load.ts';
import { planPolicy } from '../rules/plan.ts';
import { formatProblem, RuleFileError } from '../rules/rule-problem.ts';
import type { PolicyRevision } from '../sources/policy-revision.ts';
import { describeChanges, isUnchanged, ruleChanges } from './rule-changes.ts';
import type { Config } from './schema.ts';

export interface RuleLoaderOptions {
  readonly rules: Config['rules'];
  readonly guard: Config['guard'];
  readonly log: Logger;
  /** Every file read, good or bad, for watching. */
  readonly onFiles?: (files: readonly string[]) => void;
}

/** Throws RuleFileError, with the errors alone; warnings are logged. */
export async function loadRevision(options: RuleLoaderOptions, epoch: number): Promise<PolicyRevision> {
  const { rules, guard, log } = options;
  const platform: Platform = rules.platform;
  const { ruleSet, problems, files } = await loadRules([...rules.paths], { platform });
  options.onFiles?.(files);
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new RuleFileError(errors);
  for (const problem of problems) log.warn(formatProblem(problem));
  const plan = planPolicy(ruleSet, platform, {
    guardFilesystems: guard.filesystems,
    maxWaitMs: guard.max_wait_ms,
    defaults: guard.defaults,
    neverDenied: guard.never_denied,
  });
  return {
    epoch,
    ruleSet,
    platform,
    rules: compileRules(ruleSet, { platform, lane: 'event' }),
    policy: plan.policy,
  };
}

/**
 * One revision for each reload that changed something and had no error; epochs go on from that of `first`. Rules that
 * were refused are offered again unchanged: what was in their way (a filesystem not mounted) may be gone.
 */
export function ruleReloads(
  first: PolicyRevision,
  reload: Observable<unknown>,
  options: RuleLoaderOptions,
  isRefused: (revision: PolicyRevision) => boolean = () => false,
): Observable<PolicyRevision> {
  let current = first;
  return reload.pipe(
    concatMap(() => from(reloadRevision(current, options, isRefused(current)))),
    filter((revision) => revision !== undefined),
    tap((revision) => {
      current = revision;
    }),
  );
}

async function reloadRevision(
  current: PolicyRevision,
  options: RuleLoaderOptions,
  isRefused: boolean,
): Promise<PolicyRevision | undefined> {
  const { log } = options;
  try {
    const next = await loadRevision(options, current.epoch + 1);
    const changes = ruleChanges(current.ruleSet, next.ruleSet);
    if (isUnchanged(changes) && isRefused) {
      log.info({ epoch: next.epoch }, 'the rules were loaded again: nothing changed since they were refused');
      return next;
    }
    if (isUnchanged(changes)) {
      log.info('the rules were loaded again: nothing changed');
      return undefined;
    }
    const { came, went, changed } = changes;
    log.info(
      { came, went, changed, epoch: next.epoch },
      `the rules were loaded again; ${describeChanges(changes)}`,
    );
    return next;
  } catch (error) {
    if (!(error instanceof RuleFileError)) {
      log.error({ err: error }, 'the rules could not be loaded again; the running set stays in force');
      return undefined;
    }
    for (const problem of error.problems) log.error(formatProblem(problem));
    log.error(
      { errors: error.problems.length },
      `the rules were not loaded again: ${error.problems.length} errors; the running set stays in force`,
    );
    return undefined;
  }
}
