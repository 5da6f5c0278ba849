// What flows between the operators: the batches of the event model, each event with the way back to its source, which
// must hear when nobody needs the event any more (only then may the bridge forget it).
import type { EventBatch, Loss, PipelineEvent } from '../events/event-batch.ts';
import type { picket } from '../events/proto/picket.js';

/** Where an event came from. An event without an origin (replay, tests) owes nobody an answer. */
export interface Origin {
  /** One more copy is under way (an alert travels in a lane of its own). */
  hold(): void;
  /** One copy has come to its end: filtered, deduplicated, shed or acknowledged. */
  settle(): void;
}

export interface FlowEvent extends PipelineEvent {
  readonly origin?: Origin;
}

export interface FlowBatch extends EventBatch {
  readonly events: readonly FlowEvent[];
  readonly host?: picket.v1.IHost;
}

/** Behind `decide`: `events` go on, `alerts` are copies for the alert lane. */
export interface DecidedBatch extends FlowBatch {
  readonly alerts: readonly FlowEvent[];
}

/** What a sink gets: bounded in events, bytes and age, of one bridge instance only. */
export interface OutgoingBatch {
  readonly events: readonly FlowEvent[];
  readonly losses: readonly Loss[];
  readonly bridgeInstance: string;
  readonly host?: picket.v1.IHost;
  /** Sum of the events' encoded lengths. */
  readonly bytes: number;
}

/** What became of a batch, or of the part of it that one message carried. */
export interface Receipt {
  readonly outcome: 'acknowledged' | 'shed' | 'dead_lettered';
  readonly events: readonly FlowEvent[];
}

export function settleAll(events: readonly FlowEvent[]): void {
  for (const event of events) event.origin?.settle();
}
