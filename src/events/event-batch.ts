// What flows through the pipeline: what one read of a source yielded, events still encoded.
import type { Trigger } from './triggers.ts';

/** What the rules said, kept beside the bytes so that later operators need not read them again. */
export interface EventDecision {
  readonly verdict: 'allow' | 'deny' | 'forward' | 'drop' | 'none';
  readonly rules: readonly string[];
  readonly tags: readonly string[];
  readonly hasAlerts: boolean;
}

export interface PipelineEvent {
  /** An encoded picket.v1.Event, annotations appended. */
  readonly bytes: Uint8Array;
  /** Within one bridge instance, or one replay; from 1. */
  readonly sequence: number;
  readonly trigger: Trigger;
  /** picket.v1.EventKind. */
  readonly kind: number;
  readonly action: string;
  /** Set by `decide`. */
  readonly decision?: EventDecision;
}

/** Events that nobody will see (picket.v1.Loss). */
export interface Loss {
  readonly cause: string;
  readonly kind: number;
  /** Empty: several. */
  readonly action: string;
  /** 0: at least one, the number is not known. */
  readonly count: number;
  /** 0: lost before it had a number. */
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly fromNs: bigint;
  readonly toNs: bigint;
}

export interface EventBatch {
  readonly events: readonly PipelineEvent[];
  readonly losses: readonly Loss[];
  /** Inputs of this batch that were no event. */
  readonly malformed: number;
  readonly bridgeInstance: string;
  readonly endOfSource?: boolean;
}
