// The middle of the auth lane: each request of a batch is judged by the compiled rules, and its answer is encoded at
// once, for the rules reuse their decision.
import { map, type OperatorFunction } from 'rxjs';
import { EncodedFacts } from '../events/encoded-facts.ts';
import type { CompiledRules } from '../rules/compile.ts';
import type { Decision } from '../rules/decision.ts';
import { AuthTriggers } from './auth-trigger.ts';
import { type LaneBatch, maxMessages, messageKind } from './lane-frames.ts';
import type { LaneCounters } from './lane-statistics.ts';
import { maxVerdictFrame, VerdictFrames, wireVerdict } from './verdict-frames.ts';

/** Reused for every batch: valid until the next. */
export interface Answers {
  readonly frames: VerdictFrames;
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

export interface DecideOptions {
  readonly rules: CompiledRules;
  /** Of `rules`. */
  readonly epoch: number;
  readonly counters: LaneCounters;
  /** Whether a worker waits that is of this epoch. */
  readonly isPrepared: (epoch: number) => boolean;
  /** An evaluation threw; the request was deferred. */
  readonly onError: (error: unknown, trigger: string) => void;
}

/** Answers each request exactly once, in order: what can't be judged here is deferred to the slow lane. */
export function decide(options: DecideOptions): OperatorFunction<LaneBatch, Answers> {
  return (source) => {
    const judge = judgeOf(options);
    return source.pipe(map(judge));
  };
}

function judgeOf({
  rules,
  epoch,
  counters,
  isPrepared,
  onError,
}: DecideOptions): (batch: LaneBatch) => Answers {
  const answers: Answers = {
    frames: new VerdictFrames(maxMessages * maxVerdictFrame),
    requests: 0,
    switchTo: undefined,
    resumeAt: undefined,
  };
  const { frames } = answers;
  const facts = new EncodedFacts();
  const triggers = new AuthTriggers();
  const ruleNames = new Map<string, Uint8Array>();

  function judgeRequest(batch: LaneBatch, index: number): void {
    const idAt = batch.idAt[index] ?? 0;
    const requestEpoch = batch.numbers[index] ?? 0;
    const start = batch.eventStart[index] ?? 0;
    const end = batch.eventEnd[index] ?? 0;
    if (requestEpoch !== epoch) {
      counters.add('misdirected', 1);
      defer(batch, idAt, requestEpoch);
      return;
    }
    const trigger = triggers.of(batch.bytes, start, end);
    const frameStart = frames.length;
    try {
      if (trigger === undefined) throw new TypeError('the event names no action');
      facts.reset(batch.bytes.subarray(start, end));
      if (rules.needsReferee(trigger, facts)) defer(batch, idAt, requestEpoch);
      else encode(batch.bytes, idAt, requestEpoch, rules.decide(trigger, facts));
    } catch (error) {
      // The lane must answer and go on. The slow lane evaluates once more, where time and logging do no harm.
      frames.length = frameStart;
      counters.add('errors', 1);
      defer(batch, idAt, requestEpoch);
      onError(error, trigger ?? 'auth');
    }
  }

  function encode(bytes: Uint8Array, idAt: number, requestEpoch: number, decision: Decision): void {
    const isDenied = decision.verdict === 'deny';
    if (decision.matched.length === 0) {
      frames.unmatched(bytes, idAt, requestEpoch);
    } else {
      const verdict = isDenied ? wireVerdict.deny : wireVerdict.allow;
      const rule = nameBytes(decision.rule?.name ?? '');
      const isAnnotated = frames.matched(bytes, idAt, requestEpoch, verdict, rule, decision.annotations);
      counters.add('matched', 1);
      if (!isAnnotated) counters.add('unannotated', 1);
    }
    counters.add(isDenied ? 'deny' : 'allow', 1);
  }

  function nameBytes(name: string): Uint8Array {
    let bytes = ruleNames.get(name);
    if (bytes === undefined) {
      bytes = Buffer.from(name);
      ruleNames.set(name, bytes);
    }
    return bytes;
  }

  function defer(batch: LaneBatch, idAt: number, requestEpoch: number): void {
    frames.defer(batch.bytes, idAt, requestEpoch);
    counters.add('defer', 1);
  }

  return (batch) => {
    frames.clear();
    answers.requests = 0;
    answers.switchTo = undefined;
    answers.resumeAt = undefined;
    let before = performance.now();
    for (let index = 0; index < batch.count; index += 1) {
      const kind = batch.kinds[index];
      const number = batch.numbers[index] ?? 0;
      if (kind === messageKind.request) {
        if (number !== epoch && isPrepared(number)) {
          answers.switchTo = number;
          answers.resumeAt = batch.frameStart[index];
          break;
        }
        counters.add('requests', 1);
        judgeRequest(batch, index);
        const after = performance.now();
        answers.requests += 1;
        counters.timed(after - before, before - batch.readAtMs);
        before = after;
      } else if (kind === messageKind.ping) {
        counters.add('pings', 1);
        frames.pong(number);
      } else if (number === epoch) {
        frames.switched(number); // the first policy of a connection: these rules are already in force
      } else {
        answers.switchTo = number;
      }
    }
    return answers;
  };
}
