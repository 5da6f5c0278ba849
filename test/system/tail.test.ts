// `picket tail` against a real nats-server: what was published comes out, in order, decoded.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { EcsEvent } from '../../src/events/ecs-event.ts';
import { encodeEvent } from '../../src/events/encode-event.ts';
import { picket } from '../../src/events/proto/picket.js';
import { Cleanup } from './harness/cleanup.ts';
import { type NatsServer, startNats } from './harness/nats.ts';
import { type Running, start } from './harness/process.ts';
import { waitFor } from './harness/wait.ts';

const CLI = join(import.meta.dirname, '../../src/cli/main.ts');

let cleanup: Cleanup;
let nats: NatsServer;
let connection: NatsConnection;

beforeEach(async () => {
  cleanup = new Cleanup();
  nats = await startNats(cleanup);
  connection = await connect({ servers: nats.url });
  cleanup.add(() => connection.close());
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: 'PICKET', subjects: ['picket.events.>'] });
});

afterEach(() => cleanup.run());

function event(path: string, trigger: 'auth.open' | 'notify.open', rules: readonly string[] = []): EcsEvent {
  return { event: { action: 'open' }, file: { path }, picket: { trigger, rules } };
}

async function publish(...events: readonly EcsEvent[]): Promise<void> {
  const list = picket.v1.EventList.encode({
    events: events.map((event) => picket.v1.Event.decode(encodeEvent(event))),
  }).finish();
  await publishBytes(
    picket.v1.EventBatch.encode({
      count: events.length,
      compression: 1,
      events: zstdCompressSync(list),
    }).finish(),
  );
}

async function publishBytes(data: Uint8Array): Promise<void> {
  await jetstream(connection).publish('picket.events.group.host', data);
}

function tail(...args: readonly string[]): Running {
  return start(cleanup, process.execPath, [CLI, 'tail', '--nats', nats.url, ...args]);
}

function paths(ndjson: string): unknown[] {
  return ndjson
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).file.path);
}

test('all that the stream holds comes out in order, one JSON object a line', async () => {
  await publish(event('/a', 'auth.open'), event('/b\udcff', 'auth.open'));
  await publish(event('/c', 'notify.open'));
  const running = tail('--from-start', '--ndjson', '--count', '3');
  expect(await running.ended()).toBe(0);
  expect(paths(running.stdout())).toEqual(['/a', '/b\udcff', '/c']);
});

test('a trigger or a rule selects events', async () => {
  await publish(event('/a', 'auth.open', ['one']), event('/b', 'notify.open', ['one', 'two']));
  await publish(event('/c', 'notify.open', ['one']));
  const byTrigger = tail('--from-start', '--ndjson', '--count', '2', '--trigger', 'notify.open');
  expect(await byTrigger.ended()).toBe(0);
  expect(paths(byTrigger.stdout())).toEqual(['/b', '/c']);
  const byRule = tail('--from-start', '--ndjson', '--count', '1', '--rule', 'two');
  expect(await byRule.ended()).toBe(0);
  expect(paths(byRule.stdout())).toEqual(['/b']);
});

test('a message that is no batch is reported and passed over, and the exit code is 1', async () => {
  await publishBytes(new Uint8Array([0xff, 0xff, 0xff]));
  await publish(event('/a', 'auth.open'));
  const running = tail('--from-start', '--ndjson', '--count', '1');
  expect(await running.ended()).toBe(1);
  expect(paths(running.stdout())).toEqual(['/a']);
  expect(running.stderr()).toContain('message 1 of picket.events.group.host');
});

test('what comes later is shown until Ctrl-C, which ends it cleanly', async () => {
  const running = tail('--ndjson');
  await waitFor('tail to be ready', () => running.stderr().includes('Ctrl-C'));
  await publish(event('/live', 'auth.open'));
  await waitFor('the event', () => running.stdout().includes('/live'));
  running.signal('SIGINT');
  expect(await running.ended()).toBe(0);
  expect(running.stderr()).not.toContain('Error');
});

test('a recording holds the encoded events, each with its length before it', async () => {
  const events = [event('/a', 'auth.open'), event('/b', 'auth.open')];
  await publish(...events);
  const folder = mkdtempSync(join(tmpdir(), 'picket-tail-'));
  cleanup.add(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'out.picket');
  const running = tail('--from-start', '--count', '2', '--record', file);
  expect(await running.ended()).toBe(0);
  const expected = events.map(encodeEvent).flatMap((bytes) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    return [length, bytes];
  });
  expect(readFileSync(file)).toEqual(Buffer.concat(expected));
});

test('a reader that goes away ends it quietly', async () => {
  await publish(...Array.from({ length: 500 }, (_, number) => event(`/${number}`, 'auth.open')));
  const command = `"${process.execPath}" "${CLI}" tail --nats ${nats.url} --from-start --ndjson | head -n 1`;
  const running = start(cleanup, 'sh', ['-c', command]);
  await publish(...Array.from({ length: 500 }, (_, number) => event(`/${number}`, 'auth.open')));
  // Only by a line that nobody takes does it learn that the reader is gone, which may be a while after its first one.
  await waitFor('its end', async () => {
    await publish(event('/more', 'auth.open'));
    return running.child.exitCode !== null;
  });
  expect(running.stdout()).toContain('/0');
  expect(await running.ended()).toBe(0);
  expect(running.stderr()).not.toContain('EPIPE');
});

test('without a server it says which one, and exits 1 without a stack', async () => {
  await nats.kill();
  const running = tail('--from-start');
  expect(await running.ended()).toBe(1);
  expect(running.stderr()).toContain(nats.url);
  expect(running.stderr()).not.toContain('    at ');
});
