// Where batches wait to be published. The publisher knows only this face: behind it lies memory, or a disk.
import type { FlowEvent, OutgoingBatch } from '../operators/flow.ts';

/** One message, numbered and encoded. Its bytes stay in the spool's care until it is acknowledged. */
export interface SpoolRecord {
  /** From 1, without gaps, in order of time. */
  readonly sequence: number;
  readonly body: Uint8Array;
  readonly events: readonly FlowEvent[];
}

export type SpoolNext =
  | { readonly is: 'record'; readonly record: SpoolRecord }
  /** A batch of which an agent before this one has stored every event. */
  | { readonly is: 'stored'; readonly events: readonly FlowEvent[] }
  /** One event alone makes a larger message than the server takes: it can't be delivered, ever. */
  | { readonly is: 'too_large'; readonly event: FlowEvent };

/** The last message that the stream holds of the lane's subject. */
export interface LastStored {
  readonly bridgeInstance: string;
  readonly lastEventSequence: number;
}

export interface Spool {
  /** 128 random bits, hex: an id that others can guess would let them make the server drop our batches. */
  readonly spoolId: string;
  readonly waitingEvents: number;
  readonly waitingBytes: number;
  /** False: another batch would soon push out an older one. */
  readonly hasRoom: boolean;
  /** Takes a batch; the events that had to give way are returned, oldest first. */
  append(batch: OutgoingBatch): readonly FlowEvent[];
  /** The oldest batch not given out yet, as a message of at most so many bytes; a larger one is split. */
  next(maxMessageBytes: number): SpoolNext | undefined;
  /**
   * Before the first next(): what the stream holds of an agent before this one. A spool that does not outlive its agent
   * gets those events from the bridge again when that agent was killed, and passes them over.
   */
  resumeBehind(last: LastStored): void;
  /** The record is stored in the stream: its bytes may be freed. */
  acknowledge(record: SpoolRecord): void;
}
