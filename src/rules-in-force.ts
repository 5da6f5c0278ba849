// Which rules judge: those in force, those on offer to the bridge, and what becomes of new ones. A new set is on probation
// beside the last trusted one; what denies too much, or what agents die of, is held back.
import type { Logger } from 'pino';
import {
  BehaviorSubject,
  defer,
  filter,
  type MonoTypeOperatorFunction,
  type Observable,
  startWith,
  tap,
} from 'rxjs';
import { LaneError } from './auth/lane-error.ts';
import { type LoadedRevision, type RuleLoaderOptions, ruleReloads } from './config/rule-revisions.ts';
import type { Config } from './config/schema.ts';
import type { DecidedBatch } from './operators/flow.ts';
import { watchDenials } from './probation/denial-watch.ts';
import type { DeniedPrograms } from './probation/denied-programs.ts';
import { type FirstRules, firstRules } from './probation/first-rules.ts';
import { type HeldBack, setAsideRules, shadowRules } from './probation/held-back.ts';
import { Probation } from './probation/probation.ts';
import { ReloadGate } from './probation/reload-gate.ts';
import { RuleSetMemory } from './probation/rule-set-memory.ts';
import { ruleSetNotice } from './probation/rule-set-notice.ts';
import { NO_RULES } from './probation/shadowed-rules.ts';
import { TrialStore } from './probation/trial-store.ts';
import type { CompiledRules } from './rules/compile.ts';
import type { RuleSet } from './rules/schema.ts';
import type { ShadowRules } from './rules/shadow-rules.ts';
import type { PolicyAnswer } from './sources/bridge-connection.ts';
import type { Notices } from './sources/notices.ts';
import type { PolicyRevision } from './sources/policy-revision.ts';

export interface RulesInForceOptions {
  readonly config: Config;
  readonly version: string;
  readonly log: Logger;
  /** Every file read, good or bad, for watching. */
  readonly onFiles: (files: readonly string[]) => void;
  readonly notices: Notices;
}

/** Between offers of what must come into force. */
const INSIST_MS = 1_000;

