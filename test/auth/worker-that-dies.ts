// A lane worker that takes its turn, reads once and dies: what an error in our own code would do.
import { readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { LaneTurn } from '../../src/auth/lane-turn.ts';
import type { LaneWorkerData } from '../../src/auth/lane-worker-messages.ts';

const data = workerData as LaneWorkerData;
const turn = new LaneTurn(data.turn);
turn.offer(data.place);
parentPort?.postMessage({ kind: 'ready', tookMs: 0, priorityProblem: undefined });
if (turn.wait(data.place)) {
  readSync(turn.descriptors().requestFd, Buffer.alloc(64));
  throw new RangeError('a defect of the lane');
}
