// Load is not a way in: an unprivileged user with hundreds of threads gets no denied file by asking for it, whoever would
// have to deny it, and takes nothing from others but time. By the clients' own logs, and by what the stream says of it.
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { picket } from '../../src/events/proto/picket.js';
import { agentConfig, startAgent, USUAL_BUDGET_MS, writeRules } from './harness/agent.ts';
import { type BridgeOptions, startBridge } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import { FLOODER, openToAll, STRANGER, startAs } from './harness/flood.ts';
import type { NatsServer } from './harness/nats.ts';
import type { OpenerReport } from './harness/opener.ts';
import { threadsOf } from './harness/proc.ts';
import type { Running } from './harness/process.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { type Stored, startStream, waitForStored } from './harness/stream.ts';
import { waitFor } from './harness/wait.ts';

const { VERDICT_ALLOW, VERDICT_DENY } = picket.v1.Verdict;
const { ANSWER_LEVEL_OVERLOAD } = picket.v1.AnswerLevel;
const { EVENT_KIND_AUTH } = picket.v1.EventKind;

/** Far beyond what anything here takes, and short enough to tell a hang. */
const HUNG_MS = 120_000;
const SECONDS = 4;

let cleanup: Cleanup;
let scratch: Scratch;
let nats: NatsServer;
let paths: { byAgent: string; byBridge: string; allowed: string; strangers: string };

/** What only the agent can decide (its fact is no static one), and what the bridge can by itself. */
function rules(): unknown[] {
  return [
    {
      name: 'deny-by-the-agent',
      on: ['auth.open'],
      conditions: {
        all: [
          { fact: 'file', path: '$.path', operator: 'equal', value: paths.byAgent },
          { fact: 'file', path: '$.size', operator: 'greaterThan', value: 0 },
        ],
      },
      event: { type: 'deny' },
    },
    {
      name: 'deny-by-the-bridge',
      on: ['auth.open'],
      conditions: { all: [{ fact: 'file', path: '$.path', operator: 'equal', value: paths.byBridge }] },
      event: { type: 'deny' },
    },
  ];
}

beforeEach(async () => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
  openToAll(scratch);
  nats = await startStream(cleanup);
  paths = {
    byAgent: scratch.file('denied-by-the-agent'),
    byBridge: scratch.file('denied-by-the-bridge'),
    allowed: scratch.file('allowed'),
    strangers: scratch.file('strangers'),
  };
});

afterEach(() => cleanup.run(), 60_000);

function configOf(): string {
  const settings = { rules: writeRules(scratch, rules()), nats: nats.url, budgetMs: USUAL_BUDGET_MS };
  return agentConfig(scratch, settings);
}

async function startBoth(options: BridgeOptions = {}): Promise<{ bridge: Running; agent: Running }> {
  const bridge = await startBridge(cleanup, scratch, options);
  const config = configOf();
  return { bridge, agent: await startAgent(cleanup, config) };
}

function startStranger(seconds = SECONDS) {
  return startAs(cleanup, STRANGER, { paths: [paths.strangers], rate: 50, seconds });
}

function expectAllDenied(report: OpenerReport): void {
  expect(report.calls).toBeGreaterThan(0);
  expect(report.ok, 'denied opens that succeeded').toBe(0);
  expect(report.denied).toBe(report.calls);
}

function expectAllOpened(report: OpenerReport): void {
  expect(report.calls).toBeGreaterThan(0);
  expect(report.ok, 'opens of a file that nothing denies').toBe(report.calls);
}

/** Each denied open is told one by one, in its user's overload event, or as a loss; never as two of them. */
function deniedByStream(stored: Stored): number {
  const audits = stored.events.filter(
    ({ message: { auth } }) => auth?.verdict === VERDICT_DENY && auth.level !== ANSWER_LEVEL_OVERLOAD,
  );
  const counted = overloadsIn(stored).reduce((sum, { denied }) => sum + Number(denied), 0);
  const lost = stored.losses
    .filter(({ kind }) => kind === EVENT_KIND_AUTH)
    .reduce((sum, { count }) => sum + Number(count), 0);
  return audits.length + counted + lost;
}

function allowedAudits(stored: Stored, file: string): object[] {
  return stored.events
    .filter(({ path, message }) => path === file && message.auth?.verdict === VERDICT_ALLOW)
    .map(({ message: { auth } }) => ({ level: auth?.level, answeredUs: auth?.answeredUs }));
}

function overloadsIn(stored: Stored): picket.v1.IOverload[] {
  return stored.events.flatMap(({ message: { overload } }) => overload ?? []);
}

function waitForCount(denied: number): Promise<Stored> {
  return waitForStored(
    nats,
    `${denied} denied opens`,
    (stored) => deniedByStream(stored) >= denied,
    HUNG_MS / 2,
  );
}

