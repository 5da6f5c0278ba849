// What docs/limits.md says of two ways that are open: what a rule author can do about them does work.
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Cleanup } from '../harness/cleanup.ts';
import { startStream, waitForStored } from '../harness/stream.ts';
import { denyPath, type Guarded, makeGuarded } from './guarded.ts';
import { intrude } from './intruder.ts';

let cleanup: Cleanup;
let guarded: Guarded;

beforeEach(() => {
  cleanup = new Cleanup();
  guarded = makeGuarded(cleanup);
});

afterEach(() => cleanup.run());

test('a program that auth.exec alone denies runs by its loader, a script by its shell; auth.open stops both', async () => {
  const folder = guarded.openFolder('folder');
  const files = ['exec', 'both'].flatMap((on) =>
    ['program', 'script'].map((kind) => join(folder, `${on}-${kind}`)),
  );
  for (const file of files)
    guarded.renew(file, file.endsWith('script') ? { text: '#!/bin/sh\n' } : { from: '/bin/true' });
  await guarded.enforce([
    denyPath('exec', 'startsWith', join(folder, 'exec-'), ['auth.exec']),
    denyPath('both', 'startsWith', join(folder, 'both-')),
  ]);
  const run = (name: string, file: string): string =>
    intrude({ name, who: 'user', verb: 'run', file, work: guarded.work });
  const by = (file: string): string => (file.endsWith('script') ? 'by-shell' : 'by-loader');
  expect(files.map((file) => run('plain', file))).toEqual(['EPERM', 'EPERM', 'EPERM', 'EPERM']);
  expect(files.map((file) => run(by(file), file))).toEqual(['none', 'none', 'EPERM', 'EPERM']);
});

test('a denied file that is renamed away opens by its new name, and a notify.rename rule tells of it', async () => {
  const nats = await startStream(cleanup);
  const file = join(guarded.openFolder('folder'), 'denied');
  guarded.renew(file);
  await guarded.enforce(
    [
      denyPath('denied', 'equal', file),
      {
        name: 'denied-moved',
        on: ['notify.rename'],
        severity: 'high',
        conditions: { all: [{ fact: 'file', path: '$.path', operator: 'equal', value: file }] },
        event: { type: 'alert' },
      },
    ],
    nats.url,
  );
  expect(intrude({ name: 'plain', who: 'user', verb: 'open', file, work: guarded.work })).toBe('EPERM');
  expect(intrude({ name: 'renamed', who: 'user', verb: 'open', file, work: guarded.work })).toBe('none');
  const { alerts } = await waitForStored(nats, 'the alert', (stored) =>
    stored.alerts.some(({ trigger }) => trigger === 'notify.rename'),
  );
  const renamed = alerts.find(({ trigger }) => trigger === 'notify.rename');
  expect(renamed?.path).toBe(file);
  expect(Buffer.from(renamed?.message.file?.targetPath ?? []).toString()).toBe(
    join(guarded.mount, 'moved-away'),
  );
});

test('a pipe with a denied name opens all the same', async () => {
  const pipe = join(guarded.openFolder('folder'), 'pipe');
  execFileSync('mkfifo', [pipe]);
  const file = join(guarded.openFolder('folder'), 'file');
  guarded.renew(file);
  await guarded.enforce([denyPath('pipe', 'startsWith', `${guarded.mount}/folder/`)]);
  expect(intrude({ name: 'write-only', who: 'user', verb: 'open', file, work: guarded.work })).toBe('EPERM');
  closeSync(openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK));
});
