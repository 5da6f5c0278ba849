// A bridge, an agent that denies one file of a filesystem, and openers who must go on whatever happens to either.
import { expect } from 'vitest';
import { agentConfig, startAgent, USUAL_BUDGET_MS, writeRules } from './agent.ts';
import { type BridgeOptions, type RunningBridge, startBridge, waitForStart } from './bridge.ts';
import type { Cleanup } from './cleanup.ts';
import { errorOfOpen, type Opener, type OpenerReport, startOpener } from './opener.ts';
import { threadsOf } from './proc.ts';
import type { Running } from './process.ts';
import type { Scratch } from './scratch.ts';
import { waitFor } from './wait.ts';

const SILENCE_US = 2_000_000;
/** A look comes every 100 ms, and on a machine that is busy with other tests late. */
export const HUNG_US = SILENCE_US + 6_000_000;
/** Nobody waited for the watchdog; for where its reason, or that it did nothing, does not say so already. */
export const AT_ONCE_US = 1_500_000;

export interface Guarded {
  readonly scratch: Scratch;
  readonly bridge: RunningBridge;
  readonly agent: Running;
  /** Only the agent denies it: the bridge by itself can't decide by size. */
  readonly denied: string;
  readonly allowed: string;
}

export interface GuardedOptions extends BridgeOptions {
  /** Where the agent's events go; nowhere by default. */
  readonly nats?: string;
}

export async function startGuarded(
  cleanup: Cleanup,
  scratch: Scratch,
  { nats, ...options }: GuardedOptions = {},
): Promise<Guarded> {
  const denied = scratch.file('denied');
  const allowed = scratch.file('allowed');
  const bridge = await startBridge(cleanup, scratch, options);
  const rules = [
    {
      name: 'deny',
      on: ['auth.open'],
      conditions: {
        all: [
          { fact: 'file', path: '$.name', operator: 'equal', value: 'denied' },
          { fact: 'file', path: '$.size', operator: 'greaterThan', value: 0 },
        ],
      },
      event: { type: 'deny' },
    },
  ];
  const budgetMs = USUAL_BUDGET_MS;
  const settings = { rules: writeRules(scratch, rules), budgetMs, ...(nats === undefined ? {} : { nats }) };
  const agent = await startAgent(cleanup, agentConfig(scratch, settings));
  const guarded = { scratch, bridge, agent, denied, allowed };
  await expectDenied(guarded);
  return guarded;
}

/** The agent denies; one that has just lost a processor may have been late for an open or two. */
export function expectDenied({ denied }: Guarded): Promise<boolean> {
  return waitFor('the agent to decide', () => errorOfOpen(denied) === 'EPERM');
}

const LOAD_THREADS = 8;

/** Opens without end, of the file that may be opened; returns once all its threads are there. */
export async function startLoad(cleanup: Cleanup, { allowed }: Guarded): Promise<Opener> {
  const opener = startOpener(cleanup, { paths: [allowed], threads: LOAD_THREADS, seconds: 90, pauseUs: 500 });
  const { pid } = opener.running;
  await waitFor('the openers to begin', () => threadsOf(pid).length > LOAD_THREADS);
  return opener;
}

export async function expectGoingOn(opener: Opener, boundUs: number): Promise<OpenerReport> {
  const report = await opener.stop();
  expect(report.calls).toBeGreaterThan(0);
  expect([report.ok, report.other, report.denied]).toEqual([report.calls, 0, 0]);
  expect(report.longest_call_us, "the longest wait by the client's own clock").toBeLessThanOrEqual(boundUs);
  return report;
}

/** The next bridge serves, the agent came back by itself, and denies what it denied before. */
export async function expectGuardedAgain(guarded: Guarded, reason: RegExp): Promise<void> {
  const { bridge, agent } = guarded;
  await waitForStart(bridge, 2);
  expect(/was started again" reason="([^"]*)"/.exec(bridge.stderr())?.[1]).toMatch(reason);
  await expectDenied(guarded);
  expect(agent.child.exitCode).toBeNull();
}
