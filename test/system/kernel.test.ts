// The promises of the authorization path, on the real kernel, by the clock of those who wait.
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/schema.ts';
import { agentConfig, startAgent, writeRules } from './harness/agent.ts';
import { startBridge } from './harness/bridge.ts';
import { busyRules } from './harness/busy-rules.ts';
import { Cleanup } from './harness/cleanup.ts';
import { type OpenerReport, startOpener } from './harness/opener.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { waitFor } from './harness/wait.ts';

const OPEN_BUDGET_US = 100_000;
const EXEC_BUDGET_US = 500_000;
/** What other work may take from whoever waits. A hang lasts for seconds. */
const GRACE_US = 1_000_000;

let cleanup: Cleanup;
let scratch: Scratch;
let paths: { denied: string; staticDenied: string; allowed: string; deniedProgram: string; program: string };

/** What only the agent can decide (its fact is no static one), and what the bridge can by itself. */
function rules(): unknown[] {
  return [
    {
      name: 'deny-by-the-agent',
      on: ['auth.open'],
      conditions: {
        all: [
          { fact: 'file', path: '$.name', operator: 'equal', value: 'denied' },
          { fact: 'file', path: '$.size', operator: 'greaterThan', value: 0 },
        ],
      },
      event: { type: 'deny' },
    },
    {
      name: 'deny-by-the-bridge',
      on: ['auth.open'],
      conditions: { all: [{ fact: 'file', path: '$.path', operator: 'equal', value: paths.staticDenied }] },
      event: { type: 'deny' },
    },
    {
      name: 'deny-a-program',
      on: ['auth.exec'],
      conditions: { all: [{ fact: 'file', path: '$.name', operator: 'equal', value: 'denied-program' }] },
      event: { type: 'deny' },
    },
  ];
}

beforeEach(() => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
  paths = {
    denied: scratch.file('denied'),
    staticDenied: scratch.file('static-denied'),
    allowed: scratch.file('allowed'),
    deniedProgram: scratch.program('denied-program'),
    program: scratch.program('program'),
  };
});

afterEach(async () => {
  await cleanup.run();
});

/** As where the configuration says nothing. Without them nobody gets a default for what an agent is slow to say. */
const USUAL_BUDGETS: ConfigInput = {
  guard: { new_mounts: 'ignore', max_wait_ms: { open: OPEN_BUDGET_US / 1000, exec: EXEC_BUDGET_US / 1000 } },
};

async function startBoth(more: ConfigInput = {}) {
  const bridge = await startBridge(cleanup, scratch);
  const config = agentConfig(scratch, { rules: writeRules(scratch, rules()), more });
  return { bridge, agent: await startAgent(cleanup, config) };
}

function errorOfOpen(path: string): string {
  try {
    closeSync(openSync(path, 'r'));
    return 'none';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  }
}

function expectInTime(report: OpenerReport, budgetUs: number): void {
  expect(report.calls).toBeGreaterThan(0);
  expect(report.other, 'calls that failed for another reason than a verdict').toBe(0);
  expect(report.ok + report.denied).toBe(report.calls);
  expect(report.longest_call_us, "the longest wait by the client's own clock").toBeLessThanOrEqual(
    budgetUs + GRACE_US,
  );
}

