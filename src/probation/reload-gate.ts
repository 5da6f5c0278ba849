// Asked before a reload parses its files: are they known to be bad, and is it on record that they are tried?
import type { Logger } from 'pino';
import type { HashedRules, RuleTrials } from '../config/rule-revisions.ts';
import type { RuleSetMemory } from './rule-set-memory.ts';
import type { Standing } from './trial.ts';

export class ReloadGate implements RuleTrials {
  readonly #memory: RuleSetMemory;
  readonly #log: Logger;
  #loadedHash: string;
  #setAsideHash: string | undefined;
  #standing: Standing = 'trying';

  constructor(memory: RuleSetMemory, log: Logger, loadedHash: string) {
    this.#memory = memory;
    this.#log = log;
    this.#loadedHash = loadedHash;
  }

  /** Of the files that were let through last. */
  get standing(): Standing {
    return this.#standing;
  }

  async begin({ hash }: HashedRules): Promise<boolean> {
    const isKnown = hash === this.#loadedHash;
    this.#standing = isKnown ? 'trying' : await this.#memory.begin(hash);
    const isBad = this.#standing === 'set_aside' || this.#standing === 'nothing';
    if (!isBad && hash !== this.#setAsideHash) return true;
    this.#log.error(
      'the rules were not loaded again: these files were set aside before; change them to try again',
    );
    if (!isKnown) await this.#memory.withdraw();
    return false;
  }

  async withdraw({ hash }: HashedRules): Promise<void> {
    if (hash !== this.#loadedHash) await this.#memory.withdraw();
  }

  loaded({ hash }: HashedRules): void {
    this.#loadedHash = hash;
  }

  /** They are not to be parsed again. */
  setAside(hash: string): void {
    this.#setAsideHash = hash;
  }
}
