import { randomBytes } from 'node:crypto';
import { JetStreamApiError } from '@nats-io/jetstream';
import fc from 'fast-check';
import pino from 'pino';
import { describe, expect, test } from 'vitest';
import { openBatch } from '../../src/cli/published-batch.ts';
import { headerOf } from '../../src/events/encoded-event.ts';
import { LaneBooks } from '../../src/observe/ledger.ts';
import type { OutgoingBatch, Receipt } from '../../src/operators/flow.ts';
import { LanePublisher, type LanePublisherOptions } from '../../src/sinks/lane-publisher.ts';
import { MemorySpool } from '../../src/sinks/memory-spool.ts';
import { flowEvent, loss } from '../operators/event-fixtures.ts';
import { FakeStream, type Fault } from './fake-stream.ts';

const silent = pino({ level: 'silent' });

function outgoing(first: number, count: number, more: Partial<OutgoingBatch> = {}): OutgoingBatch {
  const events = Array.from({ length: count }, (_, index) => flowEvent(first + index));
  return {
    events,
    losses: [],
    bridgeInstance: 'b1',
    bytes: events.reduce((sum, { bytes }) => sum + bytes.length, 0),
    ...more,
  };
}

function setUp(link: FakeStream, more: Partial<LanePublisherOptions> = {}, maxBytes = 1e6) {
  const books = new LaneBooks();
  const receipts: Receipt[] = [];
  const spool = new MemorySpool({ agent: 'a', compression: 'zstd', maxBytes, maxEvents: 1e6 });
  const publisher = new LanePublisher({
    subject: 'picket.events.g.h',
    stream: 'PICKET',
    link,
    spool,
    books,
    maxInFlight: 4,
    maxInFlightBytes: 1e6,
    acknowledgementTimeoutMs: 1000,
    duplicateWindowMs: 120_000,
    backoff: { firstMs: 0.01, maxMs: 0.02 },
    log: silent,
    onReceipt: (receipt) => receipts.push(receipt),
    ...more,
  });
  const offer = (batch: OutgoingBatch): void => {
    books.entered += batch.events.length;
    books.waiting += batch.events.length;
    publisher.offer(batch);
  };
  return { publisher, books, receipts, spool, offer };
}

function storedSequences(link: FakeStream): number[] {
  return link.bodies.flatMap((body) => openBatch(body).events.map((bytes) => headerOf(bytes).sequence));
}

const faults = fc.array(fc.constantFrom<Fault>('none', 'lost', 'stored_but_silent', 'broken'), {
  maxLength: 40,
});
const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 25 });

