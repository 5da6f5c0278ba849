// What an agent begins with: the rule files as they are, unless they were found to be bad in an earlier run.
import {
  type LoadedRevision,
  parseRevision,
  type RuleLoaderOptions,
  readRules,
  revisionOf,
} from '../config/rule-revisions.ts';
import { parseFound, requireRuleSet } from '../rules/load.ts';
import { formatProblem, RuleFileError } from '../rules/rule-problem.ts';
import type { RuleSet } from '../rules/schema.ts';
import { type HeldBack, setAsideRules, shadowRules } from './held-back.ts';
import type { RuleSetMemory } from './rule-set-memory.ts';
import { NO_RULES } from './shadowed-rules.ts';
import type { Standing } from './trial.ts';

export interface FirstRules {
  readonly standing: Standing;
  /** As the files have it; reloads are compared with it. */
  readonly loaded: LoadedRevision;
  readonly trusted: RuleSet;
  /** Instead of `loaded`. */
  readonly heldBack: HeldBack | undefined;
}

/** Throws RuleFileError. */
export async function firstRules(
  loader: RuleLoaderOptions,
  memory: RuleSetMemory,
  isRemembered: boolean,
  nextEpoch: () => number,
): Promise<FirstRules> {
  const files = await readRules(loader);
  const standing = await memory.begin(files.hash);
  const epoch = nextEpoch();
  const kept = trustedRules(loader, memory);
  if (standing === 'nothing' || (standing === 'set_aside' && kept !== undefined)) {
    // Not even parsed: that may be what agents died of.
    const loaded = { ...revisionOf(NO_RULES, loader, epoch, undefined), files };
    const trusted = kept ?? NO_RULES;
    return { standing, loaded, trusted, heldBack: setAsideRules(loaded, trusted, loader, nextEpoch()) };
  }
  let loaded: LoadedRevision;
  try {
    loaded = parseRevision(files, loader, epoch);
  } catch (error) {
    await memory.withdraw();
    throw error;
  }
  // Without a memory nobody knows what was in force before: the first rules are taken as they are.
  const trusted = standing === 'passed' || !isRemembered ? loaded.ruleSet : (kept ?? NO_RULES);
  let heldBack: HeldBack | undefined;
  if (standing === 'shadowed') heldBack = shadowRules(loaded, trusted, loader, nextEpoch());
  if (standing === 'set_aside') heldBack = setAsideRules(loaded, undefined, loader, nextEpoch());
  return { standing, loaded, trusted, heldBack };
}

function trustedRules(loader: RuleLoaderOptions, memory: RuleSetMemory): RuleSet | undefined {
  const { trusted } = memory;
  if (trusted === undefined) return undefined;
  const files = { ...trusted, files: trusted.texts.map(({ file }) => file), problems: [] };
  try {
    return requireRuleSet(parseFound(files, { platform: loader.rules.platform }));
  } catch (error) {
    if (!(error instanceof RuleFileError)) throw error;
    const [first] = error.problems;
    loader.log.warn(
      `the rules that passed last are no rules of this version any more: ${first ? formatProblem(first) : ''}`,
    );
    return undefined;
  }
}
