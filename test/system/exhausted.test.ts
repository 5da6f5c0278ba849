// Memory, disk and log are used up, one at a time: whoever waits for the bridge does not notice.
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { agentConfig, startAgent, writeRules } from './harness/agent.ts';
import { bridgeProgram, socketOf } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import { fullDisk } from './harness/disk.ts';
import { expectDenied, expectGoingOn, HUNG_US, startGuarded, startLoad } from './harness/guarded.ts';
import { errorOfOpen, type OpenerReport, startOpener } from './harness/opener.ts';
import { childrenOf, isLockedInMemory } from './harness/proc.ts';
import { start } from './harness/process.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { unreadLog } from './harness/unread-log.ts';
import { waitFor } from './harness/wait.ts';

const MEMORY_CONTROLLER = '/sys/fs/cgroup/memory';
const MEMORY_BYTES = 160 * 1024 * 1024;

let cleanup: Cleanup;
let scratch: Scratch;

beforeEach(() => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
});

afterEach(() => cleanup.run());

/** A group whose processes share so much memory, and what happens where one wants more: it waits, or one is killed. */
function memoryGroup(beyond: 'wait' | 'kill'): string {
  const folder = join(MEMORY_CONTROLLER, basename(join(scratch.folder, '..')));
  mkdirSync(folder);
  cleanup.add(async () => {
    await waitFor('the memory group to be empty', () => remove(folder));
  });
  writeFileSync(join(folder, 'memory.limit_in_bytes'), String(MEMORY_BYTES));
  if (beyond === 'wait') writeFileSync(join(folder, 'memory.oom_control'), '1');
  return folder;
}

/** A program that runs in the group, as the one that is killed first where one must be. */
function inGroup(group: string, name: string, command: string, first = false): string {
  const path = join(scratch.folder, name);
  const lines = [
    '#!/bin/sh',
    `echo $$ >${join(group, 'cgroup.procs')}`,
    ...(first ? ['echo 1000 >/proc/self/oom_score_adj'] : []),
    command,
  ];
  writeFileSync(path, lines.join('\n'), { mode: 0o755 });
  return path;
}

function remove(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch {
    return false;
  }
}

const HOG = 'tail /dev/zero';
const BRIDGE = `exec ${bridgeProgram} "$@"`;

const THREADS = 32;
/** Each thread got an answer. */
const FEWEST_CALLS = THREADS;

/** Many at once and of different files, so that memory of the bridge is needed that never was before. */
function prepareLoad(): () => Promise<OpenerReport> {
  const paths = Array.from({ length: 64 }, (_, number) => scratch.file(`file-${number}`));
  return () => startOpener(cleanup, { paths, threads: THREADS, seconds: 3, pauseUs: 200 }).report();
}

test('no memory is left, and nobody is killed for it: no page of the bridge is missing, and nobody waits', async () => {
  const group = memoryGroup('wait');
  const openMany = prepareLoad();
  const guarded = await startGuarded(cleanup, scratch, {
    program: inGroup(group, 'bridge-in-group', BRIDGE),
  });
  const isUsedUp = (): boolean =>
    readFileSync(join(group, 'memory.oom_control'), 'utf8').includes('under_oom 1');
  const hog = start(cleanup, inGroup(group, 'hog', `exec ${HOG}`), []);
  await waitFor('memory to be used up', isUsedUp);
  const report = await openMany();
  // The kernel itself denies what it has no memory to ask about.
  expect([report.calls >= FEWEST_CALLS, report.other]).toEqual([true, 0]);
  expect(report.longest_call_us).toBeLessThanOrEqual(HUNG_US);
  expect(guarded.bridge.starts(), guarded.bridge.stderr()).toBe(1);
  expect(isLockedInMemory(guarded.bridge.guardPid())).toBe(true);
  expect(isUsedUp()).toBe(true);
  hog.signal('SIGKILL');
  await hog.ended();
  await waitFor('memory to be there again', () => errorOfOpen(guarded.allowed) === 'none');
  await expectDenied(guarded);
  expect(guarded.bridge.starts(), guarded.bridge.stderr()).toBe(1);
});

