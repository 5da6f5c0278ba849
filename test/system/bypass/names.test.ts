// Names at the edges: as long as a path may be, no UTF-8, and none at all.
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { textOfBytes } from '../../../src/events/text.ts';
import { Cleanup } from '../harness/cleanup.ts';
import { denyPath, type Guarded, makeGuarded } from './guarded.ts';
import { intrude } from './intruder.ts';

/** A path with its terminating zero fills a page. */
const PATH_MAX = 4_095;
const NAME_MAX = 255;

let cleanup: Cleanup;
let guarded: Guarded;

beforeEach(() => {
  cleanup = new Cleanup();
  guarded = makeGuarded(cleanup);
});

afterEach(() => cleanup.run());

const open = (file: string, name = 'plain'): string =>
  intrude({ name, who: 'root', verb: 'open', file, work: guarded.work });

/** A path of exactly so many bytes, with its folders made. */
function longPath(length: number, last: string): string {
  let folder = guarded.mount;
  while (length - folder.length - last.length - 1 > NAME_MAX + 1)
    folder = join(folder, 'f'.repeat(NAME_MAX - 5));
  folder = join(folder, 'f'.repeat(length - folder.length - last.length - 2));
  mkdirSync(folder, { recursive: true });
  return join(folder, last);
}

test('a path of 4,095 bytes is denied like a short one, by the bridge and by the agent', async () => {
  const [byBridge, byAgent, neighbour] = ['bridge', 'agent--', 'other--'].map((name) =>
    longPath(PATH_MAX, name),
  );
  const files = [byBridge, byAgent, neighbour] as string[];
  for (const file of files) {
    expect(Buffer.byteLength(file)).toBe(PATH_MAX);
    writeFileSync(file, 'x');
  }
  await guarded.enforce([
    denyPath('by-bridge', 'equal', files[0] ?? ''),
    denyPath('by-agent', 'ignoreCase:equal', files[1] ?? ''),
  ]);
  expect(files.map((file) => open(file))).toEqual(['EPERM', 'EPERM', 'none']);
  // A bind mount makes the path that is used a short one.
  expect(files.map((file) => open(file, 'bind-folder'))).toEqual(['EPERM', 'EPERM', 'none']);
});

test('a name that is no UTF-8 is denied as it is written in a rule, and only that one', async () => {
  const folder = Buffer.from(`${guarded.mount}/`);
  const names = [Buffer.from([0xff, 0xfe, 0x80]), Buffer.from([0xff, 0xfe, 0x81])].map((name) =>
    Buffer.concat([folder, name]),
  );
  for (const name of names) writeFileSync(name, 'x');
  await guarded.enforce([denyPath('no-utf8', 'equal', textOfBytes(names[0] ?? Buffer.alloc(0)))]);
  const outcomes = names.map((name) => {
    try {
      closeSync(openSync(name, 'r'));
      return 'none';
    } catch (error) {
      return (error as NodeJS.ErrnoException).code;
    }
  });
  expect(outcomes).toEqual(['EPERM', 'none']);
});

test('a file without a name is made where no rule denies, and not in a denied folder', async () => {
  const folder = guarded.openFolder('folder');
  const closed = guarded.openFolder('closed');
  await guarded.enforce([
    denyPath('by-bridge', 'equal', join(folder, 'denied')),
    denyPath('by-agent', 'ignoreCase:equal', join(folder, 'denied-too')),
    denyPath('by-folder', 'startsWith', `${closed}/`),
  ]);
  for (const name of ['nameless', 'nameless-elsewhere']) {
    expect(open(join(folder, 'any'), name), name).toBe('none');
    expect(open(join(closed, 'any'), name), name).toBe('EPERM');
  }
});
