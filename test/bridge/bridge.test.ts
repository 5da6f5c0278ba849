// The bridge from outside: the real binary with the replay backend, and an agent of few lines.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { picket } from '../../src/events/proto/picket.js';
import { Cleanup } from '../system/harness/cleanup.ts';
import { waitFor } from '../system/harness/wait.ts';
import { AUTH, bridgeBinary, NOTIFY, type Recorded, startReplayBridge } from './replay-bridge.ts';
import { type AgentOptions, frameOf, type Request, TestAgent, type VerdictOf } from './test-agent.ts';

const ALLOW = 1;
const DENY = 2;
const DEFER = 3;
const { AnswerLevel } = picket.v1;
const bytes = (text: string): Buffer => Buffer.from(text);
const text = (value: Uint8Array | null | undefined): string => Buffer.from(value ?? []).toString();

const subscriptions = [
  { kind: AUTH, action: 'exec' },
  { kind: AUTH, action: 'open' },
  { kind: NOTIFY, action: 'exec' },
  { kind: NOTIFY, action: 'open' },
];
/** Waits that no machine is too slow for, where a verdict is to come. */
const patient = [
  { action: 'open', defaultVerdict: ALLOW, maxWaitUs: 10_000_000 },
  { action: 'exec', defaultVerdict: ALLOW, maxWaitUs: 10_000_000 },
];
const policy = (more: picket.v1.IPolicy = {}): picket.v1.IPolicy => ({
  epoch: 1,
  subscriptions,
  actions: patient,
  ...more,
});
const opens = (count: number, path = '/data/f'): Recorded[] =>
  Array.from({ length: count }, (_, i) => ({ kind: AUTH, action: 'open', path: `${path}${i}` }));
const notes = (count: number): Recorded[] =>
  Array.from({ length: count }, (_, i) => ({ kind: NOTIFY, action: 'open', path: `/data/n${i}` }));
const answer =
  (verdict: number, more: picket.v1.IAuthVerdict = {}): VerdictOf =>
  (request) => ({ id: request.id, epoch: request.epoch, verdict, ...more });
const eventOf = (request: Request): picket.v1.Event => picket.v1.Event.decode(request.event);
const audits = (agent: TestAgent): picket.v1.Event[] => agent.events.filter((event) => event.auth);
const about = (agent: TestAgent, action: string): picket.v1.Event[] =>
  agent.events.filter((event) => event.action === action);
const answered = (agent: TestAgent, level: number): number =>
  (agent.statistics?.answers ?? [])
    .filter((entry) => entry.level === level)
    .reduce((sum, entry) => sum + Number(entry.count), 0);

let cleanup: Cleanup;
let folder: string;
beforeEach(() => {
  cleanup = new Cleanup();
  folder = mkdtempSync(join(tmpdir(), 'picket-bridge-'));
  cleanup.add(() => rmSync(folder, { recursive: true, force: true }));
});
afterEach(() => cleanup.run());

const bridge = (events: readonly Recorded[], options: readonly string[] = []) =>
  startReplayBridge(cleanup, folder, events, options);

async function agent(socket: string, options: AgentOptions = {}, sent: picket.v1.IPolicy = policy()) {
  const one = new TestAgent(socket, options);
  cleanup.add(() => one.kill());
  return one.start(sent);
}

