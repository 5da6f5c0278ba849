// Who may speak to the bridge: the packaged agent with the packaged rights, and what others can do who want to be it.
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { agentConfig, startAgent, writeRules } from './harness/agent.ts';
import { endOf } from './harness/books.ts';
import { bridgeProgram, socketOf, startBridge } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import { errorOfOpen } from './harness/opener.ts';
import { namesIn, targetOf } from './harness/proc.ts';
import { type Running, start } from './harness/process.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { hello, type SpeakerOptions, type SpeakerReport, saying, startSpeaker } from './harness/speaker.ts';
import { startStream, waitForStored } from './harness/stream.ts';
import { serviceOf, wordsOf } from './harness/unit.ts';
import { AGENT, as, openToOthers, run, STRANGER, withOnly } from './harness/users.ts';
import { waitFor } from './harness/wait.ts';

const EACCES = 13;
const bridgeUnit = serviceOf('picket-bridge');
const agentUnit = serviceOf('picket-agent');

let cleanup: Cleanup;
let scratch: Scratch;

beforeEach(() => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
  openToOthers(scratch);
});

afterEach(() => cleanup.run());

const folderOf = (): string => dirname(socketOf(scratch));
const forAgent = ['--agent-uid', String(AGENT), '--agent-gid', String(AGENT)];

/** The first only the agent can decide, the second the bridge does. */
function rules(): unknown[] {
  const deny = (name: string, ...all: object[]) => ({
    name,
    on: ['auth.open'],
    conditions: { all },
    event: { type: 'deny' },
  });
  return [
    deny(
      'by-the-agent',
      { fact: 'file', path: '$.name', operator: 'equal', value: 'denied' },
      { fact: 'file', path: '$.size', operator: 'greaterThan', value: 0 },
    ),
    deny('by-the-bridge', { fact: 'file', path: '$.name', operator: 'equal', value: 'static-denied' }),
  ];
}

function packagedBridge(): Promise<Running> {
  return startBridge(cleanup, scratch, {
    args: forAgent,
    under: withOnly(wordsOf(bridgeUnit, 'CapabilityBoundingSet')),
  });
}

interface AgentOptions {
  readonly under?: readonly string[];
  readonly nats?: string;
}

function agent(name: string, { under, nats }: AgentOptions = {}): Promise<Running> {
  const ambient = wordsOf(agentUnit, 'AmbientCapabilities');
  const config = agentConfig(scratch, {
    name,
    rules: writeRules(scratch, rules(), `rules-of-${name}`),
    ...(nats === undefined ? {} : { nats }),
  });
  return startAgent(cleanup, config, { under: under ?? as(AGENT, { capabilities: ambient }) });
}

/** What a process of the agent's user sees of another's. */
const look = (command: string, capabilities: readonly string[] = []) =>
  run([...as(AGENT, { capabilities }), 'sh', '-c', command]);

