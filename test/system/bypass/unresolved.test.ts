// A file without a path, and no agent to ask: what the bridge denies by a path, it denies then too, for the file could be
// the one that the rule means. The agent would say the same, so it is killed first.
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Cleanup } from '../harness/cleanup.ts';
import { waitFor } from '../harness/wait.ts';
import { denyPath, type Guarded, makeGuarded } from './guarded.ts';
import { intrude } from './intruder.ts';

let cleanup: Cleanup;
let guarded: Guarded;

beforeEach(() => {
  cleanup = new Cleanup();
  guarded = makeGuarded(cleanup);
});

afterEach(() => cleanup.run());

test('without an agent a file that has no path is denied, whichever it is', async () => {
  const folder = guarded.openFolder('folder');
  const [byBridge, byAgent, neighbour] = ['by-bridge', 'by-agent', 'neighbour'].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  const attempt = (name: string, verb: 'open' | 'run', file: string): string => {
    guarded.renewWork();
    guarded.renew(file);
    return intrude({ name, who: 'user', verb, file, work: guarded.work });
  };
  const agent = await guarded.enforce([
    denyPath('by-bridge', 'equal', byBridge),
    denyPath('by-agent', 'ignoreCase:equal', byAgent),
  ]);
  expect(attempt('plain', 'open', byAgent)).toBe('EPERM');
  agent.signal('SIGKILL');
  await waitFor('the bridge to be alone', () => attempt('plain', 'open', byAgent) === 'none');

  for (const verb of ['open', 'run'] as const) {
    expect(attempt('plain', verb, byBridge), verb).toBe('EPERM');
    expect(attempt('plain', verb, neighbour), verb).toBe('none');
    for (const name of ['deleted', 'deep'])
      for (const file of [byBridge, neighbour])
        expect(attempt(name, verb, file), `${name}, ${verb} ${file}`).toBe('EPERM');
  }
}, 60_000);