describe('with bridge and agent', () => {
  test('a denied open gets EPERM while its neighbours open', async () => {
    await startBoth();
    expect(errorOfOpen(paths.denied)).toBe('EPERM');
    expect(errorOfOpen(paths.staticDenied)).toBe('EPERM');
    expect(errorOfOpen(paths.allowed)).toBe('none');
  });

  test('a denied exec fails while its neighbour runs', async () => {
    await startBoth();
    const denied = spawnSync(paths.deniedProgram);
    expect((denied.error as NodeJS.ErrnoException | undefined)?.code).toBe('EPERM');
    expect(spawnSync(paths.program).status).toBe(0);
  });

  test('the agent killed under load: nobody waits past the budget, static denies hold', async () => {
    const { agent } = await startBoth(USUAL_BUDGETS);
    const load = startOpener(cleanup, {
      paths: [paths.allowed, paths.denied],
      threads: 8,
      seconds: 6,
      pauseUs: 200,
    });
    const guarded = startOpener(cleanup, {
      paths: [paths.staticDenied],
      threads: 2,
      seconds: 6,
      pauseUs: 500,
    });
    await delay(1500);
    agent.signal('SIGKILL');
    expectInTime(await load.report(), OPEN_BUDGET_US);
    const held = await guarded.report();
    expectInTime(held, OPEN_BUDGET_US);
    expect(held.denied).toBe(held.calls);
  });

  test('the agent stopped: the breaker opens, and closes when it goes on', async () => {
    const { bridge, agent } = await startBoth(USUAL_BUDGETS);
    const load = startOpener(cleanup, {
      paths: [paths.allowed, paths.denied],
      threads: 8,
      seconds: 12,
      pauseUs: 200,
    });
    await delay(1000);
    agent.signal('SIGSTOP');
    await waitFor('the breaker to open', () => /defaults at once until/.test(bridge.stderr()));
    await delay(1000);
    expect(errorOfOpen(paths.staticDenied)).toBe('EPERM');
    agent.signal('SIGCONT');
    await waitFor('the breaker to close', () => /it is asked again/.test(bridge.stderr()));
    await waitFor('the agent to decide again', () => errorOfOpen(paths.denied) === 'EPERM');
    expectInTime(await load.report(), OPEN_BUDGET_US);
  });

  test('a worker kept busy by slow rules: nobody waits past the budget', async () => {
    const longPath = scratch.deepFile(15, 240);
    const bridge = await startBridge(cleanup, scratch);
    await startAgent(
      cleanup,
      agentConfig(scratch, {
        rules: writeRules(scratch, [...rules(), ...busyRules(2000)]),
        more: USUAL_BUDGETS,
      }),
    );
    const load = startOpener(cleanup, { paths: [longPath], threads: 4, seconds: 6, pauseUs: 1000 });
    const execs = startOpener(cleanup, {
      exec: true,
      paths: [paths.program],
      threads: 2,
      seconds: 6,
      pauseUs: 20_000,
    });
    expectInTime(await load.report(), OPEN_BUDGET_US);
    // An execve opens more than one file (program, its loader): each has its own budget.
    expectInTime(await execs.report(), EXEC_BUDGET_US + 2 * OPEN_BUDGET_US);
    expect(bridge.stderr(), 'the rules were slow enough').toMatch(/requests were answered by a default/);
    expect(errorOfOpen(paths.staticDenied)).toBe('EPERM');
  });

  test('a new agent takes over under load without an unanswered request', async () => {
    const { agent } = await startBoth();
    const load = startOpener(cleanup, { paths: [paths.allowed], threads: 8, seconds: 10, pauseUs: 200 });
    const denied = startOpener(cleanup, { paths: [paths.denied], threads: 2, seconds: 10, pauseUs: 500 });
    await delay(1500);
    const next = await startAgent(
      cleanup,
      agentConfig(scratch, { name: 'next', rules: writeRules(scratch, rules(), 'next') }),
    );
    expect(next.pid).not.toBe(agent.pid);
    expectInTime(await load.report(), OPEN_BUDGET_US);
    const held = await denied.report();
    expectInTime(held, OPEN_BUDGET_US);
    expect(held.denied, 'a deny that only an agent can give holds through a takeover').toBe(held.calls);
  });
});

describe('when the bridge goes', () => {
  for (const signal of ['SIGKILL', 'SIGABRT', 'SIGSEGV', 'SIGTERM'] as const) {
    test(`${signal} under load: the kernel lets go and nobody hangs`, async () => {
      const { bridge } = await startBoth(USUAL_BUDGETS);
      const load = startOpener(cleanup, {
        paths: [paths.allowed, paths.denied],
        threads: 16,
        seconds: 3,
        pauseUs: 100,
      });
      await delay(1000);
      bridge.signal(signal);
      await bridge.ended();
      expectInTime(await load.report(15_000), OPEN_BUDGET_US);
      expect(errorOfOpen(paths.allowed)).toBe('none');
    });
  }

  test('the agent comes back by itself once a new bridge listens', async () => {
    const { bridge } = await startBoth();
    bridge.signal('SIGKILL');
    await bridge.ended();
    await startBridge(cleanup, scratch);
    await waitFor('the agent to decide again', () => errorOfOpen(paths.denied) === 'EPERM');
  });
});

test('a second bridge on the same socket says so and leaves the first alone', async () => {
  await startBoth();
  const second = await startBridge(cleanup, scratch, { expectEnd: true });
  expect(await second.ended()).toBe(1);
  expect(second.stderr()).toMatch(/already|another|running/i);
  expect(errorOfOpen(paths.denied)).toBe('EPERM');
  expect(errorOfOpen(join(scratch.mount, 'allowed'))).toBe('none');
});