describe('an agent of a user of its own', () => {
  test('denies, is taken over by its like, and cannot touch the folder of the socket', async () => {
    const nats = await startStream(cleanup);
    const denied = ['denied', 'static-denied'].map((name) => scratch.file(name));
    const allowed = scratch.file('allowed');
    await packagedBridge();
    const first = await agent('first', { nats: nats.url });
    expect([...denied, allowed].map(errorOfOpen)).toEqual(['EPERM', 'EPERM', 'none']);
    const second = await agent('second', { nats: nats.url });
    expect(await first.ended()).toBe(0);
    expect([...denied, allowed].map(errorOfOpen)).toEqual(['EPERM', 'EPERM', 'none']);

    const stored = await waitForStored(nats, 'the takeover', ({ events }) =>
      events.some(({ trigger }) => trigger === 'picket.takeover'),
    );
    const takeovers = stored.events.filter(({ trigger }) => trigger === 'picket.takeover');
    expect(
      takeovers.map(({ message }) => [
        message.takeover?.agent,
        message.takeover?.pid,
        message.takeover?.uid,
        message.alerts,
      ]),
    ).toEqual([['second', second.pid, AGENT, []]]);

    const folder = folderOf();
    const { uid, gid, mode } = statSync(folder);
    expect([uid, gid, mode & 0o7777]).toEqual([0, AGENT, 0o710]);
    const socket = statSync(socketOf(scratch));
    expect([socket.uid, socket.mode & 0o7777]).toEqual([AGENT, 0o600]);
    // Both sides have their FIFOs open: no name is left.
    await waitFor('the names to go', () =>
      readdirSync(folder).every((name) => name.startsWith('bridge.sock')),
    );
    for (const forbidden of [
      `ls ${folder}`,
      `touch ${folder}/file`,
      `rm -f ${socketOf(scratch)}`,
      `mv ${socketOf(scratch)} ${folder}/other`,
      `mkfifo ${folder}/requests-0`,
      `chmod 777 ${folder}`,
      `cat ${socketOf(scratch)}.lock`,
    ])
      expect(look(forbidden).status, forbidden).not.toBe(0);
    await endOf(second);
  });

  test('is never asked about its own opens, though the bridge has no right to signal it', async () => {
    const folder = join(scratch.mount, 'rules');
    mkdirSync(folder);
    const denyAll = {
      name: 'all',
      on: ['auth.open'],
      conditions: {
        all: [{ fact: 'file', path: '$.path', operator: 'startsWith', value: `${scratch.mount}/` }],
      },
      event: { type: 'deny' },
    };
    writeFileSync(join(folder, 'rules.yaml'), JSON.stringify([denyAll]));
    writeFileSync(join(scratch.mount, 'next'), JSON.stringify([denyAll, { ...denyAll, name: 'more' }]));
    await packagedBridge();
    const ambient = wordsOf(agentUnit, 'AmbientCapabilities');
    const running = await startAgent(cleanup, agentConfig(scratch, { rules: folder }), {
      under: as(AGENT, { capabilities: ambient }),
    });
    expect(errorOfOpen(join(folder, 'rules.yaml'))).toBe('EPERM');
    // To rename opens nothing; the agent reads what has come.
    renameSync(join(scratch.mount, 'next'), join(folder, 'rules.yaml'));
    await waitFor(`the new rules; it said: ${running.stderr()}`, () =>
      /policy 2 is in force/.test(running.stderr()),
    );
  });

  test('the unit gives the bridge what it needs: it complains of nothing that root with all rights does not', async () => {
    const complaints = (bridge: Running): readonly string[] =>
      [...bridge.stderr().matchAll(/level=(?:warn|error) msg="([^"]*)"/g)].map(
        ([, message]) => message ?? '',
      );
    const all = await startBridge(cleanup, scratch, { args: forAgent });
    await (await agent('with-all')).stop();
    await all.stop();
    const some = await packagedBridge();
    await (await agent('with-some')).stop();
    await some.stop();
    expect(complaints(some)).toEqual(complaints(all));
    expect(some.stderr()).not.toContain('CAP_');
  });

  test('its process is closed to others of its user, by the one right that the unit gives it', async () => {
    await packagedBridge();
    const closed = await agent('closed');
    for (const forbidden of [
      `readlink /proc/${closed.pid}/fd/0`,
      `for fd in /proc/${closed.pid}/fd/*; do (: > $fd) && exit 0; done; exit 1`,
      `head -c 1 /proc/${closed.pid}/mem`,
      `cat /proc/${closed.pid}/environ`,
      `cat /proc/${closed.pid}/maps`,
      `ls /proc/${closed.pid}/root/`,
      `readlink /proc/${closed.pid}/ns/mnt`,
    ])
      expect(look(forbidden).status, forbidden).not.toBe(0);
    await closed.stop();

    // Without it: docs/limits.md says what such a process can do then.
    const open = await agent('open', { under: as(AGENT) });
    const fds = join('/proc', String(open.pid), 'fd');
    const verdicts = namesIn(fds).find((fd) => targetOf(join(fds, fd)).includes('/verdicts-'));
    expect(verdicts).toBeDefined();
    expect(look(`: > ${join(fds, verdicts ?? '')}`).status, 'it can write verdicts').toBe(0);
    // In either case it can end it.
    expect(look(`kill -0 ${open.pid}`).status).toBe(0);
  });

  test('root may be the agent, and that is an alert', async () => {
    const nats = await startStream(cleanup);
    await packagedBridge();
    const roots = await agent('roots', { under: [], nats: nats.url });
    const stored = await waitForStored(nats, 'the alert', ({ alerts }) => alerts.length > 0);
    expect(
      stored.alerts.map(({ trigger, message }) => [trigger, message.takeover?.uid, message.alerts?.[0]]),
    ).toMatchObject([
      [
        'picket.takeover',
        0,
        {
          rule: 'picket-agent-of-another-user',
          severity: 'high',
          message: `A process of user 0 is the agent; user ${AGENT} should be (--agent-uid).`,
        },
      ],
    ]);
    await endOf(roots);
  });
});

