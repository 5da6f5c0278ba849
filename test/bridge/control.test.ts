// Root's control of a bridge, from outside: who may, that no stranger keeps an administrator out, what is said and kept.
// A recording has no marks and nobody who waits; test/system/way-out.test.ts has the kernel.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { askBridge } from '../../src/control/ask-bridge.ts';
import { picket } from '../../src/events/proto/picket.js';
import { suspend } from '../system/harness/process.ts';
import { waitFor } from '../system/harness/wait.ts';
import { bridgeBinary, type ReplayBridge } from './replay-bridge.ts';
import { about, notes, policy, stage } from './scenario.ts';
import { frameOf, type TestAgent } from './test-agent.ts';

const { folder, bridge, agent, stranger } = stage();
const AGENT_UID = 65_534;
const CANDIDATES = 4;
const isRoot = process.getuid?.() === 0;

const ask = (socketPath: string, command: 'status' | 'off' | 'on' = 'status', reason = '') =>
  askBridge({ socketPath, command, reason });

/** The same from picket-bridge itself, which needs no Node. */
function control(
  socket: string,
  word: string,
  options: { readonly uid?: number; readonly wrap?: string[] } = {},
) {
  const [program = '', ...args] = [
    ...(options.wrap ?? []),
    bridgeBinary,
    '--control',
    word,
    '--socket',
    socket,
  ];
  const { status, stdout, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    timeout: 60_000,
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  return { status, stdout, stderr };
}

/** A folder for the socket that the agent's user may enter, as packaged. */
function bridgeFor(uid: number, options: readonly string[] = []): Promise<ReplayBridge> {
  chmodSync(folder(), 0o755);
  return bridge([], ['--agent-uid', String(uid), '--agent-gid', String(uid), ...options]);
}

function enforcements(one: TestAgent) {
  return about(one, 'enforcement').map(({ enforcement, alerts }) => ({
    state: enforcement?.state,
    reason: enforcement?.reason,
    uid: enforcement?.uid,
    alerts: alerts.map(({ rule, severity }) => `${rule} ${severity}`),
  }));
}

describe.skipIf(!isRoot)('control (needs root)', () => {
  it('switches off and on, without a new agent and without disturbing the one that is there; each switch is an event', async () => {
    const { socket, process: running } = await bridge(notes(1));
    const one = await agent(socket);
    expect(await ask(socket)).toMatchObject({ state: 'on', reason: '', since: undefined, epoch: 1 });
    const before = Date.now();
    const off = await ask(socket, 'off', 'backups\nhang');
    expect(off).toMatchObject({
      state: 'off',
      reason: 'backups hang',
      agent: { name: 'test', generation: 1 },
    });
    expect(off.since?.getTime()).toBeGreaterThanOrEqual(before - 1);
    expect(off.since?.getTime()).toBeLessThanOrEqual(Date.now() + 1);
    await waitFor('the statistics', () => one.statistics?.enforcement === 'off');
    // Said again it changes nothing, and is no news.
    expect(await ask(socket, 'off', 'again')).toMatchObject({ state: 'off', reason: 'backups hang' });
    expect(await ask(socket, 'on')).toMatchObject({ state: 'on', agent: { generation: 1 } });
    await waitFor('both events', () => enforcements(one).length === 2);
    await waitFor('the statistics again', () => one.statistics?.enforcement === 'on');
    const alerts = ['picket-enforcement high'];
    expect(enforcements(one)).toEqual([
      { state: 'off', reason: 'backups hang', uid: 0, alerts },
      { state: 'on', reason: 'an administrator said so', uid: 0, alerts },
    ]);
    expect([one.closed, about(one, 'takeover')]).toEqual([false, []]);
    await expect
      .poll(() => running.stderr())
      .toMatch(/enforcement is switched" state=off uid=0 pid=\d+ reason="backups hang"/);
  });

  it('is for root: the agent’s own user is refused with a sentence, and nothing is switched', async () => {
    const { socket } = await bridgeFor(AGENT_UID);
    for (const word of ['status', 'off', 'on']) {
      const refused = control(socket, word, { uid: AGENT_UID });
      expect([refused.status, refused.stdout], refused.stderr).toEqual([1, '']);
      expect(refused.stderr).toContain('only root may ask about enforcement and switch it, not user 65534');
    }
    expect((await ask(socket)).state).toBe('on');
  });

  it.each([
    ['user', ['unshare', '--user', '--map-root-user']],
    ['mnt', ['unshare', '--mount']],
    ['pid', ['unshare', '--pid', '--fork']],
  ])('root of another %s namespace is refused', async (_, wrap) => {
    const { socket } = await bridge([]);
    const refused = control(socket, 'off', { wrap });
    expect([refused.status, refused.stdout]).toEqual([1, '']);
    expect(refused.stderr).toMatch(/the bridge refuses: .*namespace/);
    expect((await ask(socket)).state).toBe('on');
  });

  it('another user may not even open the socket, and reads who may', async () => {
    const { socket } = await bridgeFor(AGENT_UID);
    const refused = control(socket, 'off', { uid: 12_345 });
    expect([refused.status, refused.stderr]).toEqual([
      1,
      `picket-bridge: only root may do this: ${socket}\n`,
    ]);
  });

  it('an agent that asks for it loses its connection', async () => {
    const { socket } = await bridge([]);
    const one = await agent(socket);
    one.say({ control: { command: picket.v1.Control.Command.COMMAND_OFF } });
    await waitFor('its end', () => one.closed);
    expect((await ask(socket)).state).toBe('on');
  });

  it.each([
    'as many connections as may wait to say Hello, which say nothing',
    'and root’s own places as well',
  ])('comes through past %s', async (what) => {
    const { socket } = await bridge([]);
    const held: Socket[] = [];
    const hold = (): void => {
      held.push(connect(socket).on('error', () => undefined));
    };
    for (let i = 0; i < CANDIDATES + (what.startsWith('and') ? 4 : 0); i++) hold();
    await waitFor('them to be connected', () => held.every(({ pending }) => !pending));
    try {
      expect((await ask(socket, 'off')).state).toBe('off');
      // An agent is kept out as long as they wait, and told so.
      const late = stranger(socket);
      await waitFor('the answer', () => late.refused);
      expect(late.refused).toContain('too many connections');
      expect((await ask(socket)).state).toBe('off');
    } finally {
      for (const each of held) each.destroy();
    }
  });

  it('what is no control is refused, and the bridge goes on', async () => {
    const { socket } = await bridge([]);
    const { ToBridge } = picket.v1;
    for (const command of [0, 4, 2_000_000_000]) {
      const one = connect(socket);
      let answer = Buffer.alloc(0);
      one.on('data', (chunk) => {
        answer = Buffer.concat([answer, chunk]);
      });
      one.write(frameOf(ToBridge.encode({ control: { command, reason: 'x' } }).finish()));
      await waitFor('its end', () => one.closed || one.readableEnded);
      expect(answer.toString('latin1')).toContain('the first frame is not a Hello');
      one.destroy();
    }
    expect((await ask(socket)).state).toBe('on');
  });

  it('is kept until it is switched on, through restarts of any kind; without a folder for it that is said', async () => {
    const state = join(folder(), 'state');
    const options = ['--state-dir', state];
    let now = await bridge([], options);
    expect((await ask(now.socket, 'off', 'maintenance')).note).toBe('');
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      now.process.signal(signal);
      await now.process.ended();
      now = await bridge(notes(1), options);
      expect(await ask(now.socket)).toMatchObject({ state: 'off', reason: 'maintenance' });
      const one = await agent(now.socket);
      await waitFor('the event', () => enforcements(one).length === 1);
      expect(enforcements(one)[0]).toMatchObject({ state: 'off', reason: 'maintenance' });
    }
    expect((await ask(now.socket, 'on')).note).toBe('');
    expect(existsSync(join(state, 'enforcement'))).toBe(false);
    await now.process.stop();
    now = await bridge([], options);
    expect((await ask(now.socket)).state).toBe('on');
    // A folder that can't be written to.
    mkdirSync(join(state, 'enforcement.new'));
    expect((await ask(now.socket, 'off')).note).toMatch(/can't be written .*may not outlive a restart/);
    rmSync(join(state, 'enforcement.new'), { recursive: true });
    expect((await ask(now.socket, 'off')).note).toBe('');
    await now.process.stop();

    const forgetful = await bridge([]);
    expect((await ask(forgetful.socket, 'off')).note).toContain('no --state-dir');
  });

  it('what was kept and can’t be read means off', async () => {
    const state = join(folder(), 'state');
    mkdirSync(state);
    symlinkSync('enforcement', join(state, 'enforcement'));
    const { socket } = await bridge([], ['--state-dir', state]);
    expect(await ask(socket)).toMatchObject({ state: 'off', reason: expect.stringContaining("can't be") });
    expect((await ask(socket, 'on')).note).toBe('');
    expect(existsSync(join(state, 'enforcement'))).toBe(false);
  });

  it('picket=off on the kernel’s command line has the last word', async () => {
    const file = join(folder(), 'cmdline');
    writeFileSync(file, 'root=/dev/sda1 quiet picket=off\n');
    const options = ['--kernel-command-line', file, '--state-dir', join(folder(), 'state')];
    const first = await bridge(notes(1), options);
    const one = await agent(first.socket);
    await waitFor('the event', () => enforcements(one).length === 1);
    const reason = "the kernel's command line says picket=off";
    expect(enforcements(one)[0]).toMatchObject({ state: 'off', reason });
    await expect(ask(first.socket, 'on')).rejects.toThrow(`${reason}, and whoever wrote it there`);
    expect(control(first.socket, 'on').status).toBe(1);
    expect(await ask(first.socket)).toMatchObject({ state: 'off', reason });
    await first.process.stop();
    writeFileSync(file, 'root=/dev/sda1 quiet\n');
    expect((await ask((await bridge([], options)).socket)).state).toBe('on');
  });
});

describe.skipIf(!isRoot)('picket-bridge --control (needs root)', () => {
  it('says what the bridge says', async () => {
    const { socket } = await bridge([]);
    expect(control(socket, 'status')).toMatchObject({ status: 0, stderr: '' });
    expect(control(socket, 'off').stdout).toMatch(
      /^enforcement is off since \d{4}-\d\d-\d\d [\d:]+ UTC: an administrator said so\nno agent is connected\nnote: /,
    );
    expect((await ask(socket)).state).toBe('off');
    await agent(socket);
    expect(control(socket, 'on').stdout).toContain('enforcement is on');
    expect(control(socket, 'status').stdout).toContain('\nagent: test');
    expect(control(socket, 'sideways')).toMatchObject({
      status: 2,
      stderr: "picket-bridge: --control can't be 'sideways'\n",
    });
  });

  it('without a bridge says so; to one that does not answer it names the last resort, which works', async () => {
    const { socket, process: running } = await bridge([]);
    await suspend(running.pid);
    const silent = control(socket, 'off');
    expect([silent.status, silent.stdout]).toEqual([1, '']);
    expect(silent.stderr).toContain('does not answer within 5 s');
    await expect(askBridge({ socketPath: socket, command: 'off', timeoutMs: 100 })).rejects.toThrow(
      'does not answer within 0.1 s',
    );
    const command = /kill -KILL [\d ]+/.exec(silent.stderr)?.[0] ?? 'false';
    await expect(askBridge({ socketPath: socket, command: 'off', timeoutMs: 100 })).rejects.toThrow(command);
    expect(command).toMatch(new RegExp(`\\b${readFileSync(`${socket}.lock`, 'utf8').trim()}$`));
    expect(spawnSync('/bin/sh', ['-c', command]).status).toBe(0);
    expect(await running.ended()).toBe('SIGKILL');

    const left = control(socket, 'off');
    expect([left.status, left.stderr]).toEqual([
      1,
      `picket-bridge: no bridge listens at this socket: ${socket}\n`,
    ]);
    await expect(ask(socket)).rejects.toThrow('nobody listens');
    rmSync(socket);
    expect(control(socket, 'status').status).toBe(1);
    await expect(ask(socket)).rejects.toThrow('there is no socket');
  });
});

describe.skipIf(!isRoot)('a crash loop (needs root)', () => {
  const served = (socket: string) => agent(socket, {}, policy());

  it('of agents that end without a goodbye: the third within the time ends enforcement, until one has stayed', async () => {
    const { socket, process: running } = await bridge(notes(1), ['--crash-loop', '3/6']);
    for (let crash = 1; crash <= 3; crash++) {
      expect((await ask(socket)).state, `before crash ${crash}`).toBe('on');
      (await served(socket)).kill();
      await waitFor('the bridge to see it', async () => (await ask(socket)).agent === undefined);
    }
    expect(await ask(socket)).toMatchObject({
      state: 'observing',
      reason: 'the agent ended without a goodbye 3 times within 6 s',
    });
    await expect.poll(() => running.stderr()).toMatch(/only observes.*to make it enforce again: picket on/);
    const stays = await served(socket);
    await waitFor('enforcement', async () => (await ask(socket)).state === 'on');
    await waitFor('the events', () => enforcements(stays).length === 2);
    expect(enforcements(stays).map(({ state }) => state)).toEqual(['observing', 'on']);
  });

  it('ends by `on`, from when crashes are counted anew', async () => {
    const { socket } = await bridge([]);
    const crash = async (): Promise<void> => {
      (await served(socket)).kill();
      await waitFor('the bridge to see it', async () => (await ask(socket)).agent === undefined);
    };
    for (let i = 0; i < 3; i++) await crash();
    expect((await ask(socket)).state).toBe('observing');
    await ask(socket, 'on');
    for (let i = 0; i < 2; i++) await crash();
    expect((await ask(socket)).state).toBe('on');
    await crash();
    expect((await ask(socket)).state).toBe('observing');
  });

  it('is none where agents take leave, are replaced, had no policy in force, or nobody wants to know', async () => {
    const { socket } = await bridge([]);
    for (let i = 0; i < 4; i++) {
      const polite = await served(socket);
      polite.say({ goodbye: { reason: 'asked to end' } });
      await waitFor('the goodbye to be sent', () => polite.isFlushed);
      polite.kill();
      await waitFor('the bridge to see it', async () => (await ask(socket)).agent === undefined);
    }
    for (let i = 0; i < 4; i++) {
      const idle = stranger(socket);
      await waitFor('Welcome', () => idle.welcome);
      idle.kill();
      await waitFor('the bridge to see it', async () => (await ask(socket)).agent === undefined);
    }
    let last = await served(socket);
    for (let i = 0; i < 4; i++) {
      const next = await served(socket);
      await waitFor('the old one to be told', () => last.closed);
      last = next;
    }
    expect((await ask(socket)).state).toBe('on');
  });

  it('of the bridge: the fourth start within the time observes until `on`; ends on a signal do not count', async () => {
    const options = ['--state-dir', join(folder(), 'state')];
    for (let i = 0; i < 4; i++) await (await bridge([], options)).process.stop();
    for (let crash = 1; crash <= 3; crash++) {
      const one = await bridge([], options);
      expect((await ask(one.socket)).state, `before crash ${crash}`).toBe('on');
      one.process.signal('SIGKILL');
      await one.process.ended();
    }
    let now = await bridge([], options);
    expect(await ask(now.socket)).toMatchObject({
      state: 'observing',
      reason: 'the bridge was started and did not end well 3 times within 300 s',
    });
    await now.process.stop();
    now = await bridge([], options);
    expect((await ask(now.socket)).state).toBe('observing');
    expect((await ask(now.socket, 'on')).state).toBe('on');
    now.process.signal('SIGKILL');
    await now.process.ended();
    expect((await ask((await bridge([], options)).socket)).state).toBe('on');
  });
});
