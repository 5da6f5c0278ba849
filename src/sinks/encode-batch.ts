// One message to the backend: an EventBatch, whose events are copied as the bytes they arrived in.
import { constants, zstdCompressSync } from 'node:zlib';
import Long from 'long';
import type { Loss } from '../events/event-batch.ts';
import { picket } from '../events/proto/picket.js';
import type { FlowEvent, OutgoingBatch } from '../operators/flow.ts';

export type CompressionName = 'zstd' | 'none';

export interface MessageIdentity {
  /** The agent's configured name. */
  readonly agent: string;
  /** Of the lane; with the sequence it is the message's id. */
  readonly spoolId: string;
  readonly compression: CompressionName;
}

const SCHEMA = 1;
const EVENT_TAG = (1 << 3) | 2;
/** Level 1: about 800 MB/s; higher levels save little on 64 KiB and cost the main thread. */
const ZSTD = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

export function encodeBatch(identity: MessageIdentity, sequence: number, batch: OutgoingBatch): Uint8Array {
  const list = encodeEventList(batch.events);
  const isCompressed = identity.compression === 'zstd' && list.length > 0;
  const [low, high] = sequenceRange(batch.events);
  return picket.v1.EventBatch.encode({
    agent: identity.agent,
    spoolId: identity.spoolId,
    sequence: Long.fromNumber(sequence, true),
    firstEventSequence: Long.fromNumber(low, true),
    lastEventSequence: Long.fromNumber(high, true),
    schema: SCHEMA,
    count: batch.events.length,
    compression: isCompressed
      ? picket.v1.Compression.COMPRESSION_ZSTD
      : picket.v1.Compression.COMPRESSION_NONE,
    events: isCompressed ? zstdCompressSync(list, ZSTD) : list,
    losses: batch.losses.map(encodeLoss),
    bridgeInstance: batch.bridgeInstance,
    ...(batch.host ? { host: batch.host } : {}),
  }).finish();
}

/** An EventList: each event behind its tag and length. */
function encodeEventList(events: readonly FlowEvent[]): Uint8Array {
  let length = 0;
  for (const { bytes } of events) length += 1 + varintLength(bytes.length) + bytes.length;
  const list = Buffer.allocUnsafe(length);
  let offset = 0;
  for (const { bytes } of events) {
    list[offset++] = EVENT_TAG;
    let rest = bytes.length;
    while (rest > 127) {
      list[offset++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    list[offset++] = rest;
    list.set(bytes, offset);
    offset += bytes.length;
  }
  return list;
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) length++;
  return length;
}

/** Summaries of dedupe come later than the events behind them: lowest and highest, not first and last. */
function sequenceRange(events: readonly FlowEvent[]): [low: number, high: number] {
  let low = events[0]?.sequence ?? 0;
  let high = low;
  for (const { sequence } of events) {
    if (sequence < low) low = sequence;
    if (sequence > high) high = sequence;
  }
  return [low, high];
}

function encodeLoss(loss: Loss): picket.v1.ILoss {
  return {
    cause: loss.cause,
    kind: loss.kind,
    action: loss.action,
    count: Long.fromNumber(loss.count, true),
    firstSequence: Long.fromNumber(loss.firstSequence, true),
    lastSequence: Long.fromNumber(loss.lastSequence, true),
    fromNs: Long.fromString(loss.fromNs.toString(), true),
    toNs: Long.fromString(loss.toNs.toString(), true),
  };
}
