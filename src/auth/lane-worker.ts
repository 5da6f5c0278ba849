// The auth lane's thread: it blocks in read(2), decides, writes, and does nothing else. One worker serves one rule set;
// on a policy switch it gives its turn to the worker that was prepared for that epoch, and ends.
import { parentPort, workerData } from 'node:worker_threads';
import type { Trigger } from '../events/triggers.ts';
import { type CompiledRules, compileRules } from '../rules/compile.ts';
import { answer } from './answer.ts';
import { AuthTriggers } from './auth-trigger.ts';
import { compare } from './compare.ts';
import { decide } from './decide.ts';
import { isBrokenPipe } from './fifo.ts';
import { type LaneChannel, LaneFeed } from './lane-feed.ts';
import { FrameError, type LaneBatch, LaneReader } from './lane-frames.ts';
import { notedError, writeNote } from './lane-notes.ts';
import { LaneRing } from './lane-ring.ts';
import { LaneCounters, laneCounterMemory } from './lane-statistics.ts';
import { LaneTurn } from './lane-turn.ts';
import type { LaneWorkerData, LaneWorkerEnd, LaneWorkerMessage } from './lane-worker-messages.ts';
import { requests } from './requests.ts';
import { ShadowCounts, shadowCountMemory } from './shadow-counts.ts';
import { ShadowJudge } from './shadow-judge.ts';
import { ownThreadId, raiseThreadPriority } from './thread-priority.ts';
import { VerdictFrames } from './verdict-frames.ts';
import { type WarmUp, warmUp } from './warm-up.ts';

/** Evaluation errors that one worker tells of; all are counted. A log is no place for a flood. */
const maxToldErrors = 10;
/** Slow decisions that one worker tells of. */
const maxToldSlow = 10;

interface Prepared {
  readonly rules: CompiledRules;
  readonly shadowRules: CompiledRules | undefined;
  readonly warming: WarmUp;
}

const data = workerData as LaneWorkerData;
const turn = new LaneTurn(data.turn);
const ring = new LaneRing(data.ring);
const startedAt = performance.now();
let hasTurn = false;

const prepared = prepare();
const end = prepared === undefined ? undefined : serve(prepared);
if (end !== undefined) tell({ kind: 'ended', end });
turn.leave(data.place);

function prepare(): Prepared | undefined {
  try {
    const { ruleSet, shadow, platform, epoch } = data;
    const rules = compileRules(ruleSet, { platform, lane: 'auth' });
    const shadowRules = shadow && compileRules(shadow.ruleSet, { platform, lane: 'auth' });
    const warming = warmUp({ ruleSet, rules, platform, epoch, shadow: shadow?.ruleSet });
    return { rules, shadowRules, warming };
  } catch (error) {
    tell({ kind: 'not_compiled', error: asError(error) });
    return undefined;
  }
}

/**
 * Warms up, waits for the turn and serves until the connection ends (how it ended) or another worker has the turn
 * (undefined, as where the turn never came).
 */