describe('a lane', () => {
  test('stores every event once, whatever is lost on the way, and its books say so', async () => {
    await fc.assert(
      fc.asyncProperty(faults, sizes, async (schedule, counts) => {
        const link = new FakeStream(schedule);
        const { publisher, books, receipts, offer } = setUp(link);
        let next = 1;
        for (const count of counts) {
          offer(outgoing(next, count));
          next += count;
        }
        await publisher.idle();
        publisher.stop();
        const total = next - 1;
        const all = Array.from({ length: total }, (_, index) => index + 1);
        expect(storedSequences(link).toSorted((a, b) => a - b)).toEqual(all);
        expect(books).toMatchObject({
          entered: total,
          acknowledged: total,
          waiting: 0,
          inFlight: 0,
          shed: 0,
        });
        const settled = receipts.flatMap(({ events }) => events.map(({ sequence }) => sequence));
        expect(settled.toSorted((a, b) => a - b)).toEqual(all);
        expect(link.mostInFlight).toBeLessThanOrEqual(4);
      }),
      { numRuns: 60 },
    );
  });

  test('beyond the duplicate window it asks what was stored last, and does not send that again', async () => {
    await fc.assert(
      fc.asyncProperty(faults, sizes, async (schedule, counts) => {
        // Every doubt is old, and the server knows no id: only reading back tells what is there.
        let now = 0;
        const link = new FakeStream(
          schedule.map((fault) => (fault === 'lost' ? 'stored_but_silent' : fault)),
        );
        link.remembersIds = false;
        const { publisher, offer } = setUp(link, { maxInFlight: 1, now: () => (now += 100_000) });
        let next = 1;
        for (const count of counts) {
          offer(outgoing(next, count));
          next += count;
        }
        await publisher.idle();
        publisher.stop();
        expect(storedSequences(link)).toEqual(Array.from({ length: next - 1 }, (_, index) => index + 1));
      }),
      { numRuns: 60 },
    );
  });

  test('what the server refuses is not taken for stored because a later message is', async () => {
    let now = 0;
    const link = new FakeStream();
    let refusals = 0;
    link.refusal = ({ messageId }) => {
      if (!messageId.endsWith(':1') || refusals === 20) return undefined;
      refusals++;
      return new JetStreamApiError({ code: 503, err_code: 10077, description: 'insufficient resources' });
    };
    const { publisher, books, offer } = setUp(link, { now: () => (now += 100_000) });
    offer(outgoing(1, 1));
    offer(outgoing(2, 1));
    await publisher.idle();
    publisher.stop();
    expect(storedSequences(link).toSorted()).toEqual([1, 2]);
    expect(books.acknowledged).toBe(2);
  });

  test('what an agent before it stored until the takeover is not stored again', async () => {
    const link = new FakeStream();
    const { publisher, books, offer } = setUp(link);
    await expect.poll(() => link.readBacks).toBe(1);
    // The one before goes on until the bridge gives its events to this one.
    const before = setUp(link);
    before.offer(outgoing(1, 3));
    await before.publisher.idle();
    before.publisher.stop();
    offer(outgoing(1, 5));
    await publisher.idle();
    publisher.stop();
    expect(storedSequences(link)).toEqual([1, 2, 3, 4, 5]);
    expect(books).toMatchObject({ storedBefore: 3, acknowledged: 2, waiting: 0 });
  });

  test('numbers messages from 1 without gaps, with one id a lane that nobody can guess', async () => {
    const link = new FakeStream();
    const { publisher, spool, offer } = setUp(link);
    for (let index = 0; index < 3; index++) offer(outgoing(index + 1, 1));
    await publisher.idle();
    expect(link.stored).toEqual([1, 2, 3].map((sequence) => `${spool.spoolId}:${sequence}`));
    expect(spool.spoolId).toMatch(/^[0-9a-f]{32}$/);
    expect(setUp(link).spool.spoolId).not.toBe(spool.spoolId);
  });

  test('publishes nothing while disconnected, and goes on after', async () => {
    const link = new FakeStream();
    link.isConnected = false;
    const { publisher, books, offer } = setUp(link);
    offer(outgoing(1, 2));
    expect(books).toMatchObject({ waiting: 2, inFlight: 0 });
    link.setConnected(true);
    await publisher.idle();
    expect(storedSequences(link)).toEqual([1, 2]);
  });

  test('a batch larger than the server takes is split, and its losses go once', async () => {
    const link = new FakeStream();
    link.maxMessageBytes = 400;
    const { publisher, books, offer } = setUp(link);
    const padded = Array.from({ length: 16 }, (_, index) =>
      flowEvent(index + 1, { path: `/${randomBytes(32).toString('hex')}` }),
    );
    offer(outgoing(1, 0, { events: padded, losses: [loss(4)], bytes: 2000 }));
    await publisher.idle();
    expect(link.bodies.length).toBeGreaterThan(1);
    for (const body of link.bodies) expect(body.length).toBeLessThanOrEqual(400);
    expect(storedSequences(link)).toEqual(padded.map(({ sequence }) => sequence));
    expect(link.bodies.map((body) => openBatch(body).losses.length).reduce((a, b) => a + b)).toBe(1);
    expect(books.acknowledged).toBe(16);
  });

  test('one event that no message can hold is given up, counted, and the rest goes on', async () => {
    const link = new FakeStream();
    link.maxMessageBytes = 400;
    const { publisher, books, receipts, offer } = setUp(link);
    const large = flowEvent(2, { path: `/${Array.from({ length: 500 }, () => Math.random()).join('')}` });
    offer(outgoing(1, 0, { events: [flowEvent(1), large, flowEvent(3)], bytes: large.bytes.length + 200 }));
    await publisher.idle();
    expect(storedSequences(link)).toEqual([1, 3]);
    expect(books).toMatchObject({ deadLettered: 1, acknowledged: 2, waiting: 0 });
    expect(receipts.find(({ outcome }) => outcome === 'dead_lettered')?.events).toEqual([large]);
  });

  test('a full spool gives up its oldest batch, counted and told as a loss, and keeps the losses on record', async () => {
    const link = new FakeStream();
    link.isConnected = false;
    const rooms: boolean[] = [];
    const batch = outgoing(1, 2, { losses: [loss(9)] });
    const { publisher, books, offer } = setUp(link, { onRoom: (room) => rooms.push(room) }, batch.bytes * 2);
    offer(batch);
    offer(outgoing(3, 2));
    offer(outgoing(5, 2));
    expect(books).toMatchObject({ shed: 2, waiting: 4 });
    expect(rooms).toEqual([false]);
    link.setConnected(true);
    await publisher.idle();
    expect(storedSequences(link)).toEqual([3, 4, 5, 6]);
    const losses = link.bodies.flatMap((body) => openBatch(body).losses);
    expect(losses.map(({ cause, count }) => [cause, Number(count)])).toEqual([
      ['queue_full', 9],
      ['agent_spool_full', 2],
    ]);
    expect(rooms).toEqual([false, true]);
  });

  test('a missing stream is retried, and said with the command that mends it', async () => {
    const lines: string[] = [];
    const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
    const link = new FakeStream();
    link.error = Object.assign(new Error('jetstream is not enabled'), { name: 'JetStreamNotEnabled' });
    const { publisher, offer } = setUp(link, { log });
    offer(outgoing(1, 1));
    await expect.poll(() => lines.length).toBeGreaterThan(0);
    link.error = undefined;
    await publisher.idle();
    expect(lines[0]).toContain('picket stream setup');
    expect(storedSequences(link)).toEqual([1]);
  });

  test('stopped, it leaves what is not acknowledged counted as such', async () => {
    const link = new FakeStream();
    link.isConnected = false;
    const { publisher, books, offer } = setUp(link);
    offer(outgoing(1, 3));
    publisher.stop();
    expect(books).toMatchObject({ waiting: 3, acknowledged: 0 });
  });
});
