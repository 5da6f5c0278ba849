// Rules that are not to be enforced as their files have them: what is in force instead, and what a person is told.
import { type LoadedRevision, type RuleLoaderOptions, revisionOf } from '../config/rule-revisions.ts';
import type { RuleSet } from '../rules/schema.ts';
import type { PolicyRevision } from '../sources/policy-revision.ts';
import { type DeniedPrograms, WINDOW_MS } from './denied-programs.ts';
import type { RuleSetNotice } from './rule-set-notice.ts';
import { NO_RULES, shadowedRules } from './shadowed-rules.ts';
import { CRASHES_MAX } from './trial.ts';

export interface HeldBack {
  /** What is in force instead. */
  readonly revision: PolicyRevision;
  readonly notice: Omit<RuleSetNotice, 'createdNs' | 'platform'>;
  /** The same in words. */
  readonly instead: string;
}

/** @param denied undefined: that was in an earlier run */
export function shadowRules(
  loaded: LoadedRevision,
  trusted: RuleSet,
  loader: RuleLoaderOptions,
  epoch: number,
  denied?: DeniedPrograms,
): HeldBack {
  const { ruleSet, shadowed } = shadowedRules(loaded.ruleSet, trusted);
  const reason =
    denied === undefined
      ? 'these rules denied too many programs in an earlier run'
      : `${denied.programs.length} programs were denied within ${WINDOW_MS / 1000} s that the rules before did not deny`;
  return {
    // Asked also where nothing is denied any more: what they would have denied is what their author must see.
    revision: revisionOf(ruleSet, loader, epoch, loaded.shadow, true),
    notice: {
      epoch: loaded.epoch,
      state: 'shadowed',
      reason,
      rules: denied !== undefined && denied.rules.length > 0 ? denied.rules : shadowed,
      programs: denied?.programs ?? [],
    },
    instead: `now only reported, or held to what the rules before denied: ${shadowed.join(', ')}`,
  };
}

/**
 * @param instead undefined: the same rules in shadow mode
 */
export function setAsideRules(
  loaded: LoadedRevision,
  instead: RuleSet | undefined,
  loader: RuleLoaderOptions,
  epoch: number,
): HeldBack {
  const ruleSet = instead ?? shadowedRules(loaded.ruleSet, NO_RULES).ruleSet;
  const inWords = instead === undefined ? 'the same rules, denying nothing' : 'the rules that passed last';
  return {
    // Without the shadow set: it may be what they died of.
    revision: revisionOf(ruleSet, loader, epoch, undefined),
    notice: {
      epoch: loaded.epoch,
      state: 'set_aside',
      reason: `the agent died ${CRASHES_MAX} times or more while these rules were tried`,
      rules: loaded.ruleSet.rules.map(({ name }) => name),
      programs: [],
    },
    instead: `in force instead: ${instead === NO_RULES ? 'no rules at all' : inWords}`,
  };
}
