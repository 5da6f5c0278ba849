// From a bridge that plays a recording to JetStream, with the faults that an endpoint sees: everything that the
// generator made is in the stream once, and the books of every agent say so.
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openBatch } from '../../src/cli/published-batch.ts';
import { picket } from '../../src/events/proto/picket.js';
import { setupStream } from '../../src/sinks/stream.ts';
import { agentConfig, startAgent, writeRules } from './harness/agent.ts';
import { bridgeProgram, socketOf } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import { type NatsServer, startNats } from './harness/nats.ts';
import { type Running, start } from './harness/process.ts';
import { type Generated, generatorRules, writeRecording } from './harness/recording.ts';
import type { Scratch } from './harness/scratch.ts';
import { waitFor } from './harness/wait.ts';

const STREAM = 'PICKET';
const KIND_NOTIFY = picket.v1.EventKind.EVENT_KIND_NOTIFY;

let cleanup: Cleanup;
let scratch: Scratch;
let nats: NatsServer;
let generated: Generated;

beforeEach(async () => {
  cleanup = new Cleanup();
  scratch = folderOnly();
  nats = await startNats(cleanup);
  const connection = await connect({ servers: nats.url });
  await setupStream(connection);
  await connection.close();
});

afterEach(() => cleanup.run());

/** These tests guard nothing: they need no mount, and so no privilege. */
function folderOnly(): Scratch {
  const folder = mkdtempSync(join(tmpdir(), 'picket-test-'));
  cleanup.add(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'bridge'), { mode: 0o750 });
  const none = (): never => {
    throw new Error('this test has no guarded filesystem');
  };
  return { folder, mount: folder, program: none, file: none, deepFile: none };
}

/** Plays `count` events, so many microseconds apart; the bridge begins when a policy asks for them. */
async function play(count: number, spacingUs: number): Promise<Running> {
  const file = join(scratch.folder, 'generated.picket');
  generated = writeRecording(file, count, spacingUs);
  return await startReplay(file);
}

async function startReplay(file: string, options: readonly string[] = []): Promise<Running> {
  const socket = socketOf(scratch);
  const bridge = start(cleanup, bridgeProgram, [
    '--backend',
    'replay',
    '--file',
    file,
    '--socket',
    socket,
    ...options,
  ]);
  await waitFor(
    () => `the bridge to listen; it said ${bridge.stderr()}`,
    () => existsSync(socket),
  );
  return bridge;
}

async function agent(rules = writeRules(scratch, generatorRules())): Promise<Running> {
  const config = agentConfig(scratch, {
    name: 'h1',
    rules,
    nats: nats.url,
    more: {
      agent: { name: 'h1', group: 'test', drain_ms: 10_000 },
      // The folder is no filesystem of its own: nothing may be guarded.
      guard: { filesystems: [] },
    },
  });
  return await startAgent(cleanup, config);
}

/** Ends an agent and returns its books, which must balance. */
async function endOf(running: Running): Promise<Map<string, number>> {
  expect(await running.stop(), running.stderr()).toBe(0);
  expect(running.stderr()).toContain('The books balance.');
  const lines = running.stderr().matchAll(/^ +([=+]? ?[a-z][a-z ,()-]*[a-z)]) +(\d+)$/gm);
  const books = new Map<string, number>();
  // Names of lanes come twice: the first is the lane of events.
  for (const [, name = '', count] of lines) if (!books.has(name)) books.set(name, Number(count));
  return books;
}

interface StreamContent {
  /** The generator's numbers, in the order of the stream, by lane. */
  readonly events: number[];
  readonly alerts: number[];
  readonly picketEvents: string[];
  readonly lost: number;
}

async function readStream(): Promise<StreamContent> {
  const connection = await connect({ servers: nats.url });
  try {
    const manager = await jetstreamManager(connection);
    const { state } = await manager.streams.info(STREAM);
    const content: StreamContent = { events: [], alerts: [], picketEvents: [], lost: 0 };
    let lost = 0;
    for (let sequence = state.first_seq; sequence <= state.last_seq && sequence > 0; sequence++) {
      const message = await manager.streams.getMessage(STREAM, { seq: sequence });
      if (message === null) throw new Error(`message ${sequence} is missing`);
      const batch = openBatch(message.data);
      lost += batch.losses.reduce((sum, { count }) => sum + Number(count ?? 0), 0);
      const lane = message.subject.startsWith('picket.alerts.') ? content.alerts : content.events;
      for (const bytes of batch.events) {
        const event = picket.v1.Event.decode(bytes);
        if (event.kind === KIND_NOTIFY) lane.push(event.process?.pid ?? 0);
        else content.picketEvents.push(event.action);
      }
    }
    return { ...content, lost };
  } finally {
    await connection.close();
  }
}

