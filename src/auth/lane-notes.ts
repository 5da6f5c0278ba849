// What the lane has to say beside its answers. A note goes through the ring; it is rare, and so may cost a few
// microseconds: whoever writes one has a limit on them.
import type { Trigger } from '../events/triggers.ts';
import type { LaneRing } from './lane-ring.ts';
import type { Judgement, ShadowDifference } from './shadow-difference.ts';

export type LaneNote =
  /** A request could not be evaluated and was deferred. `isLast`: further ones are only counted. */
  | {
      readonly kind: 'evaluation_error';
      readonly epoch: number;
      readonly trigger: string;
      readonly error: NotedError;
      readonly isLast: boolean;
    }
  /** A decision that others had to wait for. */
  | {
      readonly kind: 'slow_decision';
      readonly epoch: number;
      readonly trigger: Trigger;
      readonly decideMs: number;
      /** Requests of the same read that had not been decided yet. */
      readonly waiting: number;
      readonly isLast: boolean;
    }
  /** The shadow rules would have answered otherwise: one of those that the counts have. */
  | { readonly kind: 'shadow_difference'; readonly epoch: number; readonly difference: ShadowDifference }
  /** What the shadow rules would have answered, json-rules-engine must say. */
  | {
      readonly kind: 'shadow_undecided';
      readonly epoch: number;
      readonly trigger: Trigger;
      readonly enforced: Judgement;
    };

export interface NotedError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
}

export interface TakenNote {
  readonly note: LaneNote;
  /** The request's, encoded; empty: it was too long to be kept. */
  readonly event: Uint8Array;
}

/** Longer ones would push out the notes behind them. */
const maxEventBytes = 8_192;
const maxErrorText = 2_048;
const headBytes = 4;
const noBytes = new Uint8Array(0);

/** False: dropped. `bytes[start, end)` is the event that it is about. */
export function writeNote(
  ring: LaneRing,
  note: LaneNote,
  bytes: Uint8Array = noBytes,
  start = 0,
  end = start,
): boolean {
  const event = end - start > maxEventBytes ? noBytes : bytes.subarray(start, end);
  const text = Buffer.from(JSON.stringify(note));
  const head = Buffer.alloc(headBytes);
  head.writeUInt32LE(text.length);
  return ring.write(Buffer.concat([head, text, event]));
}

export function takeNote(ring: LaneRing): TakenNote | undefined {
  const record = ring.read();
  if (record === undefined) return undefined;
  const buffer = Buffer.from(record.buffer);
  const end = headBytes + buffer.readUInt32LE();
  const note = JSON.parse(buffer.toString('utf8', headBytes, end)) as LaneNote;
  return { note, event: record.subarray(end) };
}

export function notedError(error: unknown): NotedError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error).slice(0, maxErrorText) };
  const { name, message, stack } = error;
  return { name, message: message.slice(0, maxErrorText), stack: stack?.slice(0, maxErrorText) };
}
