// Filesystems that come and go in the bridge's mount namespace: each is told once, by its place, with who did it.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { picket } from '../../src/events/proto/picket.js';
import { textOfBytes } from '../../src/events/text.ts';
import { long, TestAgent } from '../bridge/test-agent.ts';
import { socketOf, startBridge } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { type Shell, startShell } from './harness/shell.ts';
import { waitFor } from './harness/wait.ts';

const { EVENT_KIND_NOTIFY } = picket.v1.EventKind;

let cleanup: Cleanup;
let scratch: Scratch;
let root: string;
let agent: TestAgent;
let shell: Shell;

beforeEach(async () => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
  root = dirname(scratch.folder);
  for (const name of ['a', 'b', 'c']) {
    mkdirSync(join(root, name));
    cleanup.add(() => {
      spawnSync('umount', ['-ql', join(root, name)]);
    });
  }
  shell = startShell(cleanup);
  await startBridge(cleanup, scratch);
  agent = new TestAgent(socketOf(scratch));
  cleanup.add(() => agent.kill());
});

afterEach(() => cleanup.run());

const policy = (epoch: number, actions: readonly string[]): picket.v1.IPolicy => ({
  epoch: long(epoch),
  subscriptions: actions.map((action) => ({ kind: EVENT_KIND_NOTIFY, action })),
});

const text = (bytes: Uint8Array | null | undefined): string => textOfBytes(bytes ?? new Uint8Array());

/** Runs it as a process of its own, and returns its pid. */
async function run(command: string): Promise<number> {
  const before = shell.running.stdout().length;
  expect(await shell.run(`sh -c 'echo pid $$; exec ${command}'`), command).toBe(0);
  return Number(/^pid (\d+)$/m.exec(shell.running.stdout().slice(before))?.[1]);
}

/** Of the test's own folders: other tests mount, too. */
const told = (): picket.v1.Event[] =>
  agent.events.filter(
    ({ kind, file }) => kind === EVENT_KIND_NOTIFY && text(file?.path).startsWith(`${root}/`),
  );

interface Statfs {
  readonly [name: string]: string;
}

function statfsOf({ es }: picket.v1.Event): Statfs {
  const body = es?.map?.fields?.find(({ key }) => text(key) === 'statfs')?.value?.map?.fields ?? [];
  return Object.fromEntries(body.map(({ key, value }) => [text(key), text(value?.text)]));
}

test('what is mounted, moved and unmounted is told once each, with who did it and what it is', async () => {
  await agent.start(policy(1, ['mount', 'unmount']));
  const [a, b, c] = ['a', 'b', 'c'].map((name) => join(root, name));
  const acts: [command: string, tells: string[]][] = [
    [`mount -t tmpfs picket-source ${a}`, [`mount ${a} tmpfs`]],
    [`mount --make-private ${a}`, []],
    [`mount --bind ${a} ${b}`, [`mount ${b} tmpfs`]],
    [`mount --move ${b} ${c}`, [`unmount ${b} tmpfs`, `mount ${c} tmpfs`]],
    [`umount ${c}`, [`unmount ${c} tmpfs`]],
    [`mount -o remount,ro ${a}`, []],
    [`umount ${a}`, [`unmount ${a} tmpfs`]],
  ];
  const expected: string[] = [];
  for (const [command, tells] of acts) {
    const pid = await run(command);
    expected.push(...tells.map((line) => `${line} by ${pid}`));
    // One after the other: what came and went is told without its place.
    await waitFor(command, () => told().length >= expected.length);
  }
  await run(`mount -t tmpfs last ${a}`);
  await run(`umount ${a}`);
  await waitFor('the last', () => told().some((event) => statfsOf(event).f_mntfromname === 'last'));
  const lines = told().map((event) => {
    const { action, file, process } = event;
    return `${action} ${text(file?.path)} ${statfsOf(event).f_fstypename} by ${process?.pid}`;
  });
  expect(lines.slice(0, expected.length)).toEqual(expected);
  const [first] = told();
  expect(first && statfsOf(first)).toEqual({
    f_mntonname: a,
    f_mntfromname: 'picket-source',
    f_fstypename: 'tmpfs',
  });
  expect(first?.provider).toBe('fanotify');
});

test('only what a rule asks for is told, and nothing of other mount namespaces', async () => {
  await agent.start(policy(1, ['unmount']));
  const a = join(root, 'a');
  const other = startShell(cleanup, 'mount-namespace');
  expect(await other.run(`mount -t tmpfs other ${join(root, 'b')} && umount ${join(root, 'b')}`)).toBe(0);
  await run(`mount -t tmpfs here ${a}`);
  await run(`umount ${a}`);
  await waitFor('the end of it', () => told().length > 0);
  await agent.policy(policy(2, []));
  await run(`mount -t tmpfs unseen ${a}`);
  await run(`umount ${a}`);
  await agent.policy(policy(3, ['mount']));
  await run(`mount -t tmpfs seen ${a}`);
  await waitFor('the next', () => told().length > 1);
  expect(told().map((event) => [event.action, statfsOf(event).f_mntfromname])).toEqual([
    ['unmount', 'here'],
    ['mount', 'seen'],
  ]);
});
