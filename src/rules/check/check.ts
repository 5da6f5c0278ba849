// What `rules check` says beyond the loader's errors: what a rule's author most likely did not mean. One file a kind of
// finding; each finding's code has its page in docs/rule-findings.

import type { Platform } from '../../events/triggers.ts';
import type { LoadedRules } from '../load.ts';
import { NormalForms } from '../logic/normal-form.ts';
import type { RuleProblem } from '../rule-problem.ts';
import { type TestedNames, testedNames } from '../tested-names.ts';
import { checkAuthUnneeded } from './auth-unneeded.ts';
import { checkCaching } from './caching.ts';
import { checkCosts } from './costs.ts';
import { checkDuplicates } from './duplicates.ts';
import { checkExceptions } from './exceptions.ts';
import type { CheckContext } from './finding.ts';
import { checkNegations } from './negations.ts';
import { checkConditions } from './redundancy.ts';
import { checkRuleTests } from './rule-tests.ts';
import { checkShadowed } from './shadowed.ts';
import { checkTagUnseen } from './tag-unseen.ts';
import { checkUnusedConditions } from './unused-conditions.ts';

const CHECKS: readonly ((context: CheckContext) => readonly RuleProblem[])[] = [
  checkNegations,
  checkAuthUnneeded,
  checkRuleTests,
  checkConditions,
  checkShadowed,
  checkDuplicates,
  checkCosts,
  checkCaching,
  checkExceptions,
  checkTagUnseen,
  checkUnusedConditions,
];

export interface CheckOptions {
  readonly platform?: Platform | undefined;
  /** Milliseconds since 1970: what expires is judged by it. Default: now. */
  readonly nowMs?: number;
  /** Of the test files beside the rules; none. */
  readonly testedNames?: TestedNames;
  /** Is told which share of the work is done. */
  readonly onProgress?: (share: number) => void;
}

/** Warnings and notes, to be read beside the loader's problems. */
export function findIn(loaded: LoadedRules, options: CheckOptions = {}): readonly RuleProblem[] {
  const { platform, nowMs = Date.now(), onProgress } = options;
  const { ruleSet } = loaded;
  const rules = ruleSet.rules.filter(
    ({ platforms }) => platform === undefined || platforms.includes(platform),
  );
  const context = {
    loaded,
    rules,
    platform,
    forms: new NormalForms(ruleSet.conditions),
    nowMs,
    testedNames: options.testedNames ?? testedNames([]),
  };
  return CHECKS.flatMap((check, index) => {
    onProgress?.(index / CHECKS.length);
    return check(context);
  });
}

/** The warnings alone. */
export function checkRules(loaded: LoadedRules, options: CheckOptions = {}): readonly RuleProblem[] {
  return findIn(loaded, options).filter(({ severity }) => severity === 'warning');
}
