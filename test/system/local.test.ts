// The agent's own configuration: guard.filesystems: [local], and new mounts as they come out at the far end.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { agentConfig, startAgent, writeRules } from './harness/agent.ts';
import { bridgeProgram, socketOf, startBridge } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import { errorOfOpen } from './harness/opener.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { startStream, waitForStored } from './harness/stream.ts';
import { waitFor } from './harness/wait.ts';

let cleanup: Cleanup;
let scratch: Scratch;
let root: string;

beforeEach(async () => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
  root = dirname(scratch.folder);
  // Never the machine's own filesystems, whatever local means there.
  await startBridge(cleanup, scratch, { args: ['--only-below', root] });
});

afterEach(() => cleanup.run());

const rules = [
  {
    name: 'deny',
    on: ['auth.open'],
    conditions: { all: [{ fact: 'file', path: '$.path', operator: 'endsWith', value: '/denied' }] },
    event: { type: 'deny' },
  },
];

function mountLater(): string {
  const later = join(root, 'later');
  mkdirSync(later);
  execFileSync('mount', ['-t', 'tmpfs', 'picket-test', later]);
  cleanup.add(() => {
    execFileSync('umount', ['-l', later]);
  });
  // It may be guarded by now; to rename opens nothing.
  writeFileSync(join(later, 'x'), 'x');
  renameSync(join(later, 'x'), join(later, 'denied'));
  return later;
}

test('local: what is there and what is mounted later is guarded, what is not is told', async () => {
  const denied = scratch.file('denied');
  const config = agentConfig(scratch, {
    rules: writeRules(scratch, rules),
    more: { guard: { filesystems: ['local'] } },
  });
  const agent = await startAgent(cleanup, config);
  expect(errorOfOpen(denied)).toBe('EPERM');
  await waitFor('what is not guarded to be told', () =>
    /not guarded: \/ \(\w+\) is not guarded: .*--only-below/.test(agent.stderr()),
  );
  const later = mountLater();
  await waitFor('it to be guarded', () => errorOfOpen(join(later, 'denied')) === 'EPERM');
  expect(errorOfOpen(scratch.file('other'))).toBe('none');
});

test('local: switched off nothing is guarded, and switched on again all of it is at once', async () => {
  const config = agentConfig(scratch, {
    rules: writeRules(scratch, rules),
    more: { guard: { filesystems: ['local'] } },
  });
  await startAgent(cleanup, config);
  const named = join(scratch.mount, 'x');
  writeFileSync(named, 'x');
  renameSync(named, join(scratch.mount, 'denied'));
  const files = [join(scratch.mount, 'denied'), join(mountLater(), 'denied')];
  const errors = (): string[] => files.map(errorOfOpen);
  await waitFor('both to be guarded', () => errors().every((error) => error === 'EPERM'));
  const control = (command: string): number | null =>
    spawnSync(bridgeProgram, ['--control', command, '--socket', socketOf(scratch)]).status;
  expect(control('off')).toBe(0);
  expect(errors()).toEqual(['none', 'none']);
  expect(control('on')).toBe(0);
  expect(errors()).toEqual(['EPERM', 'EPERM']);
});

test('a filesystem that is mounted later is an alert in the stream', async () => {
  const nats = await startStream(cleanup);
  const config = agentConfig(scratch, {
    rules: writeRules(scratch, rules),
    nats: nats.url,
    more: { guard: { filesystems: [scratch.mount] } },
  });
  await startAgent(cleanup, config);
  const later = mountLater();
  expect(errorOfOpen(join(later, 'denied'))).toBe('none');
  const { alerts } = await waitForStored(nats, 'the alert', (stored) =>
    stored.alerts.some(({ message }) => Buffer.from(message.mount?.path ?? []).toString() === later),
  );
  const [alert] = alerts.filter(({ message }) => Buffer.from(message.mount?.path ?? []).toString() === later);
  expect(alert?.trigger).toBe('picket.mount');
  expect(alert?.message.alerts).toMatchObject([{ rule: 'picket-mount', severity: 'medium' }]);
});
