// The auth lane of one connection, as the main thread sees it: it opens the FIFOs, starts a worker for each rule set,
// and waits for the end. Requests and verdicts never pass through this thread.
import type { Platform } from '../events/triggers.ts';
import type { RuleSet } from '../rules/schema.ts';
import type { ShadowRules } from '../rules/shadow-rules.ts';
import { type FifoPair, openFifos } from './fifo.ts';
import { LaneError } from './lane-error.ts';
import { LaneListener, type LaneLog } from './lane-listener.ts';
import { LaneRing } from './lane-ring.ts';
import { LaneCounters, type LaneReport } from './lane-statistics.ts';
import { type LaneThread, startThread } from './lane-thread.ts';
import { LaneTurn, maxWorkers, turnMemory } from './lane-turn.ts';
import type { LaneWorkerEnd, LaneWorkerMessage } from './lane-worker-messages.ts';
import type { ShadowSink } from './shadow-difference.ts';

/** The bridge opens its ends before it names the FIFOs; longer means that it is gone. */
const defaultOpenTimeoutMs = 5_000;

const workerScript = new URL('./lane-worker.ts', import.meta.url);

export interface LaneOptions {
  /** Paths from the bridge's Welcome. */
  readonly requestFifo: string | Uint8Array;
  readonly verdictFifo: string | Uint8Array;
  readonly ruleSet: RuleSet;
  readonly platform: Platform;
  /** Of the first Policy on this connection; requests carry it. */
  readonly epoch: number;
  /** Rules that are compared with the enforced ones on each request. */
  readonly shadow?: ShadowRules | undefined;
  readonly shadowSink?: ShadowSink;
  readonly log: LaneLog;
  /** Asks the owner of the socket to close the connection; the bridge then closes its ends of the FIFOs. */
  readonly closeConnection?: () => void;
  readonly openTimeoutMs?: number;
  /** Another script than lane-worker.ts, for tests of what happens when a worker dies. */
  readonly workerScript?: URL;
}

/** The bridge closed the FIFOs; bytes of a partial frame were left over. */
export interface LaneEnd {
  readonly reason: 'end_of_file';
  readonly partialFrameBytes: number;
}

/**
 * Starts the lane. Send the first Policy once `ready` has resolved, and each later one once its prepare() has: so the
 * worker that the bridge's switch calls for is always there.
 */
export function startLane(options: LaneOptions): Lane {
  return new Lane(options);
}

export class Lane {
  /** The first rule set is compiled, warm and reading. Rejects with a LaneError or FifoError, and `ended` with it. */
  readonly ready: Promise<void>;
  /** Resolves when the bridge has closed the FIFOs; rejects with what else ended the lane. All is released then. */
  readonly ended: Promise<LaneEnd>;

