// Which rule set is trusted and which is on trial, over the life of a run; on disk too where there is a folder for it.
import { uptime } from 'node:os';
import type { RuleText } from '../rules/rule-text.ts';
import { beginTrial, CRASHES_MAX, closeTrial, type Run, type Standing, type Trial } from './trial.ts';
import type { TrialStore, TrustedTexts } from './trial-store.ts';

/** Changes are made here at once and written in their order, so no two of them see half of each other. */
export class RuleSetMemory {
  readonly #store: TrialStore | undefined;
  readonly #version: string;
  readonly #run: Run = { pid: process.pid, startedMs: Date.now() };
  #trusted: TrustedTexts | undefined;
  #trial: Trial | undefined;
  #before: Trial | undefined;

  private constructor(store: TrialStore | undefined, version: string) {
    this.#store = store;
    this.#version = version;
  }

  static async open(store: TrialStore | undefined, version: string): Promise<RuleSetMemory> {
    const memory = new RuleSetMemory(store, version);
    memory.#trusted = await store?.readTrusted();
    memory.#trial = await store?.readTrial();
    return memory;
  }

  /** The set that passed last, as this agent or one before it kept it. */
  get trusted(): TrustedTexts | undefined {
    return this.#trusted;
  }

  /** A set is about to be parsed: from here on it may be what the process dies of. */
  async begin(hash: string): Promise<Standing> {
    const { standing, trial } = beginTrial(this.#trial, {
      hash,
      version: this.#version,
      run: this.#run,
      isRunning: (run) => isSameRun(run, this.#run) || isRunning(run),
      trustedHash: this.#trusted?.hash,
    });
    this.#before = this.#trial;
    await this.#keep(trial);
    return standing;
  }

  /** It came to nothing: what was before is again. */
  async withdraw(): Promise<void> {
    await this.#keep(this.#before);
  }

  /** Its time is over and nothing was wrong with it. */
  async pass(hash: string, texts: readonly RuleText[]): Promise<void> {
    this.#trusted = { hash, passed: new Date().toISOString(), texts };
    // In this order: between the two the set is on trial and trusted, and trusted counts.
    await Promise.all([this.#store?.writeTrusted(this.#trusted), this.#change(hash, () => undefined)]);
  }

  /** It is not to be enforced as it is, by no later run either, until its files change. */
  async judge(hash: string, state: 'shadowed' | 'set_aside'): Promise<void> {
    await this.#change(hash, (trial) => ({ ...trial, state }));
  }

  /** It is not in force as it is, or its time is over: from here on a death is not its doing. */
  async settle(hash: string): Promise<void> {
    await this.#change(hash, (trial) => ({ ...trial, isOpen: false }));
  }

  /** The auth lane died of it, and the agent did not. true: once too often. */
  async noteCrash(hash: string): Promise<boolean> {
    let crashes = 0;
    await this.#change(hash, (trial) => {
      crashes = trial.crashes + 1;
      return { ...trial, crashes };
    });
    return crashes >= CRASHES_MAX;
  }

  /** The agent ends in order. */
  async close(): Promise<void> {
    // Another agent may have followed this one, with a trial of its own.
    const kept = this.#store === undefined ? this.#trial : await this.#store.readTrial();
    if (this.#trial === undefined || kept === undefined || !isSameRun(kept.run, this.#run)) return;
    await this.#keep(closeTrial(this.#trial));
  }

  /** Of the set that is tried, or of that before it while the newest is still being parsed. */
  async #change(hash: string, change: (trial: Trial) => Trial | undefined): Promise<void> {
    if (this.#before?.hash === hash) this.#before = change(this.#before);
    if (this.#trial?.hash === hash) await this.#keep(change(this.#trial));
  }

  async #keep(trial: Trial | undefined): Promise<void> {
    if (trial === undefined && this.#trial === undefined) return;
    this.#trial = trial;
    await this.#store?.writeTrial(trial);
  }
}

/** A run of before this boot is over, whoever has its pid now. */
function isRunning({ pid, startedMs }: Run): boolean {
  if (pid === process.pid || startedMs < Date.now() - uptime() * 1000) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function isSameRun(a: Run, b: Run): boolean {
  return a.pid === b.pid && a.startedMs === b.startedMs;
}
