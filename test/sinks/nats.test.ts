// The sink and the stream's set-up against a real nats-server.
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import pino from 'pino';
import { lastValueFrom, of, toArray } from 'rxjs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openBatch } from '../../src/cli/published-batch.ts';
import { LaneBooks } from '../../src/observe/ledger.ts';
import type { OutgoingBatch } from '../../src/operators/flow.ts';
import { MemorySpool } from '../../src/sinks/memory-spool.ts';
import { publish, subjectToken } from '../../src/sinks/nats.ts';
import { NatsLinkConnection } from '../../src/sinks/nats-link.ts';
import { setupStream } from '../../src/sinks/stream.ts';
import { flowEvent } from '../operators/event-fixtures.ts';
import { Cleanup } from '../system/harness/cleanup.ts';
import { type NatsServer, startNats } from '../system/harness/nats.ts';

let cleanup: Cleanup;
let nats: NatsServer;
let connection: NatsConnection;
let lines: string[];

beforeEach(async () => {
  cleanup = new Cleanup();
  nats = await startNats(cleanup);
  connection = await connect({ servers: nats.url });
  cleanup.add(() => connection.close());
  lines = [];
});

afterEach(() => cleanup.run());

function sink(subject: string) {
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
  const backoff = { firstMs: 10, maxMs: 50 };
  const link = new NatsLinkConnection({ connection: { servers: nats.url }, backoff, log });
  cleanup.add(() => link.close());
  const books = new LaneBooks();
  const operator = publish({
    subject,
    stream: 'PICKET',
    link,
    spool: new MemorySpool({ agent: 'a', compression: 'zstd', maxBytes: 1e8, maxEvents: 1e6 }),
    books,
    maxInFlight: 8,
    maxInFlightBytes: 1e7,
    acknowledgementTimeoutMs: 2_000,
    duplicateWindowMs: 120_000,
    backoff,
    log,
  });
  return { operator, books };
}

function outgoing(first: number, count: number, path?: string): OutgoingBatch {
  const events = Array.from({ length: count }, (_, index) => flowEvent(first + index, path ? { path } : {}));
  const bytes = events.reduce((sum, event) => sum + event.bytes.length, 0);
  return { events, losses: [], bridgeInstance: 'b1', bytes };
}

async function storedCounts(): Promise<number[]> {
  const manager = await jetstreamManager(connection);
  const { state } = await manager.streams.info('PICKET');
  const counts: number[] = [];
  for (let seq = 1; seq <= state.last_seq; seq++) {
    const message = await manager.streams.getMessage('PICKET', { seq });
    if (message) counts.push(openBatch(message.data).events.length);
  }
  return counts;
}

describe('picket stream setup', () => {
  test('creates the stream, finds it as it should be, and mends what is different', async () => {
    expect(await setupStream(connection)).toEqual({ action: 'created', changes: [] });
    expect((await setupStream(connection)).action).toBe('unchanged');
    const manager = await jetstreamManager(connection);
    await manager.streams.update('PICKET', { allow_direct: false, max_msgs_per_subject: 5 });
    const { action, changes } = await setupStream(connection, { maxAgeMs: 3_600_000 });
    expect(action).toBe('updated');
    expect(changes.join()).toContain('allow_direct: false → true');
    const { config } = await manager.streams.info('PICKET');
    expect(config).toMatchObject({
      subjects: ['picket.events.>', 'picket.alerts.>'],
      duplicate_window: 120_000_000_000,
      allow_direct: true,
      max_msgs_per_subject: 5,
      max_age: 3_600_000_000_000,
    });
    expect(await setupStream(connection)).toEqual({ action: 'unchanged', changes: [] });
  });

  test('says what the server has against it', async () => {
    await setupStream(connection);
    await expect(setupStream(connection, { name: 'OTHER' })).rejects.toThrow(/stream OTHER: .*overlap/);
  });
});

describe('the sink', () => {
  test('completes when all is acknowledged', async () => {
    await setupStream(connection);
    const { operator, books } = sink('picket.events.g.h');
    const receipts = await lastValueFrom(of(outgoing(1, 3), outgoing(4, 2)).pipe(operator, toArray()));
    expect(receipts.map(({ outcome }) => outcome)).toEqual(['acknowledged', 'acknowledged']);
    expect(await storedCounts()).toEqual([3, 2]);
    expect(books).toMatchObject({ inFlight: 0, acknowledged: 5 });
  });

  test('waits for a stream that is not there yet, and says which command makes it', async () => {
    const { operator } = sink('picket.events.g.h');
    const receipts = lastValueFrom(of(outgoing(1, 3)).pipe(operator, toArray()));
    await expect.poll(() => lines.join('\n')).toContain('picket stream setup --stream PICKET');
    await setupStream(connection);
    expect(await receipts).toHaveLength(1);
    expect(await storedCounts()).toEqual([3]);
  });

  test('stores what waited while the server was away', async () => {
    await setupStream(connection);
    await nats.kill();
    const { operator } = sink('picket.events.g.h');
    const receipts = lastValueFrom(of(outgoing(1, 3)).pipe(operator, toArray()));
    await expect.poll(() => lines.join('\n')).toContain('cannot reach NATS');
    await nats.restart();
    await receipts;
    await expect.poll(storedCounts).toEqual([3]);
  });

  test('passes over what an agent before it stored of the same bridge', async () => {
    await setupStream(connection);
    await lastValueFrom(of(outgoing(1, 3)).pipe(sink('picket.events.g.h').operator));
    const { operator, books } = sink('picket.events.g.h');
    books.waiting = 5; // as the batch operator counts
    await lastValueFrom(of(outgoing(1, 5)).pipe(operator));
    expect(await storedCounts()).toEqual([3, 2]);
    expect(books).toMatchObject({ storedBefore: 3, acknowledged: 2, waiting: 0 });
  });
});

test('the token of a host holds nothing that a subject gives a meaning to, and stays different from any other', () => {
  expect(subjectToken('web-1')).toBe('web-1');
  expect(subjectToken('web.example.org')).toBe('web%2Eexample%2Eorg');
  expect(subjectToken('a *>b')).toBe('a%20%2A%3Eb');
  expect(subjectToken('%2E')).not.toBe(subjectToken('.'));
  expect(subjectToken('')).toBe('%');
});
