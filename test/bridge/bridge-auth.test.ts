// The bridge from outside: the auth lane, static verdicts and takeovers, with real deadlines.
import { spawnSync } from 'node:child_process';
import { chmodSync, closeSync, constants, openSync, readdirSync, renameSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { picket } from '../../src/events/proto/picket.js';
import { waitFor } from '../system/harness/wait.ts';
import { AUTH } from './replay-bridge.ts';
import {
  ALLOW,
  AnswerLevel,
  about,
  answer,
  answered,
  audits,
  bytes,
  DEFER,
  DENY,
  eventOf,
  opens,
  policy,
  stage,
  text,
} from './scenario.ts';
import { frameOf, long, type Request, type TestAgent } from './test-agent.ts';

const { agent, bridge, folder, stranger } = stage();

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
    one.sayLane({ authVerdict: { id: long(12345), epoch: long(1), verdict: ALLOW } });
    await waitFor('the late one', () => Number(one.statistics?.lateVerdicts) === 1);
    await waitFor('the one on nothing', () => Number(one.statistics?.unknownVerdicts) === 1);
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

  it('gives the default of the action where the agent could not evaluate, and says so', async () => {
    const { socket } = await bridge([...opens(1), { kind: AUTH, action: 'exec', path: '/data/x' }]);
    const actions = [
      { action: 'open', defaultVerdict: DENY, maxWaitUs: 10_000_000 },
      { action: 'exec', defaultVerdict: ALLOW, maxWaitUs: 10_000_000 },
    ];
    const failed = ({ id, epoch }: Request) => ({ id, epoch, failed: true });
    const one = await agent(socket, { lane: answer(DEFER), slow: failed }, policy({ actions }));
    await waitFor('the end', () => one.endOfSource);
    const level = AnswerLevel.ANSWER_LEVEL_DEFAULT_FAILED;
    expect(audits(one).map(({ action, auth }) => [action, auth?.verdict, auth?.level])).toEqual([
      ['open', DENY, level],
      ['exec', ALLOW, level],
    ]);
  });

  it('says that the kernel has no deadline of its own where a policy orders what it does at one', async () => {
    const { socket, process: running } = await bridge(opens(1));
    const one = await agent(socket, {}, policy({ deadlineMiss: picket.v1.DeadlineMiss.DEADLINE_MISS_DENY }));
    await waitFor('the end', () => one.endOfSource);
    await expect.poll(() => running.stderr()).toContain('guard.deadline_miss means nothing here');
    expect(one.requests.length).toBe(1);
  });

  it('sends nothing between PolicySwitch and Switched, and every request by the epoch it carries', async () => {
    const { socket } = await bridge(opens(300, '/data/s'), ['--speed', '1']);
    const waiting: Request[] = [];
    const one = await agent(socket, {
      switches: false,
      lane: (request) => void waiting.push(request) as undefined,
    });
    await waitFor('the first requests', () => waiting.length >= 32);
    one.say({ policy: policy({ epoch: long(2) }) });
    await waitFor('the switch', () => one.switchedTo.length === 1);
    one.options = { lane: answer(ALLOW) };
    for (const request of waiting) one.sayLane({ authVerdict: answer(ALLOW)(request) ?? {} });
    await waitFor('requests to be held', () => Number(one.statistics?.pending) === 32);
    expect(one.requests.length).toBe(32);
    one.sayLane({ switched: { epoch: long(2) } });
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
    one.sayLane({ pong: { number: long(1) } });
    await waitFor('the end', () => one.endOfSource);
    await waitFor(
      'the last figures',
      () => Number(one.statistics?.breakerOpened) >= 1 && one.statistics?.breakerOpen === false,
    );
    expect(answered(one, AnswerLevel.ANSWER_LEVEL_DEFAULT_BREAKER)).toBeGreaterThan(0);
    expect(answered(one, AnswerLevel.ANSWER_LEVEL_AGENT)).toBeGreaterThan(0);
  });
});

