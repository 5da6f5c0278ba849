// One worker thread of the lane as the main thread sees it: it becomes ready or fails, and at last it is let go and exits.
import { Worker } from 'node:worker_threads';
import { LaneError } from './lane-error.ts';
import { LaneTurn } from './lane-turn.ts';
import type { LaneWorkerData, LaneWorkerMessage } from './lane-worker-messages.ts';
import { inOrder } from './thread-order.ts';

export interface LaneThread {
  readonly epoch: number;
  readonly place: number;
  /** The rules are compiled and warm. Rejects with a LaneError. */
  readonly ready: Promise<void>;
  /** With the error that it died of, if it did. */
  readonly exited: Promise<unknown>;
  /** It has nothing more to do, or will be told so by its turn: it exits when its time comes. */
  letGo(): void;
}

/** It starts when its time comes, and not at all where it was cancelled before. */
export function startThread(
  script: URL,
  workerData: LaneWorkerData,
  onMessage: (message: LaneWorkerMessage) => void,
): LaneThread {
  const { epoch, place } = workerData;
  const turn = new LaneTurn(workerData.turn);
  const ready = Promise.withResolvers<void>();
  const exited = Promise.withResolvers<unknown>();
  ready.promise.catch(() => undefined); // also told by what the exit means for the lane

  inOrder(async () => {
    if (turn.isCancelled(place)) {
      ready.reject(notNeeded(epoch));
      exited.resolve(undefined);
      return;
    }
    run(script, workerData, onMessage, ready, exited);
    await Promise.allSettled([ready.promise]);
  });
  return {
    epoch,
    place,
    ready: ready.promise,
    exited: exited.promise,
    letGo: () =>
      inOrder(() => {
        turn.letGo(place);
        return exited.promise;
      }),
  };
}

function run(
  script: URL,
  workerData: LaneWorkerData,
  onMessage: (message: LaneWorkerMessage) => void,
  ready: PromiseWithResolvers<void>,
  exited: PromiseWithResolvers<unknown>,
): void {
  const { epoch } = workerData;
  // Without the process's own options: some (--input-type, --eval) mean its main script alone.
  const worker = new Worker(script, { workerData, execArgv: [], name: `auth lane, epoch ${epoch}` });
  let error: unknown;

  worker.on('message', (message: LaneWorkerMessage) => {
    if (message.kind === 'ready') ready.resolve();
    if (message.kind === 'not_compiled') {
      const detail = `the rules of epoch ${epoch} do not compile: ${message.error.message}`;
      ready.reject(new LaneError('not_compiled', epoch, detail, { cause: message.error }));
    }
    if (message.kind === 'cancelled') ready.reject(notNeeded(epoch));
    onMessage(message);
  });
  worker.on('error', (thrown) => {
    error = thrown;
  });
  worker.on('exit', (code) => {
    const detail = error instanceof Error ? error.message : `it exited with code ${code}`;
    ready.reject(
      new LaneError('crashed', epoch, `the auth lane's thread of epoch ${epoch} died: ${detail}`, {
        cause: error,
      }),
    );
    exited.resolve(error);
  });
}

function notNeeded(epoch: number): LaneError {
  return new LaneError('superseded', epoch, `the rules of epoch ${epoch} are not needed any more`);
}
