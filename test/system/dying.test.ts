// The ways of dying slowly, each of which would hang whoever waits for the bridge: a core dump, a child that holds the
// group, a thread that not even SIGKILL ends, a stack that has run out.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Cleanup } from './harness/cleanup.ts';
import { type FreezableDisk, frozenDisk } from './harness/disk.ts';
import { bringAbout, faultyBridge } from './harness/faults.ts';
import {
  AT_ONCE_US,
  expectGoingOn,
  expectGuardedAgain,
  type Guarded,
  HUNG_US,
  startGuarded,
  startLoad,
} from './harness/guarded.ts';
import type { Opener } from './harness/opener.ts';
import { childrenOf } from './harness/proc.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { waitFor } from './harness/wait.ts';

const CORE_PATTERN = '/proc/sys/kernel/core_pattern';

let cleanup: Cleanup;
let scratch: Scratch;

beforeEach(() => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
});

afterEach(() => cleanup.run());

/** Whose cores were dumped so far; other tests have processes that die, too. */
type Dumped = () => number[];

/**
 * Core dumps go to a program that takes its time. For the shortest time, for that holds for the whole machine.
 * In a guarded folder the kernel's start of the program, too, waits for the bridge, which waits for the kernel: then not
 * even SIGKILL ends it.
 */
async function withPipedCores(folder: string, work: (dumped: Dumped) => Promise<void>): Promise<void> {
  const dumped = join(scratch.folder, 'dumped');
  const program = join(folder, 'dump');
  writeFileSync(program, `#!/bin/sh\necho "$1" >>${dumped}\nexec sleep 20\n`, { mode: 0o755 });
  const before = readFileSync(CORE_PATTERN, 'utf8');
  const restore = (): void => writeFileSync(CORE_PATTERN, before);
  cleanup.add(restore);
  writeFileSync(CORE_PATTERN, `|${program} %p`);
  try {
    await work(() => (existsSync(dumped) ? readFileSync(dumped, 'utf8').split('\n').map(Number) : []));
  } finally {
    restore();
  }
}

test('aborting with a piped core_pattern: no dump, and nobody waits', async () => {
  const guarded = await startGuarded(cleanup, scratch);
  const opener = await startLoad(cleanup, guarded);
  await withPipedCores(scratch.mount, async (dumped) => {
    const pid = guarded.bridge.guardPid();
    process.kill(pid, 'SIGABRT');
    await expectGuardedAgain(guarded, /^it was ended by signal 6$/);
    expect(dumped()).not.toContain(pid);
  });
  await expectGoingOn(opener, HUNG_US);
});

test('a bridge that does dump core, all precautions gone, hangs whoever waits until the watchdog ends it', async () => {
  const guarded = await startGuarded(cleanup, scratch, { program: faultyBridge() });
  const opener = await startLoad(cleanup, guarded);
  await withPipedCores(scratch.folder, async (dumped) => {
    const pid = guarded.bridge.guardPid();
    bringAbout(guarded.bridge, 'dump');
    await expectGuardedAgain(guarded, /^no sign of life from /);
    expect(dumped()).toContain(pid);
  });
  const report = await expectGoingOn(opener, HUNG_US);
  expect(report.longest_call_us, 'what the precautions are for').toBeGreaterThan(1_000_000);
});

for (const fault of ['fork', 'spawn'] as const) {
  test(`a bridge that would ${fault} is killed by the kernel before there is a child`, async () => {
    const SIGSYS = 31;
    const guarded = await startGuarded(cleanup, scratch, { program: faultyBridge() });
    const opener = await startLoad(cleanup, guarded);
    const pid = guarded.bridge.guardPid();
    bringAbout(guarded.bridge, fault);
    await expectGuardedAgain(guarded, new RegExp(`^it was ended by signal ${SIGSYS}$`));
    await expectGoingOn(opener, HUNG_US);
    expect(childrenOf(pid)).toEqual([]);
  });
}

describe('while a thread waits for a disk, and not even SIGKILL ends it', () => {
  let disk: FreezableDisk;
  let guarded: Guarded;
  let opener: Opener;

  beforeEach(async () => {
    disk = frozenDisk(cleanup, join(scratch.folder, 'disk'));
    const env = { ...process.env, PICKET_FAULT_FILE: join(disk.folder, 'file') };
    guarded = await startGuarded(cleanup, scratch, { program: faultyBridge(), env });
    opener = await startLoad(cleanup, guarded);
    disk.freeze();
  });

  /** The bridge of before is still there, and gone once the disk answers. */
  async function expectRemains(pid: number): Promise<void> {
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    disk.thaw();
    await waitFor('the end of the bridge of before', () => !existsSync(`/proc/${pid}`));
  }

  test('the watchdog ends the bridge: it lets go first, and another one guards', async () => {
    const pid = guarded.bridge.guardPid();
    bringAbout(guarded.bridge, 'disk', 'events');
    await expectGuardedAgain(guarded, /^no sign of life from the event thread /);
    await expectGoingOn(opener, AT_ONCE_US);
    await expectRemains(pid);
  });

  test('another one runs out of stack: it lets go first, on a stack of its own', async () => {
    const pid = guarded.bridge.guardPid();
    bringAbout(guarded.bridge, 'disk', 'notifications');
    await waitFor('the warning', () => guarded.bridge.stderr().includes('notify events are lost'));
    bringAbout(guarded.bridge, 'stack');
    await expectGuardedAgain(guarded, /^no sign of life from /);
    await expectGoingOn(opener, AT_ONCE_US);
    await expectRemains(pid);
  });

  test('the disk is that of its state: killed by whomever, nobody waits, and another one guards', async () => {
    disk.thaw();
    const state = frozenDisk(cleanup, join(scratch.folder, 'disk-of-state'));
    await guarded.bridge.stop();
    guarded = await startGuarded(cleanup, scratch, { state: state.folder });
    const load = await startLoad(cleanup, guarded);
    state.freeze();
    await waitFor('the warning', () => guarded.bridge.stderr().includes('write the state file'));
    process.kill(guarded.bridge.guardPid(), 'SIGKILL');
    await expectGuardedAgain(guarded, /^no sign of life from /);
    await expectGoingOn(load, AT_ONCE_US);
    state.thaw();
  });
});
