// Reads the batches of a JetStream stream, in order, from its start or from now on.
import {
  type ConsumerMessages,
  type DeliverPolicy,
  type JsMsg,
  jetstream,
  jetstreamManager,
} from '@nats-io/jetstream';
import { type ConnectionOptions, connect, type NatsConnection } from '@nats-io/transport-node';
import { CommandError } from './failure.ts';
import { openBatch, type PublishedBatch } from './published-batch.ts';

export interface StreamReaderOptions {
  readonly connection: ConnectionOptions;
  readonly subject: string;
  readonly from: 'start' | 'now';
}

export interface StreamMessage {
  readonly subject: string;
  readonly streamSequence: number;
  /** The Nats-Msg-Id header, by which the server knows a duplicate. */
  readonly messageId: string;
  /** An error where the message is no batch: reading goes on. */
  readonly batch: PublishedBatch | Error;
}

export interface StreamReader {
  readonly stream: string;
  readonly messages: AsyncIterable<StreamMessage>;
  /** Ends the iteration; messages already received are still given out. */
  close(): Promise<void>;
}

export async function openStreamReader(options: StreamReaderOptions): Promise<StreamReader> {
  const connection = await connectOrExplain(options.connection);
  try {
    const stream = await findStream(connection, options.subject);
    // An ordered consumer lives in memory, needs no acknowledgements and starts again by itself where it was.
    const consumer = await jetstream(connection).consumers.get(stream, {
      filter_subjects: options.subject,
      deliver_policy: (options.from === 'start' ? 'all' : 'new') as DeliverPolicy,
    });
    const messages = await consumer.consume({ max_messages: 64 });
    return {
      stream,
      messages: openEach(messages),
      async close() {
        await messages.close();
        await connection.close();
      },
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

async function connectOrExplain(options: ConnectionOptions): Promise<NatsConnection> {
  try {
    return await connect({ name: 'picket tail', timeout: 5_000, maxReconnectAttempts: -1, ...options });
  } catch (cause) {
    const servers = [options.servers ?? 'nats://127.0.0.1:4222'].flat().join(', ');
    throw new CommandError(`cannot reach NATS at ${servers}: is it running, is the address right?`, 1, {
      cause,
    });
  }
}

async function findStream(connection: NatsConnection, subject: string): Promise<string> {
  try {
    const manager = await jetstreamManager(connection);
    return await manager.streams.find(subject);
  } catch (cause) {
    throw new CommandError(`no stream of this server holds ${subject}; 'picket stream setup' creates it`, 1, {
      cause,
    });
  }
}

async function* openEach(messages: ConsumerMessages): AsyncGenerator<StreamMessage> {
  for await (const message of messages) yield openMessage(message);
}

function openMessage(message: JsMsg): StreamMessage {
  return {
    subject: message.subject,
    streamSequence: message.seq,
    messageId: message.headers?.get('Nats-Msg-Id') ?? '',
    batch: tryOpen(message.data),
  };
}

function tryOpen(data: Uint8Array): PublishedBatch | Error {
  try {
    return openBatch(data);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