function serve({ rules, shadowRules, warming }: Prepared): LaneWorkerEnd | undefined {
  const reader = new LaneReader();
  const counters = new LaneCounters();
  // Twice, so that the optimised code does not take the memory for a constant: the last change is for the turn.
  counters.use(laneCounterMemory());
  let shadow = shadowJudge(shadowRules, shadowCountMemory(), new LaneRing());
  const onWarm = (): LaneChannel | undefined => {
    if (!takeTurn()) return undefined;
    counters.use(data.counters);
    if (data.shadow !== undefined) shadow = shadowJudge(shadowRules, data.shadow.counts, ring);
    const carried = turn.carried();
    // The worker before has counted them.
    if (carried.length > 0) {
      counters.add('reads', -1);
      counters.add('bytesRead', -carried.length);
    }
    return { ...turn.descriptors(), carried };
  };
  const feed = new LaneFeed({ ...warming, onWarm });
  const write = (bytes: Uint8Array, length: number): void => feed.write(bytes, length);
  const isPrepared = (epoch: number): boolean => turn.waitingFor(epoch) !== undefined;
  let switchTo: number | undefined;
  let resumeAt: number | undefined;
  let failure: unknown;

  requests({ reader, read: (buffer, offset, length) => feed.read(buffer, offset, length), counters })
    .pipe(
      decide({
        rules,
        epoch: data.epoch,
        counters,
        isPrepared,
        shadowed: shadowRules?.triggers() ?? [],
        threadId: process.platform === 'linux' ? ownThreadId() : 0,
        onError: tellErrors(),
        onSlow: tellSlow(),
      }),
      answer(write, counters),
      compare(() => shadow),
    )
    .subscribe({
      next: (answers) => {
        switchTo = answers.switchTo;
        resumeAt = answers.resumeAt;
      },
      error: (error) => {
        failure = error;
      },
    });

  try {
    if (failure !== undefined) throw failure;
    if (!hasTurn) return undefined;
    if (switchTo === undefined) return { reason: 'end_of_file', partialFrameBytes: reader.pendingBytes };
    const next = turn.waitingFor(switchTo);
    if (next === undefined) return { reason: 'unprepared_epoch', epoch: switchTo };
    if (resumeAt === undefined) writeSwitched(switchTo, write);
    else reader.rewind(resumeAt);
    counters.add('switches', 1);
    const isTaken = turn.handOver(data.place, next, (target) => reader.takeOver(target));
    return isTaken ? undefined : { reason: 'unprepared_epoch', epoch: switchTo };
  } catch (error) {
    if (error instanceof FrameError) return { reason: 'bad_frame', detail: error.message };
    // The bridge closes both FIFOs, in whichever order: its end of file, seen from the writing side.
    if (isBrokenPipe(error)) return { reason: 'end_of_file', partialFrameBytes: reader.pendingBytes };
    throw error;
  }
}

/** Blocks; false: it was cancelled. */
function takeTurn(): boolean {
  const priorityProblem = raiseThreadPriority();
  // Offered before it is told: once the main thread knows, the switch may already be in the FIFO.
  const isOffered = turn.offer(data.place);
  const tookMs = performance.now() - startedAt;
  tell(isOffered ? { kind: 'ready', tookMs, priorityProblem } : { kind: 'cancelled' });
  hasTurn = isOffered && turn.wait(data.place);
  if (hasTurn) tell({ kind: 'running', epoch: data.epoch });
  return hasTurn;
}

function shadowJudge(
  rules: CompiledRules | undefined,
  counts: SharedArrayBuffer,
  samples: LaneRing,
): ShadowJudge | undefined {
  const { ruleSet, shadow, epoch } = data;
  if (rules === undefined || shadow === undefined) return undefined;
  return new ShadowJudge({
    enforced: ruleSet,
    shadow: shadow.ruleSet,
    rules,
    epoch,
    counts: new ShadowCounts(counts),
    ring: samples,
  });
}

function writeSwitched(epoch: number, write: (bytes: Uint8Array, length: number) => void): void {
  const frames = new VerdictFrames(64);
  frames.switched(epoch);
  write(frames.bytes, frames.length);
}

function tellErrors(): (error: unknown, trigger: string) => void {
  let told = 0;
  return (error, trigger) => {
    if (!hasTurn) return; // of the warm-up
    told += 1;
    if (told > maxToldErrors) return;
    const isLast = told === maxToldErrors;
    writeNote(ring, {
      kind: 'evaluation_error',
      epoch: data.epoch,
      trigger,
      error: notedError(error),
      isLast,
    });
  };
}

function tellSlow(): (batch: LaneBatch, index: number, decideMs: number) => void {
  const triggers = new AuthTriggers();
  let told = 0;
  return (batch, index, decideMs) => {
    if (!hasTurn) return;
    told += 1;
    if (told > maxToldSlow) return;
    const start = batch.eventStart[index] ?? 0;
    const end = batch.eventEnd[index] ?? 0;
    const trigger: Trigger = triggers.of(batch.bytes, start, end) ?? 'auth.unknown';
    const waiting = batch.count - index - 1;
    const isLast = told === maxToldSlow;
    writeNote(
      ring,
      { kind: 'slow_decision', epoch: data.epoch, trigger, decideMs, waiting, isLast },
      batch.bytes,
      start,
      end,
    );
  };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function tell(message: LaneWorkerMessage): void {
  parentPort?.postMessage(message);
}
