// The way out on the real kernel: with the agent stopped and hundreds of opens waiting, root ends enforcement at once,
// and it stays ended whatever becomes of bridge and agent.
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BridgeReport } from '../../src/control/ask-bridge.ts';
import { picket } from '../../src/events/proto/picket.js';
import { long, TestAgent } from '../bridge/test-agent.ts';
import { agentConfig, nodeProgram, picketProgram, startAgent, writeRules } from './harness/agent.ts';
import { endOf } from './harness/books.ts';
import { bridgeProgram, socketOf, startBridge } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import { errorOfOpen, type OpenerReport, readOpenerLog } from './harness/opener.ts';
import { waitingForAnswers } from './harness/proc.ts';
import { type Running, start } from './harness/process.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { type Stored, startStream, waitForStored } from './harness/stream.ts';
import { waitFor } from './harness/wait.ts';

/** Longer than a test may take: who goes on before was let go. */
const FOR_EVER_MS = 60_000;
const HUNG_MS = 40_000;
const THREADS = 500;
/** Of one user; 4 a core where that is more. */
const BOUND = Math.max(64, 4 * availableParallelism());
const BOUND_IN_A_CROWD = BOUND / 8;
const EACH = THREADS / 4;
const USERS = [20_001, 20_002, 20_003, 20_004];
const openerProgram = join(import.meta.dirname, '../native/build/opener');

let cleanup: Cleanup;
let scratch: Scratch;

beforeEach(() => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
});

afterEach(() => cleanup.run());

/** The first is the agent's to judge, the second the bridge's own. */
function rules(): unknown[] {
  return [
    {
      name: 'judged',
      on: ['auth.open'],
      conditions: {
        all: [
          { fact: 'file', path: '$.name', operator: 'startsWith', value: 'judged' },
          { fact: 'file', path: '$.size', operator: 'greaterThan', value: 0 },
        ],
      },
      event: { type: 'deny' },
    },
    {
      name: 'static',
      on: ['auth.open'],
      conditions: {
        all: [{ fact: 'file', path: '$.path', operator: 'equal', value: `${scratch.mount}/static` }],
      },
      event: { type: 'deny' },
    },
  ];
}

function configOf({ nats }: { readonly nats?: string } = {}): string {
  return agentConfig(scratch, {
    rules: writeRules(scratch, rules()),
    ...(nats === undefined ? {} : { nats }),
  });
}

/** One path is denied by the bridge itself; all else waits for the agent, and is denied where it says nothing. */
function policyOfSilence(fixed: string): picket.v1.IPolicy {
  const { EVENT_KIND_AUTH } = picket.v1.EventKind;
  const { VERDICT_DENY } = picket.v1.Verdict;
  const { SUBJECT_FILE_PATH } = picket.v1.StaticTest.Subject;
  const { OPERATOR_EQUAL } = picket.v1.StaticTest.Operator;
  const tests = [{ subject: SUBJECT_FILE_PATH, operator: OPERATOR_EQUAL, values: [Buffer.from(fixed)] }];
  return {
    epoch: long(1),
    guardedFilesystems: [{ path: Buffer.from(scratch.mount) }],
    subscriptions: [{ kind: EVENT_KIND_AUTH, action: 'open' }],
    staticVerdicts: [{ action: 'open', verdict: VERDICT_DENY, rule: 'static', tests }],
    actions: [{ action: 'open', defaultVerdict: VERDICT_DENY, maxWaitUs: FOR_EVER_MS * 1_000 }],
  };
}

/** `picket off` and its like, as a person calls them. */
function picketCommand(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(
    nodeProgram,
    [picketProgram, ...args, '--socket', socketOf(scratch)],
    { encoding: 'utf8', timeout: 60_000 },
  );
  return { status, stdout, stderr };
}

function control(word: string) {
  return spawnSync(bridgeProgram, ['--control', word, '--socket', socketOf(scratch)], {
    encoding: 'utf8',
    timeout: 60_000,
  });
}

/** So many threads of a user, in whose calls the paths take turns. */
function openAs(uid: number, paths: readonly string[], threads: number, pace: readonly string[]): Running {
  return start(cleanup, openerProgram, ['--threads', String(threads), ...pace, ...paths], { uid, gid: uid });
}

