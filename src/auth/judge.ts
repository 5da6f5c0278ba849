// Judges the requests of a batch and encodes each answer at once, for decisions are shared and the buffer is ours. A
// class, so that a second instance runs the code that the first has warmed: V8 keeps types and compiled code with a
// method, but anew for each closure.
import { EncodedFacts } from '../events/encoded-facts.ts';
import type { Trigger } from '../events/triggers.ts';
import type { CompiledRules } from '../rules/compile.ts';
import type { Decision } from '../rules/decision.ts';
import { AuthTriggers } from './auth-trigger.ts';
import { type LaneBatch, maxMessages, messageKind } from './lane-frames.ts';
import type { LaneCounters } from './lane-statistics.ts';
import { maxVerdictFrame, VerdictFrames, wireVerdict } from './verdict-frames.ts';

/** Reused for every batch: valid until the next. */
export interface Answers {
  readonly frames: VerdictFrames;
  /** What they answer; undefined before the first. */
  batch: LaneBatch | undefined;
  /** Messages of it that were gone through. */
  messages: number;
  /** By message: what was decided; undefined: it is no request, or was deferred. */
  readonly decisions: (Decision | undefined)[];
  /** Requests that they answer. */
  requests: number;
  /** The epoch of a policy switch that another worker must follow; it is not answered here. */
  switchTo: number | undefined;
  /**
   * Set where a request of the epoch `switchTo` came without a PolicySwitch: its frame, from which the other worker
   * goes on. So it is when the bridge has refused the first policy of a connection and taken the second.
   */
  resumeAt: number | undefined;
}

export interface JudgeOptions {
  readonly rules: CompiledRules;
  /** Of `rules`. */
  readonly epoch: number;
  readonly counters: LaneCounters;
  /** Whether a worker waits that is of this epoch. */
  readonly isPrepared: (epoch: number) => boolean;
  /** Of the thread that judges, for the bridge, which lets it go before others; 0 or nothing: not known. */
  readonly threadId?: number;
  /** What another set is to judge as well, each time: no answer to it may be kept. */
  readonly shadowed?: readonly Trigger[];
  /** An evaluation threw; the request was deferred. */
  readonly onError: (error: unknown, trigger: string) => void;
  /** A decision took so long that it is worth a look: of which message of the batch. */
  readonly onSlow?: (batch: LaneBatch, index: number, decideMs: number) => void;
}

/** A tenth of what an open() waits at most by default; a decision takes microseconds. */
const slowMs = 10;

