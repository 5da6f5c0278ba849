// What is remembered of a rule set that has not passed its probation yet, and what follows from it at the next start.
// Pure; trial-store.ts keeps it.

/** A record on disk. There is one: that of the set that was tried last. */
export interface Trial {
  /** Of the files' texts. */
  readonly hash: string;
  /** The agent's: another version is another try. */
  readonly version: string;
  /** shadowed: it denied too much. set_aside: agents died of it. */
  readonly state: 'trying' | 'shadowed' | 'set_aside';
  /** Deaths of agents, or of their auth lanes, while the set was tried. */
  readonly crashes: number;
  /** The run goes on, or has ended in no orderly way. */
  readonly isOpen: boolean;
  /** That wrote this. */
  readonly run: Run;
}

/** One life of an agent. */
export interface Run {
  readonly pid: number;
  readonly startedMs: number;
}

/**
 * passed: trusted, no trial. trying: in force, on probation. shadowed: what is new in it denies nothing. set_aside: not
 * loaded, the trusted set instead, or without one in shadow mode. nothing: not even that; the agent runs without rules,
 * so that somebody is there who tells.
 */
export type Standing = 'passed' | 'trying' | 'shadowed' | 'set_aside' | 'nothing';

/** One death may be anybody's doing: a power cut, an impatient administrator. */
export const CRASHES_MAX = 2;

export interface TrialOptions {
  readonly hash: string;
  readonly version: string;
  readonly run: Run;
  /** An agent that another is about to follow has not died. */
  readonly isRunning: (run: Run) => boolean;
  /** Of the set that passed last. */
  readonly trustedHash: string | undefined;
}

/** A set is about to be loaded. `trial` is to be on disk before; undefined: no record is needed. */
export function beginTrial(
  record: Trial | undefined,
  options: TrialOptions,
): { readonly standing: Standing; readonly trial: Trial | undefined } {
  const { hash, version, run, isRunning, trustedHash } = options;
  if (hash === trustedHash) return { standing: 'passed', trial: undefined };
  const known = record?.hash === hash && record.version === version ? record : undefined;
  const hasDied = known?.isOpen === true && !isRunning(known.run);
  const crashes = (known?.crashes ?? 0) + (hasDied ? 1 : 0);
  const state = crashes >= CRASHES_MAX ? 'set_aside' : (known?.state ?? 'trying');
  const trial: Trial = { hash, version, state, crashes, isOpen: true, run };
  // The trusted set has shown that it can run: deaths while it stands in are not this one's.
  const isHopeless = trustedHash === undefined && crashes >= 2 * CRASHES_MAX;
  return { standing: isHopeless ? 'nothing' : state, trial };
}

/** The run ends in order: deaths before it are forgiven a set that was in force. */
export function closeTrial(trial: Trial): Trial {
  return { ...trial, isOpen: false, crashes: trial.state === 'trying' ? 0 : trial.crashes };
}