/** Of so many opens by another process: this one is the agent, which is never asked. */
function deniedOf(paths: readonly string[]): number {
  const args = ['--count', String(paths.length), ...paths];
  const { stdout } = spawnSync(openerProgram, args, { encoding: 'utf8', timeout: HUNG_MS });
  return (JSON.parse(stdout) as OpenerReport).denied;
}

async function reportOf(opener: Running): Promise<OpenerReport> {
  expect(await opener.ended(), opener.stderr()).toBe(0);
  return JSON.parse(opener.stdout());
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

function switches({ events }: Stored) {
  return events
    .filter(({ trigger }) => trigger === 'picket.enforcement')
    .map(({ message }) => [message.enforcement?.state, message.enforcement?.reason]);
}

describe('picket off', () => {
  test('with an agent that has stopped answering and opens of four users waiting: all go on, and nothing is denied any more', async () => {
    const judged = scratch.file('judged');
    const fixed = scratch.file('static');
    await startBridge(cleanup, scratch);
    const agent = new TestAgent(socketOf(scratch), { lane: () => undefined });
    cleanup.add(() => agent.kill());
    await agent.start(policyOfSilence(fixed));
    expect(deniedOf([fixed])).toBe(1);

    for (const folder of [dirname(scratch.mount), scratch.folder]) chmodSync(folder, 0o755);
    const flood = USERS.map((uid) => ({ uid, log: join(scratch.folder, `${uid}.log`) }));
    const openers = flood.map(({ uid, log }) => {
      writeFileSync(log, '');
      chownSync(log, uid, uid);
      const pace = ['--pause-us', '500000', '--seconds', '100', '--log', log];
      return openAs(uid, [judged, fixed], EACH, pace);
    });
    // The bounds let so many of each user wait; the others are answered at once, again and again.
    // Some as many as a user may, and what is left of the room for all is kept for whoever has few.
    await waitFor(
      'the openers to wait',
      () => {
        const waiting = openers.map(({ pid }) => waitingForAnswers(pid));
        return waiting.every((count) => count >= BOUND_IN_A_CROWD) && sumOf(waiting) >= 2 * BOUND;
      },
      HUNG_MS,
    );
    // From here on it is as dead as one that was stopped.
    agent.options = { ...agent.options, pongs: false };
    await waitFor('its heartbeats to be missed', () => agent.statistics?.breakerOpen, HUNG_MS);
    const calledNs = Number(process.hrtime.bigint());
    const off = control('off');
    const returnedNs = Number(process.hrtime.bigint());
    expect([off.status, off.stderr]).toEqual([0, '']);
    await waitFor('nobody to wait', () => openers.every(({ pid }) => waitingForAnswers(pid) === 0), HUNG_MS);
    expect(deniedOf([judged, fixed])).toBe(0);
    for (const opener of openers) opener.signal('SIGTERM');
    const waiting: number[] = [];
    for (const [index, { log }] of flood.entries()) {
      const opener = openers[index];
      if (opener !== undefined) await reportOf(opener);
      const calls = readOpenerLog(log);
      const waited = calls.filter(({ startedNs, endedNs }) => startedNs < calledNs && endedNs > calledNs);
      waiting.push(waited.length);
      expect(waited.filter(({ error }) => error !== 0)).toEqual([]);
      const later = calls.filter(({ endedNs }) => endedNs > returnedNs);
      expect(later.filter(({ error }) => error !== 0)).toEqual([]);
    }
    expect(sumOf(waiting)).toBeGreaterThanOrEqual(2 * BOUND);
    // Past static verdicts, the default, a flood and an agent that is silent.
    const again = USERS.map((uid) => openAs(uid, [judged, fixed], EACH, ['--count', '4']));
    for (const report of await Promise.all(again.map(reportOf)))
      expect([report.calls, report.ok]).toEqual([THREADS, THREADS]);

    // And back.
    expect(control('on').status).toBe(0);
    expect(deniedOf([judged, fixed])).toBe(2);
  }, 240_000);

  test('is answered without an agent and by `picket`, told in the stream as an alert, and known to the agent', async () => {
    const fixed = scratch.file('static');
    const nats = await startStream(cleanup);
    await startBridge(cleanup, scratch);
    const config = configOf({ nats: nats.url });
    let agent = await startAgent(cleanup, config);
    await endOf(agent);
    expect(errorOfOpen(fixed)).toBe('EPERM');
    const off = picketCommand('off', '--reason', 'nothing works');
    expect([off.status, off.stderr]).toEqual([0, '']);
    expect(off.stdout).toMatch(/^enforcement is off since .*: nothing works\n/);
    expect(errorOfOpen(fixed)).toBe('none');

    agent = await startAgent(cleanup, config);
    expect(errorOfOpen(fixed)).toBe('none');
    await waitFor('the agent to say so', () => agent.stderr().includes('does not enforce (off)'));
    const status = picketCommand('status', '--json');
    const report = JSON.parse(status.stdout) as BridgeReport;
    expect(report).toMatchObject({ state: 'off', reason: 'nothing works', agent: { name: 'agent' } });
    expect(picketCommand('on').stdout).toMatch(/^enforcement is on since /);
    expect(errorOfOpen(fixed)).toBe('EPERM');
    await waitFor('the agent to say so', () => agent.stderr().includes('enforces again'));
    const stored = await waitForStored(nats, 'both switches', (all) => switches(all).length === 2);
    expect(switches(stored)).toEqual([
      ['off', 'nothing works'],
      ['on', 'an administrator said so'],
    ]);
    const alerts = stored.alerts.filter(({ trigger }) => trigger === 'picket.enforcement');
    expect(alerts.map(({ message }) => message.alerts.map((alert) => [alert.rule, alert.severity]))).toEqual([
      [['picket-enforcement', 'high']],
      [['picket-enforcement', 'high']],
    ]);
    await endOf(agent);
  });

  test('takes the marks away: a bridge that hangs afterwards holds up nobody, and `on` puts them back', async () => {
    const file = scratch.file('other');
    const fixed = scratch.file('static');
    const bridge = await startBridge(cleanup, scratch);
    const agent = await startAgent(cleanup, configOf());
    expect(control('off').status).toBe(0);
    const openUnheld = async (): Promise<void> => {
      await bridge.freeze();
      const report = await reportOf(openAs(0, [file, fixed], 4, ['--count', '25']));
      expect([report.calls, report.ok]).toEqual([100, 100]);
      bridge.thaw();
    };
    await openUnheld();
    // Neither a change of mounts nor a reload brings a mark back.
    const later = join(scratch.folder, 'later');
    mkdirSync(later);
    for (const command of [
      ['mount', '-t', 'tmpfs', 'picket-test', later],
      ['umount', '-l', later],
    ])
      expect(spawnSync(command[0] ?? '', command.slice(1)).status).toBe(0);
    const { name: _, ...rule } = rules()[0] as { name: string };
    writeRules(scratch, [...rules(), { ...rule, name: 'another' }]);
    agent.signal('SIGHUP');
    await waitFor('the new rules', () => /policy 2 is in force/.test(agent.stderr()));
    await openUnheld();
    expect(control('on').status).toBe(0);
    expect(errorOfOpen(fixed)).toBe('EPERM');
  });

  test('outlives a bridge that is killed, and one that ends', async () => {
    const fixed = scratch.file('static');
    const config = configOf();
    let bridge = await startBridge(cleanup, scratch);
    await startAgent(cleanup, config);
    expect(control('off').status).toBe(0);
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      bridge.signal(signal);
      await bridge.ended();
      bridge = await startBridge(cleanup, scratch);
      await waitFor(
        'the agent to be back',
        () => (JSON.parse(picketCommand('status', '--json').stdout) as BridgeReport).epoch > 0,
      );
      expect(errorOfOpen(fixed), signal).toBe('none');
    }
    expect(control('on').status).toBe(0);
    expect(errorOfOpen(fixed)).toBe('EPERM');
  });
});