describe('events', () => {
  it('come numbered without gaps, in order, and end with the end of the source', async () => {
    const { socket } = await bridge(notes(5000));
    const one = await agent(socket);
    await waitFor('the end', () => one.endOfSource);
    expect(one.events.map((event) => Number(event.sequence))).toEqual(one.events.map((_, i) => i + 1));
    expect(about(one, 'open').map((event) => text(event.file?.path))).toEqual(
      notes(5000).map((event) => event.path),
    );
    expect(one.losses).toEqual([]);
  });

  it('are kept until accepted: an agent that was killed is sent what it had not accepted, and no more', async () => {
    const { socket } = await bridge(notes(2000));
    const first = await agent(socket, { credit: 900 });
    await waitFor('900 events', () => first.events.length === 900);
    first.kill();
    const second = await agent(socket, {
      bridgeInstance: first.welcome?.bridgeInstance ?? '',
      acceptedThrough: 500,
    });
    await waitFor('the end', () => second.endOfSource);
    expect(Number(second.welcome?.nextSequence)).toBe(501);
    expect(second.events.map((event) => Number(event.sequence))).toEqual(
      second.events.map((_, i) => 501 + i),
    );
    expect(about(second, 'open').length).toBe(
      2000 - about(first, 'open').filter((e) => Number(e.sequence) <= 500).length,
    );
  });

  it('without credit fill the queue, lose the lowest class first, and the losses add up', async () => {
    const events = Array.from({ length: 400 }, (_, i) => ({
      kind: NOTIFY,
      action: i % 4 === 0 ? 'exec' : 'open',
      path: `/data/n${i}`,
      afterMs: 0,
    }));
    const { socket } = await bridge(events, ['--queue-events', '150', '--speed', '1000']);
    const one = await agent(socket, { credit: 0 });
    await waitFor('all events to be numbered', () => Number(one.statistics?.events) >= 401);
    one.say({ credit: { events: 10_000, acceptedThrough: 0 } });
    await waitFor('the end', () => one.endOfSource);
    const lost = one.losses.reduce((sum, loss) => sum + Number(loss.count), 0);
    expect(one.events.length + lost).toBe(401); // the unwatched interval before the first agent is one of them
    expect(about(one, 'exec').length).toBe(100);
    expect(one.losses.every((loss) => loss.cause === 'queue_full' && loss.action === 'open')).toBe(true);
  });
});