/** Waits until some more events are in the stream than now, or all: a machine may be slower than the generator. */
async function moreBatches(): Promise<void> {
  const before = (await readStream()).events.length;
  const isEnough = (now: number): boolean => now > before || now >= generated.forwarded.length;
  await waitFor('some more batches', async () => isEnough((await readStream()).events.length));
}

/** Waits until the stream holds as much as it should; then a second look must find no more. */
async function expectOnce(): Promise<StreamContent> {
  await waitFor(
    'every event to be in the stream',
    async () => (await readStream()).events.length >= generated.forwarded.length,
  );
  const content = await readStream();
  const sorted = (numbers: number[]): number[] => numbers.toSorted((a, b) => a - b);
  expect(content.lost).toBe(0);
  expect(sorted(content.events)).toEqual(generated.forwarded);
  expect(sorted(content.alerts)).toEqual(generated.alerted);
  return content;
}

describe('every event is in the stream once', () => {
  test('when nothing goes wrong, in order', async () => {
    await play(5_000, 100);
    const running = await agent();
    const content = await expectOnce();
    expect(content.events).toEqual(generated.forwarded);
    const books = await endOf(running);
    const own = content.picketEvents.length;
    expect(books.get('received')).toBe(generated.count + own);
    expect(books.get('+ filtered')).toBe(generated.count / 2);
    expect(books.get('+ acknowledged')).toBe(generated.forwarded.length + own);
    expect(books.get('alerts (copies)')).toBe(generated.alerted.length);
  });

  test('when NATS is killed and started again under load', async () => {
    await play(30_000, 200);
    const running = await agent();
    for (let round = 0; round < 2; round++) {
      await moreBatches();
      await nats.restart();
    }
    await expectOnce();
    const books = await endOf(running);
    expect(books.get('+ shed')).toBe(0);
    expect(books.get('+ filtered')).toBe(generated.count / 2);
  });

  test('when the agent is terminated and started again, twice in a row, under load', async () => {
    await play(30_000, 200);
    const totals = { received: 0, filtered: 0, acknowledged: 0 };
    for (let round = 0; round < 3; round++) {
      const running = await agent();
      await moreBatches();
      if (round === 2) await expectOnce();
      const books = await endOf(running);
      totals.received += books.get('received') ?? 0;
      totals.filtered += books.get('+ filtered') ?? 0;
      totals.acknowledged += books.get('+ acknowledged') ?? 0;
    }
    const content = await expectOnce();
    const own = content.picketEvents.length;
    expect(content.picketEvents).toContain('unwatched');
    expect(totals).toEqual({
      received: generated.count + own,
      filtered: generated.count / 2,
      acknowledged: generated.forwarded.length + own,
    });
  });
});

test('an agent killed under load leaves neither a gap nor a double', async () => {
  await play(20_000, 200);
  for (let round = 0; round < 2; round++) {
    const running = await agent();
    await moreBatches();
    running.signal('SIGKILL');
    await running.ended();
  }
  const running = await agent();
  const { events, picketEvents } = await expectOnce();
  const books = await endOf(running);
  expect(books.get('+ acknowledged')).toBeLessThan(events.length + picketEvents.length);
});

test('changed rules are in force without a restart, broken ones are not', async () => {
  await play(20_000, 200);
  const rules = writeRules(scratch, []);
  const running = await agent(rules);
  running.signal('SIGHUP');
  await waitFor('a reload without a change', () => running.stderr().includes('nothing changed'));
  writeRules(scratch, [{ name: 'broken' }]);
  await waitFor('the error', () => running.stderr().includes('the running set stays in force'));
  await waitFor('its place', () => running.stderr().includes(join(rules, 'rules.yaml')));
  writeRules(scratch, generatorRules());
  await waitFor('the new policy', () => running.stderr().includes('came: wanted, alert'));
  await waitFor('events by the new rules', async () => (await readStream()).events.length > 0);
  await endOf(running);
});

test('a bridge that is killed and comes back is taken up again; the books of the agent go on', async () => {
  // Too long to be over when it is killed; played again it is quicker.
  const first = await play(20_000, 1_000);
  const running = await agent();
  await waitFor('some batches', async () => (await readStream()).events.length > 0);
  first.signal('SIGKILL');
  await first.ended();
  await waitFor('the agent to notice', () => /trying again/.test(running.stderr()));
  await startReplay(join(scratch.folder, 'generated.picket'), ['--speed', '5']);
  const whole = generated.forwarded.length;
  await waitFor('the second playing to be whole', async () => {
    const { events } = await readStream();
    return (
      events.filter((number) => number === generated.forwarded.at(-1)).length === 1 && events.length > whole
    );
  });
  const books = await endOf(running);
  const { events, picketEvents } = await readStream();
  expect(books.get('+ acknowledged')).toBe(events.length + picketEvents.length);
});