export class RulesInForce {
  /** What is in force on subscription, and each revision that follows; what a bridge refused is not offered again. */
  readonly revisions: Observable<PolicyRevision> = defer(() =>
    this.#newest.pipe(
      filter(({ epoch }) => epoch > this.#lastTried),
      startWith(this.#inForce),
    ),
  );
  readonly #options: RulesInForceOptions;
  readonly #memory: RuleSetMemory;
  readonly #gate: ReloadGate;
  readonly #loader: RuleLoaderOptions;
  readonly #newest: BehaviorSubject<PolicyRevision>;
  /** As the files have it, in force or not. */
  #loaded: LoadedRevision;
  /** Passed last. */
  #trusted: RuleSet;
  #inForce: PolicyRevision;
  #lastTried: number;
  #refused = 0;
  /** From this epoch on; whatever the bridge still says of older ones. */
  #imposed = 0;
  #epoch: number;
  #probation: Probation | undefined;
  /** By the epoch on offer: the probation that begins with it. */
  readonly #offers = new Map<number, Probation | undefined>();

  /** Rejects with RuleFileError. */
  static async load(options: RulesInForceOptions): Promise<RulesInForce> {
    const { config, version, log, onFiles } = options;
    const store = storeOf(config, log);
    const memory = await RuleSetMemory.open(store, version);
    const loader = { rules: config.rules, guard: config.guard, log, onFiles };
    let epoch = 0;
    const first = await firstRules(loader, memory, store?.hasFailed === false, () => ++epoch);
    return new RulesInForce(options, memory, loader, first, epoch);
  }

  private constructor(
    options: RulesInForceOptions,
    memory: RuleSetMemory,
    loader: RuleLoaderOptions,
    { loaded, trusted, standing, heldBack }: FirstRules,
    epoch: number,
  ) {
    this.#options = options;
    this.#memory = memory;
    this.#epoch = epoch;
    this.#gate = new ReloadGate(memory, options.log, loaded.files.hash);
    this.#loader = { ...loader, nextEpoch: () => ++this.#epoch, trials: this.#gate };
    this.#loaded = loaded;
    this.#trusted = trusted;
    this.#inForce = heldBack?.revision ?? loaded;
    this.#lastTried = this.#inForce.epoch;
    this.#newest = new BehaviorSubject(this.#inForce);
    const probation = standing === 'passed' ? undefined : this.#probationOf(loaded);
    this.#offers.set(this.#inForce.epoch, probation);
    if (heldBack === undefined) return;
    probation?.holdBack();
    this.#tell(loaded.files.hash, heldBack);
  }

  /** By which the event lane judges. */
  rules(): CompiledRules {
    return this.#inForce.rules;
  }

  /** Compared with them; undefined: there is no shadow set. */
  shadow(): ShadowRules | undefined {
    return this.#inForce.shadow;
  }

  /** Loads the rules again whenever `reload` emits; what changed is on offer then. */
  reloads(reload: Observable<unknown>): Observable<unknown> {
    const isRefused = ({ epoch }: PolicyRevision): boolean => epoch === this.#refused;
    return ruleReloads(this.#loaded, reload, this.#loader, isRefused).pipe(
      tap((loaded) => {
        this.#loaded = loaded;
        this.#gate.loaded(loaded.files);
        // The same files, of which an exception has expired: that is no reason to enforce what was held back.
        if (this.#isHeldBack(loaded.files.hash)) return;
        const probation = this.#gate.standing === 'passed' ? undefined : this.#probationOf(loaded);
        this.#offer(loaded, probation);
      }),
    );
  }

  watchDenials(): MonoTypeOperatorFunction<DecidedBatch> {
    return watchDenials(() =>
      [this.#probation, ...this.#offers.values()].flatMap((probation) => probation?.watched ?? []),
    );
  }

  /** The bridge has answered an offer. */
  answered(revision: PolicyRevision, { epoch, error }: PolicyAnswer): void {
    this.#lastTried = Math.max(this.#lastTried, epoch);
    const isFirstTime = this.#offers.has(epoch);
    const probation = this.#offers.get(epoch);
    if (error !== '') {
      this.#refused = epoch;
      // What the next connection begins with is still to be watched then.
      if (revision !== this.#inForce) this.#offers.delete(epoch);
      if (probation !== undefined) void this.#memory.settle(probation.hash);
      if (probation?.isHeldBack) this.#insist(revision, probation);
      if (this.#probation?.excess !== undefined) this.#shadow(this.#probation, this.#probation.excess);
      return;
    }
    if (epoch >= this.#imposed) this.#inForce = revision;
    if (!isFirstTime) return;
    for (const older of this.#offers.keys()) if (older <= epoch) this.#offers.delete(older);
    if (probation !== this.#probation) this.#probation?.cancel();
    this.#probation = probation;
    if (probation === undefined) this.#trusted = revision.ruleSet;
    else probation.begin(this.#options.config.guard.probation_ms, () => this.#end(probation));
  }

  /** The auth lane has died; of its rules, if they are on probation. */
  laneFailed(error: unknown): void {
    const isOfRules = error instanceof LaneError && ['crashed', 'not_compiled'].includes(error.failure);
    if (!isOfRules) return;
    const probations = [this.#probation, ...this.#offers.values()];
    const probation = probations.find((one) => one?.watched?.epoch === error.epoch);
    if (probation === undefined) return;
    this.#memory.noteCrash(probation.hash).then((isTooOften) => isTooOften && this.#setAside(probation));
  }

  /** The agent ends in order. */
  async close(): Promise<void> {
    this.#probation?.cancel();
    await this.#memory.close();
  }

  #probationOf(loaded: LoadedRevision): Probation {
    return new Probation({
      loaded,
      trusted: this.#trusted,
      maxPrograms: this.#options.config.guard.probation_max_programs,
      onExcess: (probation, denied) => {
        // Newer files are on offer already, with a probation of their own.
        if (probation.loaded === this.#loaded) this.#shadow(probation, denied);
      },
    });
  }

  #isHeldBack(hash: string): boolean {
    const probations = [this.#probation, ...this.#offers.values()];
    return probations.some((one) => one?.isHeldBack === true && one.hash === hash);
  }

  #offer(revision: PolicyRevision, probation: Probation | undefined): void {
    this.#offers.set(revision.epoch, probation);
    this.#newest.next(revision);
  }

  #shadow(probation: Probation, denied: DeniedPrograms): void {
    const epoch = ++this.#epoch;
    this.#holdBack(probation, shadowRules(probation.loaded, probation.trusted, this.#loader, epoch, denied));
  }

  #setAside(probation: Probation): void {
    const { loaded, trusted } = probation;
    const instead = trusted === loaded.ruleSet || trusted === NO_RULES ? undefined : trusted;
    this.#holdBack(probation, setAsideRules(loaded, instead, this.#loader, ++this.#epoch));
  }

  #holdBack(probation: Probation, heldBack: HeldBack): void {
    if (probation.isHeldBack) return;
    probation.holdBack();
    this.#impose(heldBack.revision, probation);
    void this.#memory.judge(probation.hash, heldBack.notice.state);
    this.#tell(probation.hash, heldBack);
  }

  /** A connection that ends before the bridge has it must not be followed by one that begins with the bad rules. */
  #impose(revision: PolicyRevision, probation: Probation): void {
    this.#offer(revision, probation);
    this.#inForce = revision;
    this.#lastTried = revision.epoch;
    this.#imposed = revision.epoch;
  }

  /** What was refused is what takes bad rules out of force. */
  #insist(revision: PolicyRevision, probation: Probation): void {
    setTimeout(() => {
      if (this.#newest.value !== revision) return;
      this.#impose({ ...revision, epoch: ++this.#epoch }, probation);
    }, INSIST_MS).unref();
  }

  #tell(hash: string, { notice, instead }: HeldBack): void {
    const { log, notices, config } = this.#options;
    if (notice.state === 'set_aside') this.#gate.setAside(hash);
    const { state, reason, rules, programs, epoch } = notice;
    const what = state === 'shadowed' ? 'the new rules are in shadow mode' : 'the rules are set aside';
    log.error(
      { epoch, rules, programs },
      `${what}: ${reason}; ${instead}; change the rule files (${config.rules.paths.join(', ')}) to try again`,
    );
    notices.add((createdNs) => ruleSetNotice({ ...notice, createdNs, platform: config.rules.platform }));
  }

  #end(probation: Probation): void {
    const { loaded, hash, isHeldBack } = probation;
    if (isHeldBack) {
      void this.#memory.settle(hash);
      return;
    }
    probation.end();
    this.#trusted = loaded.ruleSet;
    const { log } = this.#options;
    this.#memory
      .pass(hash, loaded.files.texts)
      .then(() => log.info({ epoch: loaded.epoch }, 'the rules have passed their probation'));
  }
}

/** None: what happened to rules is forgotten with the process. */
function storeOf({ agent }: Config, log: Logger): TrialStore | undefined {
  if (agent.state_dir === undefined) return undefined;
  return new TrialStore(agent.state_dir, (error, file) =>
    log.error({ err: error, file }, 'what is known of rule sets cannot be kept; the agent goes on without'),
  );
}