export class Judge {
  readonly #options: JudgeOptions;
  readonly #answers: Answers = {
    frames: new VerdictFrames(maxMessages * maxVerdictFrame),
    batch: undefined,
    messages: 0,
    decisions: new Array<Decision | undefined>(maxMessages).fill(undefined),
    requests: 0,
    switchTo: undefined,
    resumeAt: undefined,
  };
  readonly #frames = this.#answers.frames;
  readonly #facts = new EncodedFacts();
  readonly #triggers = new AuthTriggers();
  readonly #ruleNames = new Map<string, Uint8Array>();
  /** When the evaluation of the present request began, by performance.now(). */
  #beganMs = 0;

  constructor(options: JudgeOptions) {
    this.#options = options;
  }

  /** Answers each request exactly once, in order: what can't be judged here is deferred to the slow lane. */
  judge(batch: LaneBatch): Answers {
    const { epoch, counters, isPrepared, threadId, onSlow } = this.#options;
    const answers = this.#answers;
    this.#frames.clear();
    answers.batch = batch;
    answers.messages = 0;
    answers.requests = 0;
    answers.switchTo = undefined;
    answers.resumeAt = undefined;
    let before = performance.now();
    for (let index = 0; index < batch.count; index += 1) {
      const kind = batch.kinds[index];
      const number = batch.numbers[index] ?? 0;
      answers.decisions[index] = undefined;
      if (kind === messageKind.request) {
        if (number !== epoch && isPrepared(number)) {
          answers.switchTo = number;
          answers.resumeAt = batch.frameStart[index];
          break;
        }
        counters.add('requests', 1);
        this.#beganMs = before;
        this.#judgeRequest(batch, index);
        const after = performance.now();
        answers.requests += 1;
        counters.timed(after - before, before - batch.readAtMs);
        if (after - before >= slowMs) onSlow?.(batch, index, after - before);
        before = after;
      } else if (kind === messageKind.ping) {
        counters.add('pings', 1);
        this.#frames.pong(number, threadId);
      } else if (number === epoch) {
        this.#frames.switched(number); // the first policy of a connection: these rules are already in force
      } else {
        answers.switchTo = number;
      }
      answers.messages = index + 1;
    }
    return answers;
  }

  #judgeRequest(batch: LaneBatch, index: number): void {
    const { rules, epoch, counters, onError } = this.#options;
    const idAt = batch.idAt[index] ?? 0;
    const requestEpoch = batch.numbers[index] ?? 0;
    if (requestEpoch !== epoch) {
      counters.add('misdirected', 1);
      this.#defer(batch, idAt, requestEpoch);
      return;
    }
    const start = batch.eventStart[index] ?? 0;
    const end = batch.eventEnd[index] ?? 0;
    const frameStart = this.#frames.length;
    let trigger: Trigger | undefined;
    try {
      trigger = this.#triggers.of(batch.bytes, start, end);
      if (trigger === undefined) throw new TypeError('the event names no action');
      const facts = this.#facts.reset(batch.bytes, start, end);
      const hashes = rules.hashesWanted(trigger, facts);
      if (hashes !== 0) {
        this.#frames.defer(batch.bytes, idAt, requestEpoch, hashes);
        counters.add('unhashed', 1);
      } else if (rules.needsReferee(trigger, facts)) {
        this.#defer(batch, idAt, requestEpoch);
      } else {
        const reported = rules.hashesToReport(trigger, facts);
        const isPartial = reported !== 0 || rules.needsReview(trigger, facts);
        const decision = rules.decide(trigger, facts);
        if (decision.matched.length === 0 && !isPartial) {
          this.#frames.unmatched(batch.bytes, idAt, requestEpoch, this.#isCacheable(trigger));
          counters.add('allow', 1);
        } else {
          this.#encodeMatched(batch.bytes, idAt, requestEpoch, decision, isPartial, reported);
        }
        this.#answers.decisions[index] = decision;
      }
    } catch (error) {
      // The lane must answer and go on. The slow lane evaluates once more, where time and logging do no harm.
      this.#frames.length = frameStart;
      counters.add('errors', 1);
      this.#defer(batch, idAt, requestEpoch);
      onError(error, trigger ?? 'auth');
    }
  }

  #isCacheable(trigger: Trigger): boolean {
    const { rules, shadowed } = this.#options;
    return rules.isCacheable(trigger) && shadowed?.includes(trigger) !== true;
  }

  /**
   * `isPartial`: reported without annotations, so that the event lane evaluates what was left out here, by these hashes
   * where there are any.
   */
  #encodeMatched(
    bytes: Uint8Array,
    idAt: number,
    requestEpoch: number,
    decision: Decision,
    isPartial: boolean,
    hashes: number,
  ): void {
    const { counters } = this.#options;
    const isDenied = decision.verdict === 'deny';
    const verdict = isDenied ? wireVerdict.deny : wireVerdict.allow;
    const rule = this.#nameBytes(decision.rule?.name ?? '');
    const annotations = isPartial ? undefined : decision.annotations;
    const laneUs = Math.round((performance.now() - this.#beganMs) * 1_000);
    const isAnnotated = this.#frames.matched(
      bytes,
      idAt,
      requestEpoch,
      verdict,
      rule,
      annotations,
      laneUs,
      hashes,
    );
    counters.add('matched', 1);
    if (!isAnnotated) counters.add('unannotated', 1);
    counters.add(isDenied ? 'deny' : 'allow', 1);
  }

  #nameBytes(name: string): Uint8Array {
    let bytes = this.#ruleNames.get(name);
    if (bytes === undefined) {
      bytes = Buffer.from(name);
      this.#ruleNames.set(name, bytes);
    }
    return bytes;
  }

  #defer(batch: LaneBatch, idAt: number, requestEpoch: number): void {
    this.#frames.defer(batch.bytes, idAt, requestEpoch);
    this.#options.counters.add('defer', 1);
  }
}