describe('the auth lane', () => {
  it('asks, tells the verdict, and audits what was denied with the annotations that came with it', async () => {
    const { socket } = await bridge(opens(50));
    const annotations = picket.v1.Event.encode({ rules: ['no-odd'], decision: 'deny' }).finish();
    const one = await agent(socket, {
      lane: (request) => {
        const odd = Number(text(eventOf(request).file?.path).slice(7)) % 2 === 1;
        return {
          id: request.id,
          epoch: request.epoch,
          verdict: odd ? DENY : ALLOW,
          rule: odd ? 'no-odd' : '',
          annotations: odd ? annotations : bytes(''),
          report: odd,
          annotated: true,
        };
      },
    });
    await waitFor('the end', () => one.endOfSource);
    expect(one.requests.length).toBe(50);
    expect(new Set(one.requests.map((request) => request.id.toString())).size).toBe(50);
    expect(audits(one).length).toBe(25);
    for (const audit of audits(one)) {
      expect(audit.auth).toMatchObject({
        verdict: DENY,
        level: AnswerLevel.ANSWER_LEVEL_AGENT,
        rule: 'no-odd',
        annotated: true,
      });
      expect(audit.rules).toEqual(['no-odd']);
    }
    expect(
      one.requests.every((request) => request.budgetUs > 9_000_000 && request.budgetUs <= 10_000_000),
    ).toBe(true);
  });

  it('answers by the default at the end of the budget, and counts the verdict that comes late', async () => {
    const { socket } = await bridge(opens(1));
    const held: Request[] = [];
    const one = await agent(
      socket,
      { lane: (request) => void held.push(request) as undefined },
      policy({ actions: [{ action: 'open', defaultVerdict: DENY, maxWaitUs: 100_000 }] }),
    );
    await waitFor('the end', () => one.endOfSource);
    expect(audits(one)[0]?.auth).toMatchObject({
      verdict: DENY,
      level: AnswerLevel.ANSWER_LEVEL_DEFAULT_DEADLINE,
    });
    const [request] = held;
    if (!request) throw new Error('it was never asked');
    one.sayLane({ authVerdict: { id: request.id, epoch: request.epoch, verdict: ALLOW } });
    one.sayLane({ authVerdict: { id: 12345, epoch: 1, verdict: ALLOW } });
    await waitFor('the late one', () => Number(one.statistics?.lateVerdicts) === 1);
    expect(Number(one.statistics?.unknownVerdicts)).toBe(1);
    expect(answered(one, AnswerLevel.ANSWER_LEVEL_AGENT)).toBe(0);
  });

  it('sends what is deferred, and what is too long for the FIFO, over the socket', async () => {
    const long = {
      kind: AUTH,
      action: 'exec',
      path: '/data/long',
      args: Array.from({ length: 40 }, () => 'x'.repeat(5000)),
    };
    const { socket } = await bridge([...opens(3), long]);
    const one = await agent(socket, {
      lane: answer(DEFER),
      slow: answer(DENY, { rule: 'slow', report: true }),
    });
    await waitFor('the end', () => one.endOfSource);
    expect(one.requests.length).toBe(3);
    expect(one.slowRequests.length).toBe(4);
    expect(audits(one).map((audit) => audit.auth?.level)).toEqual(
      Array(4).fill(AnswerLevel.ANSWER_LEVEL_SLOW_LANE),
    );
  });

  it('sends nothing between PolicySwitch and Switched, and every request by the epoch it carries', async () => {
    const { socket } = await bridge(opens(300, '/data/s'), ['--speed', '1']);
    const waiting: Request[] = [];
    const one = await agent(socket, {
      switches: false,
      lane: (request) => void waiting.push(request) as undefined,
    });
    await waitFor('the first requests', () => waiting.length >= 32);
    one.say({ policy: policy({ epoch: 2 }) });
    await waitFor('the switch', () => one.switchedTo.length === 1);
    one.options = { lane: answer(ALLOW) };
    for (const request of waiting) one.sayLane({ authVerdict: answer(ALLOW)(request) ?? {} });
    await waitFor('requests to be held', () => Number(one.statistics?.pending) === 32);
    expect(one.requests.length).toBe(32);
    one.sayLane({ switched: { epoch: 2 } });
    await waitFor('the end', () => one.endOfSource);
    expect(one.requests.map((request) => Number(request.epoch))).toEqual([
      ...Array(32).fill(1),
      ...Array(268).fill(2),
    ]);
  });

  it('does not wait for an agent that lets budgets run out, until its Pong', async () => {
    const { socket } = await bridge(
      Array.from({ length: 60 }, (_, i) => ({
        kind: AUTH,
        action: 'open',
        path: `/data/${i}`,
        afterMs: i * 50,
      })),
      ['--speed', '1'],
    );
    const one = await agent(
      socket,
      { pongs: false, lane: () => undefined },
      policy({ actions: [{ action: 'open', maxWaitUs: 20_000 }] }),
    );
    await waitFor('the breaker', () => one.statistics?.breakerOpen === true);
    one.options = {};
    one.sayLane({ pong: { number: 1 } });
    await waitFor('the end', () => one.endOfSource);
    await waitFor(
      'the last figures',
      () => Number(one.statistics?.breakerOpened) >= 1 && one.statistics?.breakerOpen === false,
    );
    expect(answered(one, AnswerLevel.ANSWER_LEVEL_DEFAULT_BREAKER)).toBeGreaterThan(0);
    expect(answered(one, AnswerLevel.ANSWER_LEVEL_AGENT)).toBeGreaterThan(0);
  });
});