test('memory runs out again and again, and another process is killed for it: each open is answered as ever', async () => {
  const group = memoryGroup('kill');
  const openMany = prepareLoad();
  const guarded = await startGuarded(cleanup, scratch, {
    program: inGroup(group, 'bridge-in-group', BRIDGE),
  });
  const hog = start(cleanup, inGroup(group, 'hog', `while :; do ${HOG}; echo killed; done`, true), []);
  await waitFor('a first kill', () => hog.stdout().includes('killed'));
  const report = await openMany();
  expect([report.calls >= FEWEST_CALLS, report.other, report.denied]).toEqual([true, 0, 0]);
  expect(report.longest_call_us).toBeLessThanOrEqual(HUNG_US);
  expect(guarded.bridge.starts(), guarded.bridge.stderr()).toBe(1);
  expect(isLockedInMemory(guarded.bridge.guardPid())).toBe(true);
  await expectDenied(guarded);
  await waitFor('another kill', () => hog.stdout().split('killed').length > 2);
  expect(guarded.bridge.starts(), guarded.bridge.stderr()).toBe(1);
});

test('disk: the state can’t be written, which is said once, and all else goes on', async () => {
  const state = fullDisk(cleanup, join(scratch.folder, 'full'));
  const guarded = await startGuarded(cleanup, scratch, { state });
  const opener = await startLoad(cleanup, guarded);
  const warnings = (): number => guarded.bridge.stderr().split("can't write the state file").length - 1;
  await waitFor('the warning', () => warnings() > 0);
  await expectGoingOn(opener, HUNG_US);
  await expectDenied(guarded);
  process.kill(guarded.bridge.guardPid(), 'SIGKILL');
  await waitFor(
    () => `the agent to decide again; they said ${guarded.bridge.stderr()} ${guarded.agent.stderr()}`,
    () => errorOfOpen(guarded.denied) === 'EPERM',
  );
  expect(guarded.bridge.starts()).toBe(2);
  expect(warnings()).toBeLessThanOrEqual(2);
});

test('log: a bridge whose log nobody reads is started again all the same', async () => {
  const log = unreadLog(cleanup, join(scratch.folder, 'log'));
  const allowed = scratch.file('allowed');
  const denied = scratch.file('denied');
  mkdirSync(join(scratch.folder, 'bridge'), { mode: 0o750 });
  const bridge = start(cleanup, bridgeProgram, ['--backend', 'linux', '--socket', socketOf(scratch)], {
    stderr: log.fd,
  });
  const rules = [
    {
      name: 'deny',
      on: ['auth.open'],
      conditions: { all: [{ fact: 'file', path: '$.size', operator: 'equal', value: 'denied'.length }] },
      event: { type: 'deny' },
    },
  ];
  await startAgent(cleanup, agentConfig(scratch, { rules: writeRules(scratch, rules) }));
  await waitFor('the agent to decide', () => errorOfOpen(denied) === 'EPERM');
  log.fill();
  // More lines than are kept for a reader.
  for (let count = 0; count < 300; count++) await refusedConnection();
  const child = (): number | undefined => childrenOf(bridge.pid)[0];
  const opener = startOpener(cleanup, { paths: [allowed], threads: 4, seconds: 60, pauseUs: 500 });
  for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
    const pid = await waitFor('a bridge', child);
    process.kill(pid, signal);
    await waitFor('the next bridge', () => child() !== undefined && child() !== pid);
    await waitFor('the agent to decide again', () => errorOfOpen(denied) === 'EPERM');
  }
  const report = await opener.stop();
  expect([report.other, report.denied]).toEqual([0, 0]);
  bridge.signal('SIGTERM');
  expect(await bridge.ended()).toBe(0);
});

/** It leaves a line in the bridge's log. */
function refusedConnection(): Promise<void> {
  return new Promise((resolve) => {
    const socket: Socket = connect(socketOf(scratch));
    socket.on('connect', () => socket.end(Buffer.alloc(64, 0xff)));
    socket.on('data', () => undefined);
    socket.on('error', () => resolve()).on('close', () => resolve());
  });
}
