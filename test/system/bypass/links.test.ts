// Hard links: a rule that names a file by its whole path holds for its other names, too.
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Cleanup } from '../harness/cleanup.ts';
import { startStream, waitForStored } from '../harness/stream.ts';
import { denyPath, type Guarded, makeGuarded } from './guarded.ts';
import { intrude } from './intruder.ts';

let cleanup: Cleanup;

beforeEach(() => {
  cleanup = new Cleanup();
});

afterEach(() => cleanup.run());

describe.each(['tmpfs', 'ext4'] as const)('on %s', (type) => {
  let guarded: Guarded;
  let files: { byBridge: string; byAgent: string; byFolder: string; neighbour: string };

  beforeEach(() => {
    guarded = makeGuarded(cleanup, type);
    const folder = guarded.openFolder('folder');
    files = {
      byBridge: join(folder, 'by-bridge'),
      byAgent: join(folder, 'by-agent'),
      byFolder: join(guarded.openFolder('closed'), 'file'),
      neighbour: join(folder, 'neighbour'),
    };
    for (const file of Object.values(files)) guarded.renew(file);
  });

  /** The agent's rule reads a fact that the bridge does not, and still names its file. */
  const rules = (): unknown[] => [
    denyPath('by-bridge', 'equal', files.byBridge),
    denyPath('by-folder', 'startsWith', `${dirname(files.byFolder)}/`),
    {
      name: 'by-agent',
      on: ['auth.open', 'auth.exec'],
      conditions: {
        all: [
          { fact: 'file', path: '$.path', operator: 'equal', value: files.byAgent },
          { fact: 'file', path: '$.size', operator: 'greaterThan', value: 0 },
        ],
      },
      event: { type: 'deny' },
    },
  ];

  function outcomes(name: string, verb: 'open' | 'run' = 'open'): Record<string, string> {
    const found: Record<string, string> = {};
    for (const [which, file] of Object.entries(files)) {
      guarded.renewWork();
      found[which] = intrude({
        name,
        who: name === 'hard-link' ? 'user' : 'root',
        verb,
        file,
        work: guarded.work,
      });
    }
    return found;
  }

  const wanted = { byBridge: 'EPERM', byAgent: 'EPERM', byFolder: 'none', neighbour: 'none' };

  test('its other names are denied like the one in the rule, to open and to run', async () => {
    await guarded.enforce(rules());
    expect(outcomes('hard-link')).toEqual(wanted);
    expect(outcomes('hard-link', 'run')).toEqual(wanted);
    // Replaced since the rules were read, as editors and packages do.
    for (const file of Object.values(files)) guarded.renew(file);
    expect(outcomes('hard-link')).toEqual(wanted);
    rmSync(files.byBridge);
    guarded.renew(files.byBridge);
    expect(outcomes('hard-link')).toEqual(wanted);
  });

  test('through another mount a file is known by the name it was opened by, though another link is called alike', async () => {
    await guarded.enforce(rules());
    expect(outcomes('hard-link-of-one-name')).toEqual({ ...wanted, byFolder: 'EPERM' });
  });
});

test('the event of such an open names the file as the rule does, and says that it has several names', async () => {
  const nats = await startStream(cleanup);
  const guarded = makeGuarded(cleanup);
  const file = join(guarded.openFolder('folder'), 'denied');
  guarded.renew(file);
  await guarded.enforce([denyPath('denied', 'equal', file)], nats.url);
  expect(intrude({ name: 'hard-link', who: 'user', verb: 'open', file, work: guarded.work })).toBe('EPERM');
  const { events } = await waitForStored(nats, 'the event', (stored) =>
    stored.events.some(({ trigger }) => trigger === 'auth.open'),
  );
  const denied = events.find(({ trigger }) => trigger === 'auth.open');
  expect([denied?.path, denied?.message.file?.links]).toEqual([file, 2]);
});
