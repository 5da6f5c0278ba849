// The bridge dies or hangs: whoever waits for it is let go, and another one is there before long. By the openers' clocks.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { socketOf, startBridge, waitForStart } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import { bringAbout, faultyBridge, type Seat } from './harness/faults.ts';
import {
  AT_ONCE_US,
  expectDenied,
  expectGoingOn,
  expectGuardedAgain,
  HUNG_US,
  startGuarded,
  startLoad,
} from './harness/guarded.ts';
import { errorOfOpen, startOpener } from './harness/opener.ts';
import { namesIn, targetOf } from './harness/proc.ts';
import { suspend } from './harness/process.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { as, openToOthers, STRANGER } from './harness/users.ts';
import { waitFor } from './harness/wait.ts';

let cleanup: Cleanup;
let scratch: Scratch;

beforeEach(() => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
});

afterEach(() => cleanup.run());

function isPending(pid: number, signal: number): boolean {
  const pending = /^ShdPnd:\t([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return ((BigInt(`0x${pending ?? '0'}`) >> BigInt(signal - 1)) & 1n) === 1n;
}

const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`);

describe('the bridge', () => {
  test('killed under load: nobody waits, and another one guards', async () => {
    const guarded = await startGuarded(cleanup, scratch);
    const { bridge } = guarded;
    const opener = await startLoad(cleanup, guarded);
    process.kill(bridge.guardPid(), 'SIGKILL');
    await expectGuardedAgain(guarded, /^it was ended by signal 9$/);
    await expectGoingOn(opener, HUNG_US);
  });

  test('stopped: killed after 2 s, and another one guards', async () => {
    const guarded = await startGuarded(cleanup, scratch);
    const { bridge } = guarded;
    const opener = await startLoad(cleanup, guarded);
    process.kill(bridge.guardPid(), 'SIGSTOP');
    await expectGuardedAgain(guarded, /^no sign of life from .* for \d{4,} ms$/);
    const report = await expectGoingOn(opener, HUNG_US);
    expect(report.longest_call_us, 'they did wait for it').toBeGreaterThan(1_000_000);
  });

  const looping: readonly (readonly [Seat, string, number])[] = [
    ['permissions', 'the reader of permission events', HUNG_US],
    ['guard', 'the deadline guard', HUNG_US],
    ['lane', 'the reader of verdicts', AT_ONCE_US],
    ['events', 'the event thread', AT_ONCE_US],
  ];
  for (const [seat, name, boundUs] of looping) {
    test(`in an endless loop in ${name}: killed, and another one guards`, async () => {
      const guarded = await startGuarded(cleanup, scratch, { program: faultyBridge() });
      const { bridge } = guarded;
      const opener = await startLoad(cleanup, guarded);
      bringAbout(bridge, 'loop', seat);
      await expectGuardedAgain(guarded, new RegExp(`^no sign of life from ${name} for \\d+ ms$`));
      await expectGoingOn(opener, boundUs);
    });
  }

  test('blind to notifications: is left alone, for it still denies, and says so', async () => {
    const guarded = await startGuarded(cleanup, scratch, { program: faultyBridge() });
    const { bridge } = guarded;
    const opener = await startLoad(cleanup, guarded);
    const pid = bridge.guardPid();
    bringAbout(bridge, 'loop', 'notifications');
    await waitFor('the warning', () => bridge.stderr().includes('notify events are lost'));
    await expectDenied(guarded);
    expect([bridge.guardPid(), bridge.starts()]).toEqual([pid, 1]);
    await expectGoingOn(opener, HUNG_US);
  });

  test('dying at each start: waits twice as long each time, and ends at once when told to', async () => {
    const guarded = await startGuarded(cleanup, scratch);
    const { bridge } = guarded;
    for (let number = 1; number <= 5; number++) {
      await waitForStart(bridge, number);
      process.kill(bridge.guardPid(), 'SIGKILL');
    }
    await waitForStart(bridge, 6);
    const waits = [...bridge.stderr().matchAll(/start=(\d+) waited_ms=(\d+)/g)];
    expect(waits.map(([, number, ms]) => [Number(number), Number(ms)])).toEqual([
      [2, 50],
      [3, 100],
      [4, 200],
      [5, 400],
      [6, 800],
    ]);
    const pid = bridge.guardPid();
    process.kill(pid, 'SIGKILL');
    await waitFor('its end', () => !isAlive(pid));
    bridge.signal('SIGTERM');
    expect(await bridge.ended()).toBe(0);
    expect(bridge.starts(), bridge.stderr()).toBe(6);
  });

  test('told to end, by whomever: ends cleanly, and is not started again', async () => {
    const guarded = await startGuarded(cleanup, scratch);
    const { bridge } = guarded;
    process.kill(bridge.guardPid(), 'SIGTERM');
    expect(await bridge.ended()).toBe(0);
    expect(bridge.starts(), bridge.stderr()).toBe(1);
    expect(existsSync(socketOf(scratch))).toBe(false);
  });

  test('told twice, by a terminal or a service manager and by its watchdog: ends cleanly all the same', async () => {
    const { bridge } = await startGuarded(cleanup, scratch);
    const pid = bridge.guardPid();
    await suspend(pid);
    bridge.signal('SIGTERM');
    process.kill(pid, 'SIGINT');
    await waitFor('both signals to wait', () => isPending(pid, 2) && isPending(pid, 15));
    process.kill(pid, 'SIGCONT');
    expect(await bridge.ended(), bridge.stderr()).toBe(0);
    await expect.poll(() => bridge.stderr()).toContain('the bridge ends');
  });

  test('that does not heed SIGTERM is killed', async () => {
    const guarded = await startGuarded(cleanup, scratch);
    const { bridge } = guarded;
    const pid = bridge.guardPid();
    await suspend(pid);
    bridge.signal('SIGTERM');
    expect(await bridge.ended()).toBe(1);
    expect(isAlive(pid)).toBe(false);
  });

  test('does not stop when its terminal says so', async () => {
    const guarded = await startGuarded(cleanup, scratch);
    const { bridge } = guarded;
    const opener = await startLoad(cleanup, guarded);
    for (const signal of ['SIGTSTP', 'SIGTTIN', 'SIGTTOU'] as const) {
      bridge.signal(signal);
      process.kill(bridge.guardPid(), signal);
    }
    for (const pid of [bridge.pid, bridge.guardPid()])
      expect(readFileSync(`/proc/${pid}/stat`, 'utf8')).not.toMatch(/\) T /);
    await expectDenied(guarded);
    expect(bridge.starts(), bridge.stderr()).toBe(1);
    await expectGoingOn(opener, HUNG_US);
  });
});

describe('the watchdog', () => {
  test('stopped: nobody notices', async () => {
    const guarded = await startGuarded(cleanup, scratch);
    const { bridge } = guarded;
    bridge.signal('SIGSTOP');
    const opener = await startLoad(cleanup, guarded);
    // Longer than silence may last.
    spawnSync('sleep', ['3']);
    await expectDenied(guarded);
    await expectGoingOn(opener, HUNG_US);
    bridge.signal('SIGCONT');
    expect(await bridge.stop(), bridge.stderr()).toBe(0);
    expect(bridge.starts(), bridge.stderr()).toBe(1);
  });

  test('stopped together with the bridge: neither is killed when both go on', async () => {
    const guarded = await startGuarded(cleanup, scratch);
    const { bridge } = guarded;
    const pid = bridge.guardPid();
    await bridge.freeze();
    const waiting = startOpener(cleanup, { paths: [guarded.denied], threads: 2, count: 2, seconds: 20 });
    // Longer than silence may last: this is the time that must not be counted.
    spawnSync('sleep', ['3']);
    bridge.signal('SIGCONT');
    process.kill(pid, 'SIGCONT');
    expect((await waiting.report()).calls).toBe(4);
    expect([bridge.starts(), bridge.guardPid()]).toEqual([1, pid]);
  });

  for (const state of ['running', 'stopped'] as const) {
    test(`killed: a bridge that is ${state} dies with it, and nobody waits`, async () => {
      const guarded = await startGuarded(cleanup, scratch);
      const { bridge } = guarded;
      const pid = bridge.guardPid();
      if (state === 'stopped') await suspend(pid);
      const opener = await startLoad(cleanup, guarded);
      bridge.signal('SIGKILL');
      expect(await bridge.ended()).toBe('SIGKILL');
      await waitFor('the end of the bridge', () => !isAlive(pid));
      expect(errorOfOpen(guarded.denied)).toBe('none');
      await waitFor('some more opens', () => errorOfOpen(guarded.allowed) === 'none');
      await expectGoingOn(opener, HUNG_US);
    });
  }

  test('has nothing open of what the bridge has', async () => {
    const guarded = await startGuarded(cleanup, scratch);
    const { bridge } = guarded;
    const open = (pid: number): string[] =>
      namesIn(`/proc/${pid}/fd`).map((fd) => targetOf(`/proc/${pid}/fd/${fd}`));
    const ours = open(bridge.guardPid()).filter((target) => !open(bridge.pid).includes(target));
    expect(ours).toContain('anon_inode:[fanotify]');
    expect(open(bridge.pid).filter((target) => target.startsWith('anon_inode'))).toEqual([]);
  });
});

test('a first start that fails is not tried again, and its exit status is passed on', async () => {
  const guarded = await startGuarded(cleanup, scratch);
  const { bridge } = guarded;
  const second = await startBridge(cleanup, scratch, { expectEnd: true });
  expect(await second.ended()).toBe(1);
  await expect
    .poll(() => second.stderr())
    .toContain(`another picket-bridge (process ${bridge.guardPid()}) serves`);
  expect(second.starts()).toBe(0);
});

test('a first start for which there is no process is not tried again, and says so', async () => {
  openToOthers(scratch);
  const under = [...as(STRANGER), 'prlimit', '--nproc=1'];
  const bridge = await startBridge(cleanup, scratch, { under, expectEnd: true });
  expect(await bridge.ended(5_000)).toBe(1);
  expect(bridge.stderr()).toMatch(/^picket-bridge: it could not be started: /m);
});
