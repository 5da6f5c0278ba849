// What a stream holds: every event of every batch, with the lane and the bridge that it came from.
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { openBatch } from '../../../src/cli/published-batch.ts';
import { picket } from '../../../src/events/proto/picket.js';
import { setupStream } from '../../../src/sinks/stream.ts';
import type { Cleanup } from './cleanup.ts';
import { type NatsServer, startNats } from './nats.ts';
import { waitFor } from './wait.ts';

const STREAM = 'PICKET';
const { EVENT_KIND_AUTH, EVENT_KIND_PICKET } = picket.v1.EventKind;

export interface StoredEvent {
  readonly bridgeInstance: string;
  readonly sequence: number;
  /** `auth.open`, `notify.exec`, `picket.unwatched`. */
  readonly trigger: string;
  /** The file acted on, or the program that began. */
  readonly path: string;
  readonly message: picket.v1.Event;
}

export interface Stored {
  readonly events: readonly StoredEvent[];
  readonly alerts: readonly StoredEvent[];
  readonly losses: readonly picket.v1.ILoss[];
}

/** A nats-server of the test's own, with the stream that agents publish to. */
export async function startStream(cleanup: Cleanup): Promise<NatsServer> {
  const nats = await startNats(cleanup);
  const connection = await connect({ servers: nats.url });
  await setupStream(connection);
  await connection.close();
  return nats;
}

export async function readStored(nats: NatsServer): Promise<Stored> {
  const connection = await connect({ servers: nats.url });
  try {
    const manager = await jetstreamManager(connection);
    const { state } = await manager.streams.info(STREAM);
    const stored = {
      events: [] as StoredEvent[],
      alerts: [] as StoredEvent[],
      losses: [] as picket.v1.ILoss[],
    };
    for (let number = Math.max(1, state.first_seq); number <= state.last_seq; number++) {
      const message = await manager.streams.getMessage(STREAM, { seq: number });
      if (message === null) throw new Error(`message ${number} is missing`);
      const batch = openBatch(message.data);
      stored.losses.push(...batch.losses);
      const lane = message.subject.startsWith('picket.alerts.') ? stored.alerts : stored.events;
      for (const bytes of batch.events) lane.push(storedEvent(bytes, batch.bridgeInstance));
    }
    return stored;
  } finally {
    await connection.close();
  }
}

function storedEvent(bytes: Uint8Array, bridgeInstance: string): StoredEvent {
  const message = picket.v1.Event.decode(bytes);
  const isAuth = message.kind === EVENT_KIND_AUTH;
  const prefix = isAuth ? 'auth' : message.kind === EVENT_KIND_PICKET ? 'picket' : 'notify';
  const path = message.file?.path ?? message.process?.executable ?? new Uint8Array();
  return {
    bridgeInstance,
    sequence: Number(message.sequence),
    trigger: `${prefix}.${message.action}`,
    path: Buffer.from(path).toString('utf8'),
    message,
  };
}

/** Waits until the stream holds what is looked for. */
export function waitForStored(
  nats: NatsServer,
  what: string,
  isThere: (stored: Stored) => boolean,
  boundMs?: number,
): Promise<Stored> {
  return waitFor(
    `${what} to be in the stream`,
    async () => {
      const stored = await readStored(nats);
      return isThere(stored) && stored;
    },
    boundMs,
  );
}

/** What stands there more than once; empty when all is well. Summaries of dedupe repeat the event they speak of. */
export function doubles(events: readonly StoredEvent[]): string[] {
  const seen = new Set<string>();
  return events
    .filter(({ message }) => Number(message.suppressed) === 0)
    .map(({ bridgeInstance, sequence }) => `${bridgeInstance}:${sequence}`)
    .filter((id) => seen.has(id) || !seen.add(id));
}
