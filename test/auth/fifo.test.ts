import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openFifos, readFifo, writeFifo } from '../../src/auth/fifo.ts';

let folder: string;
let requestFifo: string;
let verdictFifo: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-fifo-'));
  requestFifo = join(folder, 'requests');
  verdictFifo = join(folder, 'verdicts');
  execFileSync('/usr/bin/mkfifo', [requestFifo, verdictFifo]);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a FIFO that the bridge never opens is given up, and no thread stays behind in open(2)', async () => {
  await expect(openFifos(requestFifo, verdictFifo, 20)).rejects.toMatchObject({ path: requestFifo });
  // Four threads are in the pool: were they still waiting, the fifth opening would never come to its turn.
  const failed = Array.from({ length: 5 }, (_, index) => {
    const other = join(folder, `requests-${index}`);
    execFileSync('/usr/bin/mkfifo', [other]);
    return openFifos(other, verdictFifo, 20).catch(() => 'given up');
  });
  expect(await Promise.all(failed)).toEqual(Array(5).fill('given up'));
});

test('a verdict FIFO that the bridge never opens is given up', async () => {
  const bridge = await open(requestFifo, constants.O_RDWR);
  await expect(openFifos(requestFifo, verdictFifo, 20)).rejects.toMatchObject({ path: verdictFifo });
  await bridge.close();
});

test('a FIFO whose name is gone while its opening waits is given up as well', async () => {
  const opened = openFifos(requestFifo, verdictFifo, 50);
  rmSync(requestFifo);
  await expect(opened).rejects.toThrow('did not open its end');
});

test('a name that is no FIFO is refused', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, 'no frames');
  await expect(openFifos(file, verdictFifo, 1_000)).rejects.toThrow('it is no FIFO');
});

test('a bridge that opens its ends later is waited for', async () => {
  const opened = openFifos(requestFifo, verdictFifo, 10_000);
  const bridge = await Promise.all([
    open(requestFifo, constants.O_RDWR),
    open(verdictFifo, constants.O_RDWR),
  ]);
  const pair = await opened;
  await Promise.all([...bridge, pair.requests, pair.verdicts].map((handle) => handle.close()));
});

test('what is written to a FIFO is read from it, and its close is the end of file', async () => {
  const writer = openSync(requestFifo, constants.O_RDWR);
  const reader = await open(requestFifo, constants.O_RDONLY);
  const bytes = Buffer.from('verdicts');
  writeFifo(writer, bytes, 7);
  const buffer = new Uint8Array(16);
  expect(readFifo(reader.fd, buffer, 2, 14)).toBe(7);
  expect(Buffer.from(buffer).toString('latin1', 2, 9)).toBe('verdict');
  closeSync(writer);
  expect(readFifo(reader.fd, buffer, 0, 16)).toBe(0);
  await reader.close();
});
