// One rule set's time on probation in this process: what it may not do meanwhile, and what follows when the time is over.
import type { LoadedRevision } from '../config/rule-revisions.ts';
import type { Trigger } from '../events/triggers.ts';
import { compileRules } from '../rules/compile.ts';
import { isAuthTrigger } from '../rules/decision.ts';
import type { RuleSet } from '../rules/schema.ts';
import type { WatchedRules } from './denial-watch.ts';
import { DenialCount, type DeniedPrograms } from './denied-programs.ts';
import { enforces } from './shadowed-rules.ts';

export interface ProbationOptions {
  /** On probation. */
  readonly loaded: LoadedRevision;
  /** What passed last: what it denies is nobody's news. */
  readonly trusted: RuleSet;
  readonly maxPrograms: number;
  readonly onExcess: (probation: Probation, denied: DeniedPrograms) => void;
}

export class Probation {
  readonly loaded: LoadedRevision;
  readonly trusted: RuleSet;
  /** Set once it has denied too much. */
  excess: DeniedPrograms | undefined;
  #watched: WatchedRules | undefined;
  #isHeldBack = false;
  #timer: NodeJS.Timeout | undefined;

  constructor({ loaded, trusted, maxPrograms, onExcess }: ProbationOptions) {
    this.loaded = loaded;
    this.trusted = trusted;
    this.#watched = {
      epoch: loaded.epoch,
      sinceNs: BigInt(Date.now()) * 1_000_000n,
      trusted: compileRules(trusted, { platform: loaded.platform, lane: 'event' }),
      trustedDenies: deniedTriggers(trusted),
      count: new DenialCount(maxPrograms),
      onExcess: (denied) => {
        this.excess = denied;
        onExcess(this, denied);
      },
    };
  }

  /** Undefined: nothing that it denies is news any more. */
  get watched(): WatchedRules | undefined {
    return this.#watched;
  }

  get isHeldBack(): boolean {
    return this.#isHeldBack;
  }

  get hash(): string {
    return this.loaded.files.hash;
  }

  /** From when it is in force. */
  begin(ms: number, onEnd: () => void): void {
    this.#timer ??= setTimeout(onEnd, ms).unref();
  }

  /** Something else is in force instead; only time is left. */
  holdBack(): void {
    this.#isHeldBack = true;
    this.excess = undefined;
    this.#watched = undefined;
  }

  end(): void {
    this.#watched = undefined;
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }
}

function deniedTriggers({ rules }: RuleSet): ReadonlySet<Trigger> {
  const denies = rules.filter((rule) => enforces(rule, 'deny'));
  return new Set(denies.flatMap(({ on }) => on.filter(isAuthTrigger)));
}