test('picket=off on the kernel’s command line: nothing is denied, whatever `picket on` says', async () => {
  const fixed = scratch.file('static');
  const commandLine = join(scratch.folder, 'cmdline');
  writeFileSync(commandLine, 'root=/dev/vda quiet picket=off\n');
  const bridge = await startBridge(cleanup, scratch, { args: ['--kernel-command-line', commandLine] });
  await startAgent(cleanup, configOf());
  expect(errorOfOpen(fixed)).toBe('none');
  const refused = picketCommand('on');
  expect([refused.status, refused.stdout]).toEqual([1, '']);
  expect(refused.stderr).toContain("the kernel's command line says picket=off");
  expect(errorOfOpen(fixed)).toBe('none');
  // Nobody is asked: this one would hang otherwise.
  await bridge.freeze();
  const report = await reportOf(openAs(0, [fixed], 2, ['--count', '10']));
  expect(report.ok).toBe(20);
  bridge.thaw();
});

describe('a crash loop', () => {
  test('of the agent: the bridge only observes, says what it would have denied, and enforces again by `picket on`', async () => {
    const fixed = scratch.file('static');
    const nats = await startStream(cleanup);
    const bridge = await startBridge(cleanup, scratch);
    const config = configOf({ nats: nats.url });
    for (let crash = 1; crash <= 3; crash++) {
      const agent = await startAgent(cleanup, config);
      expect(errorOfOpen(fixed), `before crash ${crash}`).toBe('EPERM');
      agent.signal('SIGKILL');
      await agent.ended();
      await waitFor(
        'the bridge to see it',
        () => bridge.stderr().split('the agent is gone').length === crash + 1,
      );
    }
    await expect.poll(() => bridge.stderr()).toMatch(/the bridge only observes, .*picket on/);
    expect(errorOfOpen(fixed)).toBe('none');
    const agent = await startAgent(cleanup, config);
    expect(errorOfOpen(fixed)).toBe('none');
    const { ANSWER_LEVEL_STATIC } = picket.v1.AnswerLevel;
    const { VERDICT_ALLOW, VERDICT_DENY } = picket.v1.Verdict;
    const spared = (stored: Stored) =>
      stored.events.filter(({ path, message }) => path === fixed && message.auth?.verdict === VERDICT_ALLOW);
    const stored = await waitForStored(nats, 'the audits', (all) => spared(all).length === 2);
    for (const { message } of spared(stored)) {
      expect(message.auth).toMatchObject({ level: ANSWER_LEVEL_STATIC, rule: 'static' });
      expect(message.shadow).toContainEqual(
        expect.objectContaining({ rule: 'static', verdict: VERDICT_DENY }),
      );
      expect(message.decision).toBe('allow');
    }
    expect(switches(stored)).toEqual([
      ['observing', 'the agent ended without a goodbye 3 times within 300 s'],
    ]);
    expect(picketCommand('on').status).toBe(0);
    expect(errorOfOpen(fixed)).toBe('EPERM');
    await endOf(agent);
  });

  test('is none where agents end on SIGTERM', async () => {
    const fixed = scratch.file('static');
    await startBridge(cleanup, scratch);
    const config = configOf();
    for (let end = 1; end <= 4; end++) {
      const agent = await startAgent(cleanup, config);
      await agent.stop();
    }
    expect(errorOfOpen(fixed)).toBe('EPERM');
    expect(JSON.parse(picketCommand('status', '--json').stdout)).toMatchObject({ state: 'on' });
  });

  test('of the bridge: it comes back and asks about nothing until `picket on`', async () => {
    const fixed = scratch.file('static');
    const config = configOf();
    let bridge = await startBridge(cleanup, scratch);
    await startAgent(cleanup, config);
    const isServed = () => (JSON.parse(picketCommand('status', '--json').stdout) as BridgeReport).epoch > 0;
    for (let crash = 1; crash <= 3; crash++) {
      await waitFor('the agent to be back', isServed);
      expect(errorOfOpen(fixed), `before crash ${crash}`).toBe('EPERM');
      bridge.signal('SIGKILL');
      await bridge.ended();
      bridge = await startBridge(cleanup, scratch);
    }
    await waitFor('the agent to be back', isServed);
    await expect.poll(() => bridge.stderr()).toMatch(/the bridge only observes, .*picket on/);
    await bridge.freeze();
    expect((await reportOf(openAs(0, [fixed], 2, ['--count', '10']))).ok).toBe(20);
    bridge.thaw();
    expect(control('on').status).toBe(0);
    expect(errorOfOpen(fixed)).toBe('EPERM');
  });
});
