// What the main thread gives a lane worker, and what the worker tells it. All of it goes one way only: a worker that
// blocks in read(2) receives no messages.
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
}

export type LaneWorkerMessage =
  | { readonly kind: 'ready'; readonly tookMs: number; readonly priorityProblem: string | undefined }
  | { readonly kind: 'not_compiled'; readonly error: Error }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'running'; readonly epoch: number }
  | {
      readonly kind: 'evaluation_error';
      readonly trigger: string;
      readonly error: Error;
      readonly isLast: boolean;
    }
  | { readonly kind: 'ended'; readonly end: LaneWorkerEnd };

export type LaneWorkerEnd =
  | { readonly reason: 'end_of_file'; readonly partialFrameBytes: number }
  | { readonly reason: 'bad_frame'; readonly detail: string }
  | { readonly reason: 'unprepared_epoch'; readonly epoch: number };