describe('static verdicts', () => {
  const deny = (operator: number, value: string): picket.v1.IStaticVerdict => ({
    action: 'open',
    verdict: DENY,
    rule: 'static',
    tests: [{ subject: 1, operator, values: [bytes(value)] }],
  });

  it('are given without asking, and hold where the path is not resolved', async () => {
    const { socket } = await bridge([
      { kind: AUTH, action: 'open', path: '/secret/key' },
      { kind: AUTH, action: 'open', path: '/data/free' },
      { kind: AUTH, action: 'open', path: '/data/hidden', unresolved: true },
    ]);
    const one = await agent(socket, {}, policy({ staticVerdicts: [deny(2, '/secret/')] }));
    await waitFor('the end', () => one.endOfSource);
    expect(one.requests.map((request) => text(eventOf(request).file?.path))).toEqual(['/data/free']);
    expect(audits(one).map((audit) => audit.auth)).toMatchObject([
      { verdict: DENY, level: AnswerLevel.ANSWER_LEVEL_STATIC, rule: 'static' },
      { verdict: DENY, level: AnswerLevel.ANSWER_LEVEL_STATIC, rule: 'static' },
    ]);
  });

  it('go on without an agent, beside the defaults', async () => {
    const all = Array.from({ length: 40 }, (_, i) => ({
      kind: AUTH,
      action: 'open',
      path: i % 2 === 0 ? `/secret/${i}` : `/data/${i}`,
      afterMs: i * 20,
    }));
    const { socket } = await bridge(all, ['--speed', '1']);
    const first = await agent(socket, {}, policy({ staticVerdicts: [deny(2, '/secret/')] }));
    await waitFor('the first answers', () => first.requests.length >= 2);
    first.kill();
    const second = new TestAgent(socket);
    cleanup.add(() => second.kill());
    await waitFor('Welcome', () => second.welcome !== undefined);
    await waitFor('the recording to end', () => true);
    await second.start(policy({ epoch: 1, staticVerdicts: [deny(2, '/secret/')] }));
    await waitFor('the end', () => second.endOfSource);
    const denied = new Set(
      [...audits(first), ...audits(second)]
        .filter((audit) => audit.auth?.verdict === DENY)
        .map((audit) => text(audit.file?.path)),
    );
    expect(denied).toEqual(new Set(all.filter((_, i) => i % 2 === 0).map((event) => event.path)));
  });

  it('that are malformed leave the policy before in force and say why', async () => {
    const { socket } = await bridge(opens(1));
    const one = await agent(socket);
    const refused = await one.policy(
      policy({ epoch: 2, staticVerdicts: [{ action: 'open', verdict: DEFER }] }),
    );
    expect(refused.error).toMatch(/neither allow nor deny/);
    const again = await one.policy(policy({ epoch: 1 }));
    expect(again.error).toMatch(/epoch 1 is not above 1/);
    expect((await one.policy(policy({ epoch: 3 }))).error ?? '').toBe('');
  });
});

describe('a takeover', () => {
  it('asks the pending requests again, voids the old verdicts, and is an event', async () => {
    const { socket } = await bridge(opens(10));
    const first = await agent(socket, { name: 'one', lane: () => undefined });
    await waitFor('all ten', () => first.requests.length === 10);
    const second = await agent(socket, { name: 'two', lane: answer(DENY, { rule: 'two' }) });
    await waitFor('the old one to be closed', () => first.closed);
    await waitFor('the end', () => second.endOfSource);
    expect(new Set(second.requests.map((r) => r.id.toString()))).toEqual(
      new Set(first.requests.map((r) => r.id.toString())),
    );
    expect(audits(second).map((audit) => audit.auth?.rule)).toEqual(Array(10).fill('two'));
    expect(about(second, 'takeover')[0]?.takeover).toMatchObject({ agent: 'two', uid: process.getuid?.() });
    expect(Number(second.welcome?.generation)).toBe(2);
    expect(readdirSync(folder).filter((name) => /^(requests|verdicts)-/.test(name))).toEqual([]);
  });

  it('or a death leaves no request without an answer, however often', async () => {
    const { socket } = await bridge(
      Array.from({ length: 300 }, (_, i) => ({
        kind: AUTH,
        action: 'open',
        path: `/data/${i}`,
        afterMs: i * 4,
      })),
      ['--speed', '1'],
    );
    let last = await agent(socket);
    for (let i = 0; i < 8; i++) {
      const before = last.requests.length;
      await waitFor('it to be asked', () => last.requests.length > before || last.endOfSource);
      if (i % 2 === 0) last.kill();
      last = await agent(socket);
    }
    await waitFor('the end', () => last.endOfSource);
    const total = (): number =>
      (last.statistics?.answers ?? []).reduce((sum, entry) => sum + Number(entry.count), 0);
    await waitFor('every request answered once', () => total() === 300);
    expect(Number(last.statistics?.pending)).toBe(0);
  });
});

