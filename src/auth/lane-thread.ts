// One worker thread of the lane as the main thread sees it: it becomes ready or fails, and at last it exits.
import { Worker } from 'node:worker_threads';
import { LaneError } from './lane-error.ts';
import type { LaneWorkerData, LaneWorkerEnd, LaneWorkerMessage } from './lane-worker-messages.ts';

/** How a thread ended: what it told, or the error it died of, or neither when it gave its turn away. */
export interface ThreadExit {
  readonly end: LaneWorkerEnd | undefined;
  readonly error: unknown;
}

export interface LaneThread {
  readonly epoch: number;
  readonly place: number;
  /** The rules are compiled and warm. Rejects with a LaneError. */
  readonly ready: Promise<void>;
  readonly exited: Promise<ThreadExit>;
}

export function startThread(
  script: URL,
  workerData: LaneWorkerData,
  onMessage: (message: LaneWorkerMessage) => void,
): LaneThread {
  const { epoch, place } = workerData;
  // Without the process's own options: some (--input-type, --eval) mean its main script alone.
  const worker = new Worker(script, { workerData, execArgv: [], name: `auth lane, epoch ${epoch}` });
  const ready = Promise.withResolvers<void>();
  const exited = Promise.withResolvers<ThreadExit>();
  let end: LaneWorkerEnd | undefined;
  let error: unknown;

  worker.on('message', (message: LaneWorkerMessage) => {
    if (message.kind === 'ready') ready.resolve();
    if (message.kind === 'ended') end = message.end;
    if (message.kind === 'not_compiled') {
      const detail = `the rules of epoch ${epoch} do not compile: ${message.error.message}`;
      ready.reject(new LaneError('not_compiled', epoch, detail, { cause: message.error }));
    }
    if (message.kind === 'cancelled') {
      const detail = `the rules of epoch ${epoch} were not needed any more when they were ready`;
      ready.reject(new LaneError('superseded', epoch, detail));
    }
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
    exited.resolve({ end, error });
  });
  ready.promise.catch(() => undefined); // also told by what the exit means for the lane
  return { epoch, place, ready: ready.promise, exited: exited.promise };
}
