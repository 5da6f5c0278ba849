// What the main thread gives a lane worker, and what the worker tells it. All of it goes one way only: a worker that
// blocks in read(2) receives no messages. None is sent for a request: what is to be said of one goes through the ring.
import type { Platform } from '../events/triggers.ts';
import type { RuleSet } from '../rules/schema.ts';
import type { TurnMemory } from './lane-turn.ts';

export interface LaneWorkerData {
  readonly ruleSet: RuleSet;
  readonly platform: Platform;
  readonly epoch: number;
  /** The worker's place in the turn table. */
  readonly place: number;
  readonly turn: TurnMemory;
  readonly counters: SharedArrayBuffer;
  readonly ring: SharedArrayBuffer;
  /** Undefined: there is no shadow set. */
  readonly shadow: LaneShadow | undefined;
}

interface LaneShadow {
  readonly ruleSet: RuleSet;
  readonly counts: SharedArrayBuffer;
}

export type LaneWorkerMessage =
  | { readonly kind: 'ready'; readonly tookMs: number; readonly priorityProblem: string | undefined }
  | { readonly kind: 'not_compiled'; readonly error: Error }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'running'; readonly epoch: number }
  | { readonly kind: 'ended'; readonly end: LaneWorkerEnd };

export type LaneWorkerEnd =
  | { readonly reason: 'end_of_file'; readonly partialFrameBytes: number }
  | { readonly reason: 'bad_frame'; readonly detail: string }
  | { readonly reason: 'unprepared_epoch'; readonly epoch: number };