describe('what nobody watched', () => {
  it('is an event: before the first agent, between two, and while no bridge ran', async () => {
    const state = join(folder, 'state');
    const first = await bridge(notes(1), ['--state-dir', state]);
    const one = await agent(first.socket);
    await waitFor('the interval before it', () => about(one, 'unwatched').length === 1);
    expect(about(one, 'unwatched')[0]?.unwatched?.who).toBe('agent');
    one.kill();
    const two = await agent(first.socket);
    await waitFor('the interval between', () => about(two, 'unwatched').length === 2);
    expect(await first.process.stop()).toBe(0);
    expect(existsSync(first.socket)).toBe(false);
    const second = await bridge(notes(1), ['--state-dir', state]);
    const three = await agent(second.socket);
    await waitFor('both intervals', () => about(three, 'unwatched').length === 2);
    expect(about(three, 'unwatched').map((event) => event.unwatched?.who)).toEqual(['bridge', 'agent']);
  });
});

describe('who may speak', () => {
  it('frames that are none end the connection and nothing else', async () => {
    const { socket, process: running } = await bridge(notes(3));
    const overlong = Buffer.alloc(8, 0xff);
    const garbage = frameOf(Buffer.from([0x0b, 0x01, 0x02]));
    for (const bad of [overlong, garbage]) {
      const one = await agent(socket, { credit: 0 });
      one.sayBytes(bad);
      await waitFor('the end of it', () => one.closed);
    }
    const stranger = new TestAgent(socket);
    cleanup.add(() => stranger.kill());
    stranger.say({ hello: { protocol: 1 } });
    await waitFor('a second Hello to end it', () => stranger.closed);
    const last = await agent(socket);
    await waitFor('the end', () => last.endOfSource);
    expect(running.stderr()).toMatch(/over the maximum/);
    expect(running.stderr()).toMatch(/malformed/);
  });

  it('a second bridge says so and leaves the first alone', async () => {
    const { socket } = await bridge(notes(3));
    const second = spawnSync(
      bridgeBinary,
      ['--backend', 'replay', '--socket', socket, '--file', join(folder, 'recording.picket')],
      { timeout: 10_000, encoding: 'utf8' },
    );
    expect(second.status).toBe(1);
    expect(second.stderr).toMatch(/another picket-bridge \(process \d+\) serves/);
    const one = await agent(socket);
    await waitFor('the end', () => one.endOfSource);
  });

  it('usage errors are plain and exit with 2', () => {
    const run = (...args: string[]) => spawnSync(bridgeBinary, args, { timeout: 10_000, encoding: 'utf8' });
    expect(run('--help').status).toBe(0);
    expect(run('--help').stdout).toMatch(/example: picket-bridge/);
    expect(run().status).toBe(2);
    expect(run('--backend', 'mars').stderr).toMatch(/no such backend: mars/);
    expect(run('--backend', 'replay', '--speed', '0').stderr).toMatch(/--speed can't be '0'/);
    const missing = run(
      '--backend',
      'replay',
      '--socket',
      join(folder, 'b.sock'),
      '--file',
      join(folder, 'none'),
    );
    expect(missing.status).toBe(1);
    expect(missing.stderr).toMatch(/can't read the recording/);
  });
});
