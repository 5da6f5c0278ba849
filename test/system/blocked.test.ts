// Log, disk and NATS blocked all at once: whoever waits for a verdict must not notice, and nothing is lost from the books.
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { picket } from '../../src/events/proto/picket.js';
import { agentConfig, nodeProgram, picketProgram, writeRules } from './harness/agent.ts';
import { booksIn } from './harness/books.ts';
import { bridgeProgram, socketOf } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import { frozenDisk, fullDisk } from './harness/disk.ts';
import { errorOfOpen, type OpenerReport, startOpener } from './harness/opener.ts';
import { start } from './harness/process.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { doubles, startStream, waitForStored } from './harness/stream.ts';
import { unreadLog } from './harness/unread-log.ts';
import { waitFor } from './harness/wait.ts';

/** Log, disk and NATS are blocked for seconds: who waited for one of them would miss it. */
const BUDGET_US = 1_000_000;
/** What other work may take from whoever waits. A hang lasts for seconds. */
const GRACE_US = 1_000_000;
const FLOOD_FILES = 1_500;
const FLOOD_ROUNDS = 4;
/** More lines than the bridge keeps for a reader of its log. */
const REFUSED_CONNECTIONS = 600;
const { ANSWER_LEVEL_AGENT, ANSWER_LEVEL_SLOW_LANE } = picket.v1.AnswerLevel;

let cleanup: Cleanup;
let scratch: Scratch;

beforeEach(() => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
});

afterEach(() => cleanup.run());

const rules = [
  {
    // The bridge can't decide by size.
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
  {
    name: 'flood',
    on: ['notify.open'],
    conditions: { all: [{ fact: 'file', path: '$.path', operator: 'includes', value: '/flood/' }] },
    event: { type: 'forward' },
  },
];

/** Each leaves a line in the bridge's log. */
async function refusedConnections(): Promise<void> {
  for (let count = 0; count < REFUSED_CONNECTIONS; count++) {
    await new Promise<void>((resolve) => {
      const socket: Socket = connect(socketOf(scratch));
      socket.on('connect', () => socket.end(Buffer.alloc(64, 0xff)));
      socket.on('data', () => undefined);
      socket.on('error', () => resolve()).on('close', () => resolve());
    });
  }
}

function expectInTime(report: OpenerReport): void {
  expect(report.calls).toBeGreaterThan(20);
  expect(report.other).toBe(0);
  expect(report.longest_call_us).toBeLessThanOrEqual(BUDGET_US + GRACE_US);
}

test('log, disk and NATS blocked at once: the agent’s verdicts come in time, and afterwards the books balance', async () => {
  const nats = await startStream(cleanup);
  const denied = scratch.file('denied');
  const allowed = scratch.file('allowed');
  mkdirSync(join(scratch.mount, 'flood'));
  for (let number = 0; number < FLOOD_FILES; number++)
    writeFileSync(join(scratch.mount, 'flood', String(number)), '');

  const logs = {
    bridge: unreadLog(cleanup, join(scratch.folder, 'bridge.log')),
    agent: unreadLog(cleanup, join(scratch.folder, 'agent.log')),
  };
  const state = frozenDisk(cleanup, join(scratch.folder, 'state'));
  mkdirSync(join(scratch.folder, 'bridge'), { mode: 0o750 });
  const bridge = start(
    cleanup,
    bridgeProgram,
    ['--backend', 'linux', '--socket', socketOf(scratch), '--state-dir', state.folder],
    { stderr: logs.bridge.fd },
  );
  const config = agentConfig(scratch, {
    name: 'h1',
    rules: writeRules(scratch, rules),
    nats: nats.url,
    budgetMs: BUDGET_US / 1000,
    more: { agent: { name: 'h1', group: 'test', drain_ms: 10_000 } },
  });
  const disk = fullDisk(cleanup, join(scratch.folder, 'disk'));
  const agent = start(cleanup, nodeProgram, [picketProgram, 'run', '-c', config], {
    cwd: disk,
    env: { ...process.env, TMPDIR: disk, HOME: disk },
    stderr: logs.agent.fd,
  });
  await waitFor('the agent to decide', () => errorOfOpen(denied) === 'EPERM');

  logs.bridge.fill();
  logs.agent.fill();
  nats.signal('SIGSTOP');
  cleanup.add(() => nats.signal('SIGCONT'));
  state.freeze();

  const held = startOpener(cleanup, { paths: [denied], threads: 2, seconds: 60, pauseUs: 4_000 });
  const load = startOpener(cleanup, { paths: [allowed], threads: 2, seconds: 60, pauseUs: 4_000 });
  // Its arguments make each request larger than a FIFO takes at once: it goes over the socket.
  const large = startOpener(cleanup, { paths: Array(200).fill(denied), seconds: 60, pauseUs: 20_000 });
  const notified = startOpener(cleanup, {
    paths: [`${join(scratch.mount, 'flood')}/`],
    numbered: FLOOD_FILES,
    count: FLOOD_FILES * FLOOD_ROUNDS,
    rate: 1_200,
  });
  await refusedConnections();
  agent.signal('SIGHUP');
  const flooded = await notified.report();
  agent.signal('SIGHUP');
  await delay(500);
  const [deniedReport, largeReport, allowedReport] = [
    await held.stop(),
    await large.stop(),
    await load.stop(),
  ];

  expectInTime(flooded);
  expectInTime(deniedReport);
  expectInTime(largeReport);
  expectInTime(allowedReport);
  expect(deniedReport.denied, 'only the agent denies this file: each of its answers came').toBe(
    deniedReport.calls,
  );
  expect(largeReport.denied, 'the slow lane, likewise').toBe(largeReport.calls);
  expect(allowedReport.ok).toBe(allowedReport.calls);
  expect([bridge.child.exitCode, agent.child.exitCode]).toEqual([null, null]);

  state.thaw();
  nats.signal('SIGCONT');
  const bridgeLog = logs.bridge.read();
  const agentLog = logs.agent.read();
  const denials = deniedReport.calls + largeReport.calls;
  const stored = await waitForStored(
    nats,
    'all that happened meanwhile',
    ({ events }) =>
      events.filter(({ trigger, path }) => trigger === 'auth.open' && path === denied).length >= denials &&
      events.filter(({ trigger }) => trigger === 'notify.open').length >= FLOOD_FILES * FLOOD_ROUNDS,
  );
  expect(doubles(stored.events)).toEqual([]);
  expect(stored.losses).toEqual([]);
  expect(stored.events.filter(({ trigger }) => trigger === 'notify.open')).toHaveLength(flooded.calls);
  // Those with which the test waited for the agent come before; defaults of that time may be among them.
  const answers = stored.events.filter(({ trigger }) => trigger === 'auth.open').slice(-denials);
  expect(new Set(answers.map(({ message }) => message.auth?.level))).toEqual(
    new Set([ANSWER_LEVEL_AGENT, ANSWER_LEVEL_SLOW_LANE]),
  );

  expect(await agent.stop()).toBe(0);
  const books = await waitFor(
    'the books',
    () => agentLog.stdout().includes('The books balance.') && booksIn(agentLog.stdout()),
  );
  expect(books.of('forwarded/acknowledged')).toBe(stored.events.length);
  expect(books.of('events lost upstream, as far as counted')).toBe(0);
  // Refusals by the hundred are told by their number, so that the lines of a log that nobody reads find room.
  await waitFor('the refusals to be told', () =>
    bridgeLog.stdout().includes('further connections were refused'),
  );
});