  readonly #options: LaneOptions;
  readonly #memory = turnMemory();
  readonly #turn = new LaneTurn(this.#memory);
  readonly #counters = new LaneCounters();
  readonly #ring = new LaneRing();
  readonly #listener: LaneListener;
  readonly #threads = new Set<LaneThread>();
  readonly #end = Promise.withResolvers<LaneEnd>();
  #fifos: FifoPair | undefined;
  #preparing: Promise<void>;
  #newestEpoch: number;
  #toldEpoch: number | undefined;
  #outcome: LaneEnd | Error | undefined;
  #isReleased = false;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#listener = new LaneListener(this.#ring, options.log, options.shadowSink);
    this.#newestEpoch = options.epoch;
    this.ended = this.#end.promise;
    this.ready = this.#start();
    this.#preparing = this.ready;
    // Whoever awaits them hears of a failure; nobody has to await both.
    this.ready.catch(() => undefined);
    this.ended.catch(() => undefined);
  }

  /** The epoch whose worker reads now; undefined before the first is ready and after the end. */
  get epoch(): number | undefined {
    return this.#outcome === undefined ? (this.#turn.runningEpoch() ?? this.#toldEpoch) : undefined;
  }

  statistics(): LaneReport {
    return { ...this.#counters.snapshot(), droppedNotes: this.#ring.dropped };
  }

  /**
   * Compiles and warms `ruleSet` in a fresh worker, which then waits for the bridge's PolicySwitch to `epoch`. Rejects
   * with a LaneError, and then the running rules stay in force. Calls are served one after another.
   */
  prepare(ruleSet: RuleSet, epoch: number, shadow?: ShadowRules): Promise<void> {
    if (!Number.isSafeInteger(epoch) || epoch <= this.#newestEpoch) {
      const detail = `epoch ${epoch} can't be prepared: it must be above ${this.#newestEpoch}`;
      return Promise.reject(new LaneError('refused', epoch, detail));
    }
    this.#newestEpoch = epoch;
    const prepared = this.#preparing
      .then(() => this.#startThread(ruleSet, epoch, shadow).ready)
      .catch((error: unknown) => {
        // Whatever it fell over: these rules were not tried, and are for the next connection.
        throw this.#outcome === undefined ? error : endedBefore(epoch, error);
      });
    this.#preparing = prepared.catch(() => this.ready); // a bad rule set doesn't stand in the next one's way
    this.#preparing.catch(() => undefined);
    return prepared;
  }

  /** The bridge has refused this epoch's policy: its worker ends without ever having had the turn. */
  discard(epoch: number): void {
    for (const thread of this.#threads) {
      if (thread.epoch === epoch && this.#turn.cancel(thread.place)) thread.letGo();
    }
  }

  /**
   * Asks for the connection to be closed and waits for the end of file that follows. There is no other way: a thread in
   * read(2) can't be ended from outside, and exit() would wait for it (see dieNow()).
   */
  close(): Promise<LaneEnd> {
    this.#options.closeConnection?.();
    return this.ended;
  }

  /**
   * First the worker, then the FIFOs: from their opening on the bridge sends heartbeats and counts on answers, and no
   * heartbeat should wait for a compilation.
   */
  async #start(): Promise<void> {
    const { requestFifo, verdictFifo, openTimeoutMs, ruleSet, epoch, shadow } = this.#options;
    try {
      const first = this.#startThread(ruleSet, epoch, shadow);
      await first.ready;
      const fifos = await openFifos(
        pathOf(requestFifo),
        pathOf(verdictFifo),
        openTimeoutMs ?? defaultOpenTimeoutMs,
      );
      this.#fifos = fifos;
      if (!this.#turn.begin(first.place, fifos.requests.fd, fifos.verdicts.fd)) {
        throw new LaneError('crashed', epoch, "the auth lane's thread died before the FIFOs were open");
      }
    } catch (error) {
      this.#finish(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
  }

  #startThread(ruleSet: RuleSet, epoch: number, shadow: ShadowRules | undefined): LaneThread {
    if (this.#outcome !== undefined) throw endedBefore(epoch);
    const place = this.#turn.take(epoch);
    if (place === undefined) {
      const detail = `epoch ${epoch} can't be prepared: ${maxWorkers - 1} others wait for the bridge's switch`;
      throw new LaneError('refused', epoch, detail);
    }
    const thread = startThread(
      this.#options.workerScript ?? workerScript,
      {
        ruleSet,
        platform: this.#options.platform,
        epoch,
        place,
        turn: this.#memory,
        counters: this.#counters.memory,
        ring: this.#ring.memory,
        shadow: shadow && { ruleSet: shadow.ruleSet, counts: this.#listener.watch(epoch, ruleSet, shadow) },
      },
      (message) => this.#hear(thread, message),
    );
    this.#threads.add(thread);
    thread.exited.then((error) => this.#threadExited(thread, error));
    return thread;
  }

  #hear(thread: LaneThread, message: LaneWorkerMessage): void {
    const { log } = this.#options;
    const { epoch } = thread;
    if (message.kind === 'ready') {
      log.debug(
        { epoch, tookMs: message.tookMs, priorityProblem: message.priorityProblem },
        'auth rules are warm',
      );
    } else if (message.kind === 'running') {
      this.#toldEpoch = epoch;
      log.info({ epoch }, 'auth rules are in force');
      // With those that were skipped goes the one that gave its turn away.
      for (const older of this.#threads) {
        if (older.epoch >= epoch) continue;
        this.#turn.cancel(older.place);
        older.letGo();
      }
    } else if (message.kind === 'ended') {
      this.#finish(outcomeOf(thread, message.end));
    } else {
      thread.letGo();
    }
  }

  #threadExited(thread: LaneThread, error: unknown): void {
    const hadTurn = this.#turn.isRunning(thread.place);
    this.#threads.delete(thread);
    this.#listener.forget(thread.epoch);
    this.#turn.free(thread.place);
    if (hadTurn) this.#finish(crashOf(thread, error)); // or it has told already how it ended
    this.#release();
  }

  #finish(outcome: LaneEnd | Error): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    for (const thread of this.#threads) {
      this.#turn.cancel(thread.place);
      thread.letGo();
    }
    this.#release();
  }

  /** The descriptors belong to the process: they may be closed, and their numbers used anew, after the last thread. */
  #release(): void {
    if (this.#threads.size > 0 || this.#outcome === undefined || this.#isReleased) return;
    this.#isReleased = true;
    this.#listener.close();
    const outcome = this.#outcome;
    const closed = [this.#fifos?.requests.close(), this.#fifos?.verdicts.close()];
    Promise.allSettled(closed).then(() => {
      if (outcome instanceof Error) this.#end.reject(outcome);
      else this.#end.resolve(outcome);
    });
  }
}

function outcomeOf({ epoch }: LaneThread, end: LaneWorkerEnd): LaneEnd | LaneError {
  if (end.reason === 'end_of_file') return end;
  if (end.reason === 'bad_frame') return new LaneError('bad_frame', epoch, end.detail);
  const detail = `the bridge switched to epoch ${end.epoch}, for which no rules were prepared`;
  return new LaneError('unprepared_epoch', end.epoch, `${detail}; the connection is closed`);
}

function crashOf({ epoch }: LaneThread, error: unknown): LaneError {
  const cause = error instanceof Error ? error.message : 'without an error';
  return new LaneError('crashed', epoch, `the auth lane's thread died: ${cause}; the connection is closed`, {
    cause: error,
  });
}

function endedBefore(epoch: number, cause?: unknown): LaneError {
  return new LaneError('ended', epoch, `epoch ${epoch} can't be prepared: the auth lane has ended`, {
    cause,
  });
}

function pathOf(path: string | Uint8Array): string | Buffer {
  return typeof path === 'string' ? path : Buffer.from(path);
}
