// An interval in which nobody judged or recorded is an event of its own, with times that hold against another clock.
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { agentConfig, startAgent, writeRules } from './harness/agent.ts';
import { endOf } from './harness/books.ts';
import { startBridge, waitForStart } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import { fullDisk } from './harness/disk.ts';
import type { NatsServer } from './harness/nats.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { readStored, type Stored, startStream, waitForStored } from './harness/stream.ts';
import { waitFor } from './harness/wait.ts';

/** Two clocks read one after the other. */
const SLACK_MS = 50;
/** The bridge notes once a second that it is alive; late where others have the processors. */
const STATE_EVERY_MS = 1_000;
const CREDIT_EVERY_MS = 1_000;
const ABSENCE_MS = 1_200;

let cleanup: Cleanup;
let scratch: Scratch;
let nats: NatsServer;

beforeEach(async () => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
  nats = await startStream(cleanup);
});

afterEach(() => cleanup.run());

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

function agent(name = 'h1') {
  return startAgent(
    cleanup,
    agentConfig(scratch, { name, rules: writeRules(scratch, rules), nats: nats.url }),
  );
}

interface Interval {
  readonly who: string;
  readonly from: number;
  readonly to: number;
}

/** Of the intervals told so far, in the order of their ends. */
function intervals({ events }: Stored): Interval[] {
  return events
    .filter(({ trigger }) => trigger === 'picket.unwatched')
    .map(({ message: { unwatched } }) => ({
      who: unwatched?.who ?? '',
      from: Number(unwatched?.fromNs ?? 0) / 1e6,
      to: Number(unwatched?.toNs ?? 0) / 1e6,
    }))
    .sort((a, b) => a.to - b.to);
}

function expectBetween(what: string, time: number, low: number, high: number): void {
  expect(time, `${what}: not before`).toBeGreaterThanOrEqual(low - SLACK_MS);
  expect(time, `${what}: not after`).toBeLessThanOrEqual(high + SLACK_MS);
}

async function waitForIntervals(count: number): Promise<Interval[]> {
  return intervals(
    await waitForStored(nats, `${count} intervals`, (stored) => intervals(stored).length >= count),
  );
}

test('an agent that was away is an interval, from its end to the policy of the next', async () => {
  const beforeBridge = Date.now();
  await startBridge(cleanup, scratch);
  const afterBridge = Date.now();
  const first = await agent();
  const firstGuards = Date.now();
  await waitForIntervals(1);

  const beforeKill = Date.now();
  first.signal('SIGKILL');
  await first.ended();
  const afterKill = Date.now();
  await delay(ABSENCE_MS);
  const beforeNext = Date.now();
  const next = await agent();
  const nextGuards = Date.now();

  const [start, absence, ...more] = await waitForIntervals(2);
  expect(more).toEqual([]);
  expect([start?.who, absence?.who]).toEqual(['agent', 'agent']);
  // Before any agent came nobody watched either.
  expectBetween('the start', start?.from ?? 0, beforeBridge, afterBridge);
  expectBetween('the first policy', start?.to ?? 0, afterBridge, firstGuards);
  expectBetween('the end of the first agent', absence?.from ?? 0, beforeKill, afterKill + STATE_EVERY_MS);
  expectBetween('the policy of the next agent', absence?.to ?? 0, beforeNext, nextGuards);

  const takeover = (await readStored(nats)).events.filter(({ trigger }) => trigger === 'picket.takeover');
  expect(takeover.map(({ message }) => [message.takeover?.pid, message.takeover?.agent])).toEqual([
    [next.pid, 'h1'],
  ]);
  await endOf(next);
});

test('a bridge that was away is an interval, from when it was last known to live', async () => {
  const first = await startBridge(cleanup, scratch);
  const guard = await agent();
  // Long enough for the state file to have been written again.
  await delay(STATE_EVERY_MS + 200);
  await waitForIntervals(1);

  const beforeKill = Date.now();
  first.signal('SIGKILL');
  await first.ended();
  const afterKill = Date.now();
  await delay(ABSENCE_MS);
  const beforeNext = Date.now();
  const policies = (): number => guard.stderr().split('is in force').length;
  const policiesBefore = policies();
  await startBridge(cleanup, scratch);
  const afterNext = Date.now();
  await waitFor('the agent to be back', () => policies() > policiesBefore);
  const guards = Date.now();

  // The agent's, from the first bridge's start; the bridge's; the agent's again, until it was back.
  const told = await waitForIntervals(3);
  expect(told.map(({ who }) => who)).toEqual(['agent', 'bridge', 'agent']);
  const [, bridge, again] = told;
  expectBetween('the last sign of life', bridge?.from ?? 0, beforeKill - 2 * STATE_EVERY_MS, afterKill);
  expectBetween('the start of the next bridge', bridge?.to ?? 0, beforeNext, afterNext);
  expectBetween('still no agent', again?.from ?? 0, beforeNext, afterNext);
  expectBetween('the agent is back', again?.to ?? 0, afterNext, guards);
  // No moment lies between the bridge's interval and the agent's.
  expect(again?.from).toBe(bridge?.to);
  await endOf(guard);
});

