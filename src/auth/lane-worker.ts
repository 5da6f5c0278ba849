// The auth lane's thread: it blocks in read(2), decides, writes, and does nothing else. One worker serves one rule set;
// on a policy switch it gives its turn to the worker that was prepared for that epoch, and ends.
import { parentPort, workerData } from 'node:worker_threads';
import { type CompiledRules, compileRules } from '../rules/compile.ts';
import { answer } from './answer.ts';
import { decide } from './decide.ts';
import { isBrokenPipe, readFrom, writeTo } from './fifo.ts';
import { FrameError, LaneReader } from './lane-frames.ts';
import { LaneCounters } from './lane-statistics.ts';
import { LaneTurn } from './lane-turn.ts';
import type { LaneWorkerData, LaneWorkerEnd, LaneWorkerMessage } from './lane-worker-messages.ts';
import { requests } from './requests.ts';
import { ownThreadId, raiseThreadPriority } from './thread-priority.ts';
import { VerdictFrames } from './verdict-frames.ts';
import { warmUp } from './warm-up.ts';

/** Evaluation errors that one worker tells of; all are counted. A log is no place for a flood. */
const maxToldErrors = 10;

const data = workerData as LaneWorkerData;
const turn = new LaneTurn(data.turn);

const rules = prepare();
if (rules !== undefined && turn.wait(data.place)) {
  tell({ kind: 'running', epoch: data.epoch });
  const end = serve(rules);
  if (end !== undefined) tell({ kind: 'ended', end });
}
turn.leave(data.place);

function prepare(): CompiledRules | undefined {
  const startedAt = performance.now();
  try {
    const compiled = compileRules(data.ruleSet, { platform: data.platform, lane: 'auth' });
    warmUp(data.ruleSet, compiled, data.platform, data.epoch);
    const priorityProblem = raiseThreadPriority();
    // Offered before it is told: once the main thread knows, the switch may already be in the FIFO.
    const isOffered = turn.offer(data.place);
    const tookMs = performance.now() - startedAt;
    tell(isOffered ? { kind: 'ready', tookMs, priorityProblem } : { kind: 'cancelled' });
    return isOffered ? compiled : undefined;
  } catch (error) {
    tell({ kind: 'not_compiled', error: asError(error) });
    return undefined;
  }
}

/** Serves until the connection ends (how it ended) or until another worker has the turn (undefined). */
function serve(compiled: CompiledRules): LaneWorkerEnd | undefined {
  const reader = new LaneReader();
  reader.accept(turn.carried());
  const counters = new LaneCounters(data.counters);
  const { requestFd, verdictFd } = turn.descriptors();
  const write = writeTo(verdictFd);
  const isPrepared = (epoch: number): boolean => turn.waitingFor(epoch) !== undefined;
  let switchTo: number | undefined;
  let resumeAt: number | undefined;
  let failure: unknown;

  requests({ reader, read: readFrom(requestFd), counters })
    .pipe(
      decide({
        rules: compiled,
        epoch: data.epoch,
        counters,
        isPrepared,
        threadId: process.platform === 'linux' ? ownThreadId() : 0,
        onError: tellErrors(),
      }),
      answer(write, counters),
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

function writeSwitched(epoch: number, write: (bytes: Uint8Array, length: number) => void): void {
  const frames = new VerdictFrames(64);
  frames.switched(epoch);
  write(frames.bytes, frames.length);
}

function tellErrors(): (error: unknown, trigger: string) => void {
  let told = 0;
  return (error, trigger) => {
    told += 1;
    if (told <= maxToldErrors) {
      tell({ kind: 'evaluation_error', trigger, error: asError(error), isLast: told === maxToldErrors });
    }
  };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function tell(message: LaneWorkerMessage): void {
  parentPort?.postMessage(message);
}