describe.each([500, 2000])('%i threads of an unprivileged user', (threads) => {
  test.each(['byBridge', 'byAgent'] as const)(
    'open no file that is denied %s, and a stranger opens his; the stream counts every deny',
    async (target) => {
      await startBoth();
      const flood = startAs(cleanup, FLOODER, { paths: [paths[target]], threads, seconds: SECONDS });
      await delay(500);
      expectAllOpened(await startStranger().report(HUNG_MS));
      const report = await flood.report(HUNG_MS);
      expectAllDenied(report);
      const stored = await waitForCount(report.denied);
      expect(deniedByStream(stored)).toBe(report.denied);
      for (const { uid } of overloadsIn(stored)) expect(uid).toBe(FLOODER);
    },
    2 * HUNG_MS,
  );

  test(
    "on a stranger's file take nothing from him but time",
    async () => {
      await startBoth();
      const flood = startAs(cleanup, FLOODER, { paths: [paths.strangers], threads, seconds: SECONDS });
      await delay(500);
      const denied = startAs(cleanup, STRANGER, {
        paths: [paths.byAgent, paths.byBridge],
        threads: 2,
        rate: 400,
        seconds: SECONDS,
      });
      expectAllOpened(await startStranger().report(HUNG_MS));
      const report = await denied.report(HUNG_MS);
      expectAllOpened(await flood.report(HUNG_MS));
      const stored = await waitForCount(report.denied);
      expect(allowedAudits(stored, paths.byAgent), 'how one came through').toEqual([]);
      expectAllDenied(report);
    },
    2 * HUNG_MS,
  );
});

describe('while the agent is stopped', () => {
  test(
    'a flood opens nothing that a deny rule could reach, and is one alert with exact counts',
    async () => {
      const { bridge, agent } = await startBoth();
      const flood = startAs(cleanup, FLOODER, {
        paths: [paths.byAgent, paths.byBridge],
        threads: 500,
        seconds: SECONDS,
        pauseUs: 1000,
      });
      await delay(1000);
      agent.signal('SIGSTOP');
      await waitFor('the breaker to open', () => /defaults at once until/.test(bridge.stderr()), HUNG_MS);
      // Others get the default, at once, and what the bridge denies by itself is denied to them as well.
      expectAllOpened(await startStranger(1).report(HUNG_MS));
      expectAllDenied(
        await startAs(cleanup, STRANGER, { paths: [paths.byBridge], count: 20 }).report(HUNG_MS),
      );
      const report = await flood.report(HUNG_MS);
      expectAllDenied(report);
      agent.signal('SIGCONT');

      const stored = await waitForCount(report.denied + 20);
      expect(deniedByStream(stored)).toBe(report.denied + 20);
      const overloads = overloadsIn(stored);
      expect(overloads.length).toBeGreaterThan(0);
      expect(overloads.length, 'one an interval of ten seconds').toBeLessThanOrEqual(3);
      for (const { uid, fromNs, toNs } of overloads) {
        expect(uid).toBe(FLOODER);
        expect(BigInt(String(fromNs))).toBeLessThanOrEqual(BigInt(String(toNs)));
      }
      const alerts = stored.alerts.flatMap(({ message }) => message.alerts ?? []);
      expect(alerts.filter(({ rule }) => rule === 'picket-overload')).toHaveLength(overloads.length);
      const single = stored.events.filter(({ message }) => message.auth?.level === ANSWER_LEVEL_OVERLOAD);
      expect(single.length, 'refusals told one by one').toBeGreaterThan(0);
      expect(single.length).toBeLessThanOrEqual(16 * overloads.length);
    },
    3 * HUNG_MS,
  );

  test(
    'a bridge that may have few files open at once denies nobody for want of a descriptor',
    async () => {
      // Without CAP_SYS_RESOURCE it can't raise the limit: the kernel denies what it finds no descriptor for.
      const program = '/usr/bin/setpriv';
      const limited = ['--bounding-set=-sys_resource', 'prlimit', '--nofile=4096:4096'];
      const bridge = await startBridge(cleanup, scratch, { under: [program, ...limited] });
      const config = configOf();
      const agent = await startAgent(cleanup, config);
      expect(readFileSync(`/proc/${bridge.pid}/limits`, 'utf8')).toMatch(/Max open files +4096 /);
      agent.signal('SIGSTOP');
      const flood = startAs(cleanup, FLOODER, { paths: [paths.allowed], threads: 3000, seconds: SECONDS });
      await delay(500);
      expectAllOpened(await startStranger().report(HUNG_MS));
      expectAllOpened(await flood.report(HUNG_MS));
      agent.signal('SIGCONT');
    },
    2 * HUNG_MS,
  );
});

test('the thread that decides goes before all users, but only while it answers', async () => {
  const { bridge, agent } = await startBoth();
  await waitFor('the bridge to let it go first', () => favouredThreads(agent.pid) === 1);
  agent.signal('SIGSTOP');
  await waitFor('the breaker to open', () => /defaults at once until/.test(bridge.stderr()));
  await waitFor('the bridge not to', () => favouredThreads(agent.pid) === 0);
  agent.signal('SIGCONT');
  await waitFor('the bridge to let it go first again', () => favouredThreads(agent.pid) === 1);
});

/** The number of threads with the best nice value; the agent itself gives its lane's one -10. */
function favouredThreads(pid: number): number {
  return threadsOf(pid).filter((thread) => {
    const stat = thread('stat');
    // Field 19, counted from behind the name, which may hold anything: 3 is the first.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16] === '-20';
  }).length;
}
