import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeEvent } from '../../src/events/decode-event.ts';
import type { EcsEvent } from '../../src/events/ecs-event.ts';
import { encodeEvent } from '../../src/events/encode-event.ts';
import { type EventFileOptions, eventsOfFile } from '../../src/sources/event-file.ts';
import { recordedEvent } from '../../src/sources/recording.ts';
import { esloggerSample, printLine } from '../data/eslogger-samples.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-event-file-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const EVENT: EcsEvent = {
  process: { executable: '/bin/x' },
  host: { os: { type: 'linux' } },
  picket: { trigger: 'notify.exec' },
};
const LINE = JSON.stringify(EVENT);

async function read(
  content: string | Uint8Array,
  options: Partial<EventFileOptions> = {},
): Promise<object[]> {
  const file = join(folder, 'events');
  writeFileSync(file, content);
  const found: object[] = [];
  const onFault = ({ position, reason }: { position: number; reason: string }): void =>
    void found.push({ position, reason });
  for await (const { bytes, trigger, number } of eventsOfFile(file, { onFault, ...options })) {
    found.push({ number, trigger, executable: decodeEvent(bytes).process?.executable });
  }
  return found;
}

const SEEN = { number: 1, trigger: 'notify.exec', executable: '/bin/x' };

test('an event in ECS names is read, on a line as over many', async () => {
  expect(await read(LINE)).toEqual([SEEN]);
  expect(await read(JSON.stringify(EVENT, null, 2))).toEqual([SEEN]);
  expect(await read(`\n${LINE}\n\n${LINE}\n`)).toEqual([SEEN, { ...SEEN, number: 2 }]);
});

test('a list of events is read', async () => {
  expect(await read(JSON.stringify([EVENT, EVENT], null, 1))).toEqual([SEEN, { ...SEEN, number: 2 }]);
});

test('recordings are read, packed ones and standard input, too', async () => {
  const recording = recordedEvent(encodeEvent(EVENT));
  expect(await read(recording)).toEqual([SEEN]);
  expect(await read(gzipSync(recording))).toEqual([SEEN]);
  const events: string[] = [];
  for await (const { trigger } of eventsOfFile('-', {
    onFault: () => undefined,
    stdin: Readable.from([Buffer.from(LINE)]),
  })) {
    events.push(trigger);
  }
  expect(events).toEqual(['notify.exec']);
});

test('lines of eslogger are read among events in ECS names', async () => {
  const [first, second] = await read(`${printLine(esloggerSample(9, 10))}\n${LINE}`);
  expect(first).toMatchObject({ number: 1, trigger: 'notify.exec' });
  expect(second).toEqual({ ...SEEN, number: 2 });
});

test('a line that is no event is a fault, and the rest is read', async () => {
  expect(await read(`{ broken\n${LINE}\nwords\n3\n${LINE}`)).toMatchObject([
    { position: 1, reason: expect.stringContaining('no JSON') },
    { number: 2 },
    { position: 3, reason: expect.stringContaining('no JSON') },
    { position: 4, reason: 'JSON, but no event: an event is an object' },
    { number: 5 },
  ]);
  expect(await read(JSON.stringify({ process: { executable: '/x' } }))).toMatchObject([
    { position: 1, reason: expect.stringContaining('does not say what it is') },
  ]);
  expect(await read(JSON.stringify({ ...EVENT, process: { executable: 3 } }))).toMatchObject([
    { position: 1, reason: expect.stringContaining('cannot encode executable') },
  ]);
});

test('an event is taken for what it is said to be', async () => {
  const trigger = 'auth.open';
  expect(await read(LINE, { trigger })).toEqual([{ ...SEEN, trigger }]);
  expect(await read(recordedEvent(encodeEvent(EVENT)), { trigger })).toEqual([{ ...SEEN, trigger }]);
});
