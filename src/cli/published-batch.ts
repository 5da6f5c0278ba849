// Opens a message of the events stream: an EventBatch, its list of events decompressed and cut into encoded events.
import { zstdDecompressSync } from 'node:zlib';
import protobuf from 'protobufjs/minimal.js';
import { picket } from '../events/proto/picket.js';

/** A batch comes from the network: what it claims to hold must not fill our memory. */
const MAX_DECOMPRESSED_BYTES = 64 * 1024 * 1024;
const EVENTS_FIELD = 1;
const LENGTH_DELIMITED = 2;

export interface PublishedBatch {
  readonly agent: string;
  readonly spoolId: string;
  readonly sequence: number;
  readonly bridgeInstance: string;
  readonly host: string;
  /** How many events the header promises; `events.length` is how many there are. */
  readonly count: number;
  readonly events: readonly Uint8Array[];
  readonly losses: readonly picket.v1.ILoss[];
}

export class PublishedBatchError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PublishedBatchError';
  }
}

export function openBatch(data: Uint8Array): PublishedBatch {
  const batch = decodeBatch(data);
  return {
    agent: batch.agent,
    spoolId: batch.spoolId,
    sequence: Number(batch.sequence),
    bridgeInstance: batch.bridgeInstance,
    host: batch.host?.name ?? '',
    count: batch.count,
    events: splitEvents(decompress(batch)),
    losses: batch.losses,
  };
}

function decodeBatch(data: Uint8Array): picket.v1.EventBatch {
  try {
    return picket.v1.EventBatch.decode(data);
  } catch (cause) {
    throw new PublishedBatchError('the message is not an EventBatch', { cause });
  }
}

function decompress(batch: picket.v1.EventBatch): Uint8Array {
  switch (batch.compression) {
    case picket.v1.Compression.COMPRESSION_NONE:
      return batch.events;
    case picket.v1.Compression.COMPRESSION_ZSTD:
      try {
        return zstdDecompressSync(batch.events, { maxOutputLength: MAX_DECOMPRESSED_BYTES });
      } catch (cause) {
        throw new PublishedBatchError('the events of the batch are no valid zstd', { cause });
      }
    default:
      throw new PublishedBatchError(
        `the batch is compressed by method ${batch.compression}, which this version of picket does not know`,
      );
  }
}

/** EventList without decoding the events: each keeps its bytes. */
function splitEvents(list: Uint8Array): Uint8Array[] {
  const events: Uint8Array[] = [];
  try {
    const reader = protobuf.Reader.create(list);
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag === ((EVENTS_FIELD << 3) | LENGTH_DELIMITED)) events.push(reader.bytes());
      else reader.skipType(tag & 7);
    }
  } catch (cause) {
    throw new PublishedBatchError('the list of events in the batch is cut or damaged', { cause });
  }
  return events;
}
