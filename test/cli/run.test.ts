// `picket run` as a process: how it ends.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname;

let folder: string;
let muteServer: Server;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'picket-run-'));
  writeFileSync(
    join(folder, 'rules.yaml'),
    `
- name: one
  on: [notify.open]
  conditions: { all: [{ fact: file, path: $.path, operator: equal, value: /x }] }
  event: { type: forward }
`,
  );
  // Takes connections and says nothing: the client waits for its first word, and cannot be told to stop.
  muteServer = createServer().listen(0, '127.0.0.1');
  await once(muteServer, 'listening');
});

afterEach(() => {
  muteServer.close();
  rmSync(folder, { recursive: true, force: true });
});

test('SIGTERM is a clean end also while a NATS server keeps the connection waiting', async () => {
  const { port } = muteServer.address() as AddressInfo;
  const nats = Array.from({ length: 3 }, () => `127.0.0.1:${port}`);
  const socket = join(folder, 'no.sock');
  const args = [MAIN, 'run', '--socket', socket, '--rules', folder, '--nats', ...nats];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  try {
    let words = '';
    child.stderr.on('data', (chunk) => {
      words += chunk;
    });
    const ended = once(child, 'close');
    await expect.poll(() => words).toContain('trying again');
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(words).toContain('The books balance.');
  } finally {
    child.kill('SIGKILL');
  }
});