describe('a process that wants to be the agent', () => {
  let bridge: Running;

  beforeEach(async () => {
    bridge = await packagedBridge();
  });

  function speak(options: SpeakerOptions): Promise<SpeakerReport> {
    const say = saying(scratch, 'hello', hello());
    return startSpeaker(cleanup, scratch, {
      ...options,
      args: ['--say', say, '--lane', 'none', ...(options.args ?? [])],
    }).report();
  }

  /** Refused, and nobody was welcomed. */
  async function expectRefused(options: SpeakerOptions, reason: RegExp): Promise<void> {
    const report = await speak(options);
    expect(report).toMatchObject({ connections: 1, welcomed: 0, refused: 1, closed: 1 });
    expect(report.reason).toMatch(reason);
  }

  test('of another user, also in the group of the agent, does not reach the socket', async () => {
    for (const under of [as(STRANGER), as(STRANGER, { group: AGENT })])
      expect(await speak({ under })).toMatchObject({ connections: 0, error: EACCES });
  });

  test('of another user that reaches it all the same is refused', async () => {
    chmodSync(folderOf(), 0o755);
    chmodSync(socketOf(scratch), 0o666);
    await expectRefused({ under: as(STRANGER) }, /user 61235 is not the agent's user 61234/);
  });

  test('in a user, mount or pid namespace of its own is refused, with whatever uid', async () => {
    const child = ['unshare', '--kill-child', '--fork'];
    await expectRefused({ under: [...as(AGENT), 'unshare', '--user'] }, /another user namespace/);
    await expectRefused(
      { under: [...as(AGENT), 'unshare', '--user', '--map-root-user'] },
      /another user namespace/,
    );
    await expectRefused({ under: ['unshare', '--mount', ...as(AGENT)] }, /another mnt namespace/);
    await expectRefused({ under: ['unshare', '--mount'] }, /another mnt namespace/);
    await expectRefused({ under: [...child, '--pid', ...as(AGENT)] }, /another pid namespace/);
  });

  test('in a chroot is let in: that is no border', async () => {
    const report = startSpeaker(cleanup, scratch, {
      under: as(AGENT, { capabilities: ['CAP_SYS_CHROOT'] }),
      socket: '/bridge/bridge.sock',
      args: ['--chroot', scratch.folder, '--say', saying(scratch, 'hello', hello()), '--lane', 'none'],
    });
    await waitFor('it to be the agent', () => bridge.stderr().includes('an agent is connected'));
    expect(await report.stop()).toMatchObject({ connections: 1, welcomed: 1, refused: 0 });
  });

  test('over the connection of a process that has ended is refused, and loses one that was welcomed', async () => {
    await expectRefused({ under: as(AGENT), args: ['--hand-over', 'early'] }, /process \d+ has ended/);
    const welcomed = await speak({ under: as(AGENT), args: ['--hand-over', 'welcomed'] });
    expect(welcomed).toMatchObject({ connections: 1, welcomed: 1, closed: 1 });
    await expect.poll(() => bridge.stderr()).toContain('reason="its process has ended"');
  });

  test('that goes on as another user is still who it was when it connected', async () => {
    const speaker = startSpeaker(cleanup, scratch, {
      under: as(AGENT, { capabilities: ['CAP_SETUID'] }),
      args: ['--become', String(STRANGER), '--say', saying(scratch, 'hello', hello()), '--lane', 'none'],
    });
    await waitFor('it to be the agent', () =>
      bridge.stderr().includes(`uid=${AGENT} pid=${speaker.running.pid}`),
    );
    expect((await speaker.stop()).welcomed).toBe(1);
  });

  test('and fills every place of those who wait for a Hello keeps the agent out for a moment at most', async () => {
    const hostile = Array.from({ length: 6 }, () =>
      startSpeaker(cleanup, scratch, { under: as(AGENT), args: ['--hold', '20'] }),
    );
    await waitFor('the places to be filled', () =>
      /said no Hello|too many connections/.test(bridge.stderr()),
    );
    const denied = scratch.file('denied');
    await agent('real');
    expect(errorOfOpen(denied)).toBe('EPERM');
    for (const one of hostile) expect((await one.stop()).closed).toBeGreaterThan(0);
    expect(errorOfOpen(denied)).toBe('EPERM');
  });
});

describe('the folder of the socket', () => {
  const refusedBecause = async (socket: string): Promise<string> => {
    const bridge = start(cleanup, bridgeProgram, ['--backend', 'linux', '--socket', socket, ...forAgent]);
    expect(await bridge.ended(), bridge.stderr()).toBe(1);
    return bridge.stderr();
  };

  test('is refused where others could put something else in its place', async () => {
    const make = (name: string, mode: number, owner = 0): string => {
      const folder = join(scratch.folder, name);
      mkdirSync(folder);
      chmodSync(folder, mode);
      chownSync(folder, owner, owner);
      return folder;
    };
    const inside = (folder: string): string => {
      mkdirSync(join(folder, 'inside'), { mode: 0o755 });
      return join(folder, 'inside');
    };
    const strangersLink = join(make('sticky-too', 0o1777), 'link');
    symlinkSync(make('good', 0o755), strangersLink);
    run(['chown', '-h', String(STRANGER), strangersLink]);
    const bad: readonly (readonly [string, RegExp])[] = [
      [make('others', 0o777), /can be written by others, who could replace the socket /],
      [make('group', 0o770), /can be written by others, who could replace the socket /],
      [make('sticky', 0o1777), /can be written by others, who could replace the socket /],
      [make('agents', 0o700, AGENT), /belongs to another user/],
      [inside(make('above', 0o777)), /above can be written by others, who could replace the socket's folder/],
      [inside(make('agents-above', 0o755, AGENT)), /agents-above belongs to another user/],
      [strangersLink, /link belongs to another user/],
      [join(strangersLink, '.'), /link belongs to another user/],
    ];
    for (const [folder, reason] of bad)
      expect(await refusedBecause(join(folder, 'b.sock')), folder).toMatch(reason);
    expect(
      readdirSync(scratch.folder, { recursive: true }).filter((name) => String(name).includes('b.sock')),
    ).toEqual([]);
  });
});