describe('a FIFO', () => {
  const replace = (fifo: string): void => {
    spawnSync('mkfifo', ['-m', '0600', `${fifo}-other`]);
    renameSync(`${fifo}-other`, fifo);
  };

  it.each<[string, (fifo: string) => void]>([
    ['that others may open', (fifo) => chmodSync(fifo, 0o622)],
    ['that is not the one that was made', replace],
  ])('%s is not used', async (_name, change) => {
    const { socket, process: running } = await bridge(opens(1));
    const one = stranger(socket);
    await waitFor('Welcome', () => one.welcome !== undefined);
    const fifo = text(one.welcome?.requestFifo);
    change(fifo);
    const end = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    await waitFor('the end of it', () => one.closed);
    closeSync(end);
    await expect.poll(() => running.stderr()).toMatch(/the FIFO for requests can't be opened/);
    // What holds for one connection is not held against the next.
    const next = await agent(socket);
    await waitFor('the end', () => next.endOfSource);
  });

  it('has a name that nobody can guess, and none once both sides have it open', async () => {
    const { socket } = await bridge(opens(1));
    const names = new Set<string>();
    for (let i = 0; i < 3; i++) {
      const one = stranger(socket);
      await waitFor('Welcome', () => one.welcome !== undefined);
      for (const fifo of [one.welcome?.requestFifo, one.welcome?.verdictFifo]) {
        const { mode, uid } = statSync(text(fifo));
        expect([mode & 0o7777, uid]).toEqual([0o600, process.getuid?.()]);
        names.add(text(fifo).slice(-32));
      }
      await one.start(policy());
      await waitFor(
        'the names to go',
        () => !readdirSync(folder()).some((name) => /-[0-9a-f]{32}$/.test(name)),
      );
      one.kill();
    }
    expect(names.size).toBe(6);
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
    const second = stranger(socket);
    await waitFor('Welcome', () => second.welcome !== undefined);
    await second.start(policy({ epoch: long(1), staticVerdicts: [deny(2, '/secret/')] }));
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
      policy({ epoch: long(2), staticVerdicts: [{ action: 'open', verdict: DEFER }] }),
    );
    expect(refused.error).toMatch(/neither allow nor deny/);
    const again = await one.policy(policy({ epoch: long(1) }));
    expect(again.error).toMatch(/epoch 1 is not above 1/);
    expect((await one.policy(policy({ epoch: long(3) }))).error ?? '').toBe('');
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
    expect(readdirSync(folder()).filter((name) => /^(requests|verdicts)-/.test(name))).toEqual([]);
  });

  it('waits for a policy that can be read: nothing else takes the place of an agent that serves', async () => {
    const { socket } = await bridge(opens(10));
    const first = await agent(socket, { lane: () => undefined });
    await waitFor('all ten', () => first.requests.length === 10);
    const noPolicies: ((one: TestAgent) => void)[] = [
      (one) => one.say({ policy: policy({ staticVerdicts: [{ action: 'open', verdict: DEFER }] }) }),
      (one) => one.say({ hello: { protocol: 1 } }),
      (one) => one.sayBytes(Buffer.alloc(8, 0xff)),
      (one) => one.sayBytes(frameOf(Buffer.from([0x0b, 0x01, 0x02]))),
      (one) => one.sayBytes(Buffer.alloc(2 * 1024 * 1024)),
    ];
    for (const say of noPolicies) {
      const second = stranger(socket);
      await waitFor('Welcome', () => second.welcome !== undefined);
      second.openLane();
      second.say({ credit: { events: 1, acceptedThrough: long(0) } });
      say(second);
      await waitFor('its end', () => second.closed);
    }
    expect(first.closed).toBe(false);
    for (const request of first.requests) first.sayLane({ authVerdict: answer(DENY)(request) ?? {} });
    await waitFor('the end', () => first.endOfSource);
    expect(audits(first).map((audit) => audit.auth?.verdict)).toEqual(Array(10).fill(DENY));
    expect(about(first, 'takeover')).toEqual([]);
    expect(readdirSync(folder()).filter((name) => /^(requests|verdicts)-/.test(name))).toEqual([]);
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
