// The limit for throughput: takes the bridge's events and publishes the same batches with the same compression, without
// rules, books or queues of its own. Run as a process: relay.ts SOCKET NATS_URL
import { createConnection } from 'node:net';
import { constants, zstdCompressSync } from 'node:zlib';
import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import Long from 'long';
import PQueue from 'p-queue';
import { Writer } from 'protobufjs/minimal.js';
import { picket } from '../src/events/proto/picket.js';
import { encodeFrame, FrameSplitter } from '../src/sources/frames.ts';

const BATCH_BYTES = 64 * 1024;
const CREDIT = 65_536;
const IN_FLIGHT = 32;
const EVENT_TAG = (1 << 3) | 2; // EventList.events
const SUBSCRIPTIONS = ['open', 'close', 'exec', 'fork', 'exit'].map((action) => ({
  kind: picket.v1.EventKind.EVENT_KIND_NOTIFY,
  action,
}));
const ZSTD = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

const [socketPath, url] = process.argv.slice(2);
if (socketPath === undefined || url === undefined) throw new Error('usage: relay.ts SOCKET NATS_URL');

const nats = await connect({ servers: url });
const stream = jetstream(nats);
const publishes = new PQueue({ concurrency: IN_FLIGHT });
const socket = createConnection(socketPath);
const splitter = new FrameSplitter(1024 * 1024);
const spoolId = 'relay';
let batch: Uint8Array[] = [];
let batchBytes = 0;
let sequence = 0;
let received = 0;

const send = (message: picket.v1.IToBridge): void => {
  socket.write(encodeFrame(picket.v1.ToBridge.encode(message).finish()));
};

function publish(): void {
  if (batch.length === 0) return;
  const writer = new Writer();
  for (const event of batch) writer.uint32(EVENT_TAG).bytes(event);
  const list = writer.finish();
  const body = picket.v1.EventBatch.encode({
    agent: 'relay',
    spoolId,
    sequence: Long.fromNumber(++sequence, true),
    schema: 1,
    count: batch.length,
    compression: picket.v1.Compression.COMPRESSION_ZSTD,
    events: zstdCompressSync(list, ZSTD),
  }).finish();
  const msgID = `${spoolId}:${sequence}`;
  batch = [];
  batchBytes = 0;
  publishes.add(() => stream.publish('picket.events.test.relay', body, { msgID, timeout: 30_000 }));
}

async function finish(): Promise<void> {
  publish();
  await publishes.onIdle();
  socket.destroy();
  await nats.close();
}

socket.on('data', (chunk: Buffer) => {
  for (const frame of splitter.push(chunk)) {
    const message = picket.v1.ToAgent.decode(frame);
    if (message.events) {
      for (const event of message.events.events ?? []) {
        batch.push(event);
        batchBytes += event.length;
        received++;
        if (batchBytes >= BATCH_BYTES) publish();
      }
      send({ credit: { events: CREDIT, acceptedThrough: Long.fromNumber(received, true) } });
      if (message.events.endOfSource) void finish();
    } else if (message.welcome) {
      send({ policy: { epoch: Long.UONE, subscriptions: SUBSCRIPTIONS } });
      send({ credit: { events: CREDIT, acceptedThrough: Long.UZERO } });
    } else if (message.refused) {
      throw new Error(`the bridge refused: ${message.refused.reason}`);
    }
  }
  // The socket is read no faster than batches are published.
  if (publishes.size > 2 * IN_FLIGHT) {
    socket.pause();
    publishes.onSizeLessThan(IN_FLIGHT).then(() => socket.resume());
  }
});
send({ hello: { protocol: 1, agent: 'relay', version: '0' } });
