// Which filesystems the kernel asks about, and what: only those where a rule can deny, by the kernel's own list of marks.
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { askBridge } from '../../src/control/ask-bridge.ts';
import { agentConfig, startAgent, writeRules } from './harness/agent.ts';
import { type RunningBridge, socketOf, startBridge } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import { errorOfOpen, startOpener } from './harness/opener.ts';
import { contentOf, namesIn } from './harness/proc.ts';
import type { Running } from './harness/process.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { waitFor } from './harness/wait.ts';

const BUDGET_MS = 1_000;
const ROUNDS = 6;
const FAN_OPEN_PERM = 0x1_0000;
const FAN_OPEN_EXEC_PERM = 0x4_0000;
const QUESTIONS = FAN_OPEN_PERM | FAN_OPEN_EXEC_PERM;

let cleanup: Cleanup;
let here: Scratch;
let there: Scratch;
let bridge: RunningBridge;
let agent: Running;

beforeEach(async () => {
  cleanup = new Cleanup();
  here = makeScratch(cleanup);
  there = makeScratch(cleanup);
  bridge = await startBridge(cleanup, here);
});

afterEach(() => cleanup.run());

const size = { fact: 'file', path: '$.size', operator: 'greaterThan', value: 0 };
const named = (name: string) => ({ fact: 'file', path: '$.name', operator: 'equal', value: name });
const below = (scratch: Scratch) => ({
  fact: 'file',
  path: '$.path',
  operator: 'startsWith',
  value: `${scratch.mount}/`,
});

function rule(type: 'deny' | 'forward', on: string, conditions: readonly unknown[]): unknown {
  const name = `${type}-${on}-${conditions.length}`;
  return { name, on: [on], conditions: { all: conditions }, event: { type } };
}

/** What the kernel asks the bridge about each of the two. */
function asked(): { here: number; there: number } {
  const found = { here: 0, there: 0 };
  const folder = `/proc/${bridge.guardPid()}/fdinfo`;
  for (const fd of namesIn(folder)) {
    for (const [, device, mask] of contentOf(join(folder, fd)).matchAll(
      /^fanotify sdev:([0-9a-f]+) .*\bmask:([0-9a-f]+) /gm,
    )) {
      const questions = Number.parseInt(mask ?? '0', 16) & QUESTIONS;
      if (questions === 0) continue;
      const name = nameOf(Number.parseInt(device ?? '0', 16));
      if (name === undefined)
        throw new Error(`a filesystem is asked about that is none of the test's: ${device}`);
      found[name] |= questions;
    }
  }
  return found;
}

/** The kernel prints its own form of a device number: 20 bits of minor. */
function nameOf(device: number): 'here' | 'there' | undefined {
  const minorOf = (scratch: Scratch): number => {
    const { dev } = statSync(scratch.mount);
    return (dev & 0xff) | ((dev >>> 12) & ~0xff);
  };
  const minor = device & 0xf_ffff;
  return minor === minorOf(here) ? 'here' : minor === minorOf(there) ? 'there' : undefined;
}

function start(rules: readonly unknown[]): Promise<Running> {
  return startAgent(
    cleanup,
    agentConfig(here, {
      rules: writeRules(here, rules),
      more: {
        guard: {
          filesystems: [here.mount, there.mount],
          new_mounts: 'ignore',
          max_wait_ms: { open: BUDGET_MS, exec: BUDGET_MS },
        },
      },
    }),
  );
}

const ask = () => askBridge({ socketPath: socketOf(here), command: 'status' });

/** By the bridge, for the agent's log holds back what is said often. */
async function change(rules: readonly unknown[]): Promise<void> {
  const before = (await ask()).epoch;
  writeRules(here, rules);
  await waitFor(
    () => `an epoch above ${before}; the agent said ${agent.stderr().slice(-2_000)}`,
    async () => (await ask()).epoch > before,
  );
}

async function status(): Promise<string[]> {
  const { guarded, unguarded } = await ask();
  const mounts = [here.mount, there.mount];
  return [...guarded, ...unguarded].filter((line) => mounts.some((mount) => line.includes(mount)));
}

test('only the filesystem and the calls are asked about that a rule can deny', async () => {
  const secret = here.file('secret');
  const program = there.program('program');
  agent = await start([
    rule('deny', 'auth.open', [below(here), named('secret'), size]),
    rule('deny', 'auth.exec', [below(there), named('program')]),
  ]);
  expect(asked()).toEqual({ here: FAN_OPEN_PERM, there: FAN_OPEN_EXEC_PERM });
  expect(errorOfOpen(secret)).toBe('EPERM');
  expect((spawnSync(program).error as NodeJS.ErrnoException | undefined)?.code).toBe('EPERM');
  expect(await status()).toEqual([
    `${here.mount} (tmpfs), its opens alone`,
    `${there.mount} (tmpfs), its programs alone`,
  ]);

  await change([rule('deny', 'auth.open', [below(here), named('secret')])]);
  expect(asked()).toEqual({ here: FAN_OPEN_PERM, there: 0 });
  expect(await status()).toEqual([
    `${here.mount} (tmpfs)`,
    `${there.mount} (tmpfs) is not asked about: no rule can deny anything there`,
  ]);
  // A rule that names no path can deny anywhere; one that only forwards, nowhere.
  await change([rule('deny', 'auth.open', [named('secret')]), rule('forward', 'notify.open', [named('x')])]);
  expect(asked()).toEqual({ here: FAN_OPEN_PERM, there: FAN_OPEN_PERM });
  await change([rule('forward', 'notify.open', [named('x')])]);
  expect(asked()).toEqual({ here: 0, there: 0 });
});

test('sets that come and go leave no mark, and no open of a file that both deny passes', async () => {
  const always = here.file('always');
  const elsewhere = there.file('always');
  const everywhere = [rule('deny', 'auth.open', [named('always'), size])];
  const narrow = [rule('deny', 'auth.open', [below(here), named('always'), size])];
  const none = [rule('forward', 'notify.open', [named('x')])];
  agent = await start(narrow);
  const held = startOpener(cleanup, { paths: [always], threads: 4, seconds: 120, pauseUs: 1_000 });
  for (let round = 0; round < ROUNDS; round++) {
    await change(round % 2 === 0 ? everywhere : narrow);
    expect(asked()).toEqual({ here: FAN_OPEN_PERM, there: round % 2 === 0 ? FAN_OPEN_PERM : 0 });
    expect(errorOfOpen(elsewhere)).toBe(round % 2 === 0 ? 'EPERM' : 'none');
  }
  const report = await held.stop();
  expect(report.calls).toBeGreaterThan(100);
  expect(report.denied, 'what both sets deny is denied through every change').toBe(report.calls);

  const load = startOpener(cleanup, { paths: [always, elsewhere], threads: 4, seconds: 120, pauseUs: 1_000 });
  for (let round = 0; round < ROUNDS / 2; round++) {
    await change(none);
    expect(asked()).toEqual({ here: 0, there: 0 });
    expect([errorOfOpen(always), errorOfOpen(elsewhere)]).toEqual(['none', 'none']);
    await change(everywhere);
    expect(asked()).toEqual({ here: FAN_OPEN_PERM, there: FAN_OPEN_PERM });
    expect([errorOfOpen(always), errorOfOpen(elsewhere)]).toEqual(['EPERM', 'EPERM']);
  }
  const { calls, ok, denied } = await load.stop();
  expect(ok + denied).toBe(calls);
});