test('a bridge that its watchdog starts again tells when nobody watched, to the millisecond and without a state file', async () => {
  const bridge = await startBridge(cleanup, scratch, {
    state: fullDisk(cleanup, join(scratch.folder, 'full')),
  });
  const guard = await agent();
  await waitForIntervals(1);
  await delay(CREDIT_EVERY_MS);
  const beforeKill = Date.now();
  process.kill(bridge.guardPid(), 'SIGKILL');
  await waitForStart(bridge, 2);
  const afterStart = Date.now();

  const told = await waitForIntervals(3);
  expect(told.map(({ who }) => who)).toEqual(['agent', 'bridge', 'agent']);
  expectBetween('its end', told[1]?.from ?? 0, beforeKill, afterStart);
  expectBetween('the next one', told[1]?.to ?? 0, told[1]?.from ?? Number.NaN, afterStart);
  await endOf(guard);
});

test('killed again before an agent took its word: no interval is lost, for it begins where the first did', async () => {
  const bridge = await startBridge(cleanup, scratch);
  const first = await agent();
  await waitForIntervals(1);
  // What is stored is accepted with the next credit.
  await delay(CREDIT_EVERY_MS);
  const beforeEnd = Date.now();
  first.signal('SIGKILL');
  await first.ended();
  await waitFor('the bridge to notice', () => bridge.stderr().includes('the agent is gone'));
  const kills: number[] = [];
  for (const number of [2, 3]) {
    // Far enough apart to tell one from the other.
    await delay(10 * SLACK_MS);
    kills.push(Date.now());
    process.kill(bridge.guardPid(), 'SIGKILL');
    await waitForStart(bridge, number);
  }
  const afterStart = Date.now();
  const next = await agent('h2');
  const nextGuards = Date.now();

  const [, ...told] = await waitForIntervals(3);
  expect(told.map(({ who }) => who)).toEqual(['bridge', 'agent']);
  const [bridgeAway, agentAway] = told;
  expectBetween('the first kill', bridgeAway?.from ?? 0, kills[0] ?? 0, (kills[1] ?? 0) - 5 * SLACK_MS);
  expectBetween('the last start', bridgeAway?.to ?? 0, kills[1] ?? 0, afterStart);
  expectBetween('the end of the first agent', agentAway?.from ?? 0, beforeEnd, kills[0] ?? 0);
  expectBetween('the policy of the next', agentAway?.to ?? 0, afterStart, nextGuards);
  await endOf(next);
});

test('killed with its watchdog before an agent took its word: the state file has where the interval began', async () => {
  const first = await startBridge(cleanup, scratch);
  await delay(STATE_EVERY_MS + 200);
  const beforeKill = Date.now();
  first.signal('SIGKILL');
  await first.ended();
  const second = await startBridge(cleanup, scratch);
  // Long enough for the state file to have been written again.
  await delay(STATE_EVERY_MS + 200);
  second.signal('SIGKILL');
  await second.ended();
  await startBridge(cleanup, scratch);
  const guard = await agent();
  const told = await waitForIntervals(2);
  const bridgeAway = told.find(({ who }) => who === 'bridge');
  expectBetween('the first kill', bridgeAway?.from ?? 0, beforeKill - 2 * STATE_EVERY_MS, beforeKill);
  await endOf(guard);
});

test('an agent that another replaces at once leaves no interval, but a takeover that names the new one', async () => {
  await startBridge(cleanup, scratch);
  const first = await agent('first');
  await waitForIntervals(1);
  const second = await agent('second');
  expect(await first.ended()).toBe(0);
  const stored = await waitForStored(nats, 'the takeover', ({ events }) =>
    events.some(({ trigger }) => trigger === 'picket.takeover'),
  );
  const takeovers = stored.events.filter(({ trigger }) => trigger === 'picket.takeover');
  expect(
    takeovers.map(({ message: { takeover } }) => [takeover?.agent, takeover?.pid, takeover?.uid]),
  ).toEqual([['second', second.pid, process.getuid?.()]]);
  await endOf(second);
  expect(intervals(await readStored(nats))).toHaveLength(1);
});
