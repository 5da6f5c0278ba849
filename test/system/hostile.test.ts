// Hostile and clumsy peers of the bridge's socket and FIFOs, on the real kernel: each costs the sender its connection or
// is counted, and nobody else anything. What the openers of other processes get is the measure.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { askBridge } from '../../src/control/ask-bridge.ts';
import { frameOf, long } from '../bridge/test-agent.ts';
import { agentConfig, startAgent, writeRules } from './harness/agent.ts';
import { socketOf, startBridge } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import { errorOfOpen, type Opener, startOpener } from './harness/opener.ts';
import type { Running } from './harness/process.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import {
  hello,
  laneToBridge,
  type SpeakerReport,
  saying,
  startSpeaker,
  toBridge,
} from './harness/speaker.ts';
import { waitFor } from './harness/wait.ts';

const DENY = 2;
const AUTH = 1;
const NAME = 3; // of StaticTest.Operator: suffix
const ATTACK_MS = 1_000;
const CONNECTIONS = 5;

let cleanup: Cleanup;
let scratch: Scratch;
let bridge: Running;
let paths: { denied: string; staticDenied: string; allowed: string };

beforeEach(async () => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
  paths = {
    denied: scratch.file('denied'),
    staticDenied: scratch.file('static-denied'),
    allowed: scratch.file('allowed'),
  };
  // Its many ends would be taken for a crash loop of the agent.
  bridge = await startBridge(cleanup, scratch, { args: ['--crash-loop', 'off'] });
});

afterEach(() => cleanup.run());

function realAgent(): Promise<Running> {
  const deny = (name: string, ...all: object[]) => ({
    name,
    on: ['auth.open'],
    conditions: { all },
    event: { type: 'deny' },
  });
  const rules = writeRules(scratch, [
    deny(
      'by-the-agent',
      { fact: 'file', path: '$.name', operator: 'equal', value: 'denied' },
      { fact: 'file', path: '$.size', operator: 'greaterThan', value: 0 },
    ),
    deny('by-the-bridge', { fact: 'file', path: '$.path', operator: 'equal', value: paths.staticDenied }),
  ]);
  return startAgent(cleanup, agentConfig(scratch, { rules }));
}

/** Those whose opens must be answered rightly all the time, by the bridge itself and, with `byAgent`, by the agent. */
function openers(byAgent: boolean): () => Promise<void> {
  const open = (path: string): Opener =>
    startOpener(cleanup, { paths: [path], threads: 2, seconds: 300, pauseUs: 500 });
  const denied = [paths.staticDenied, ...(byAgent ? [paths.denied] : [])].map(open);
  const allowed = open(paths.allowed);
  return async () => {
    for (const opener of denied) {
      const report = await opener.stop();
      expect(report.calls).toBeGreaterThan(0);
      expect([report.ok, report.other, report.denied]).toEqual([0, 0, report.calls]);
    }
    const report = await allowed.stop();
    expect(report.calls).toBeGreaterThan(0);
    expect([report.denied, report.other, report.ok]).toEqual([0, 0, report.calls]);
  };
}

/** One after another, each until the bridge closes it. */
const again = ['--again', String(CONNECTIONS)];

/** Asked of the bridge itself: of the lines that a flood of policies leaves its log may drop some. */
async function isWithoutAgent(): Promise<boolean> {
  const { agent } = await askBridge({
    socketPath: socketOf(scratch),
    command: 'status',
    timeoutMs: 60_000,
  });
  return agent === undefined;
}

const attack = (...args: readonly string[]) => startSpeaker(cleanup, scratch, { args });

/** Lets it go on for a while, and for at least so many connections. */
async function forAWhile(speaker: ReturnType<typeof attack>): Promise<SpeakerReport> {
  const end = performance.now() + ATTACK_MS;
  await waitFor('the attack to be over', () => performance.now() > end);
  return speaker.stop();
}

const garbage = Buffer.from([0x0b, 0x01, 0x02, 0xff, 0xff, 0xff, 0xff, 0xff]);
/** Groups in groups, which the wire format once had. */
const nested = Buffer.alloc(4_000, 0x0b);
/** The longest frame that is still one, of nested messages. */
const deep = (() => {
  let inner: Uint8Array = Buffer.alloc(0);
  for (let depth = 0; depth < 2_000; depth++) {
    const length = inner.length;
    inner = Buffer.concat([Buffer.from([0x12, (length & 0x7f) | 0x80, length >> 7]), inner]);
  }
  return inner;
})();
const huge = Buffer.from([0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0]);
const random = (length: number): Buffer => {
  let state = 1;
  return Buffer.from(
    Uint8Array.from({ length }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
      return state >> 16;
    }),
  );
};

/** A policy of its own for the filesystem: the same static deny, everything else is its to answer. */
const policy = (epoch: number): Buffer =>
  toBridge({
    policy: {
      epoch: long(epoch),
      guardedFilesystems: [{ path: Buffer.from(scratch.mount) }],
      subscriptions: [{ kind: AUTH, action: 'open' }],
      actions: [{ action: 'open', defaultVerdict: 1, maxWaitUs: 50_000 }],
      staticVerdicts: [
        {
          action: 'open',
          verdict: DENY,
          rule: 'static',
          tests: [{ subject: 1, operator: NAME, values: [Buffer.from('/static-denied')] }],
        },
      ],
    },
  });

describe('beside an agent that serves, the sender loses its connection and the agent nothing', () => {
  const first: readonly (readonly [string, Uint8Array])[] = [
    ['a frame of a wrong type', frameOf(Buffer.from([0x12, 0x00]))],
    ['a length beyond all bounds', huge],
    ['garbage', frameOf(garbage)],
    ['deeply nested groups', frameOf(nested)],
    ['deeply nested messages', frameOf(deep)],
    ['random bytes', random(20_000)],
    ['megabytes of zeros', Buffer.alloc(2 * 1024 * 1024)],
  ];
  const behindHello: readonly (readonly [string, Uint8Array])[] = [
    ['a second Hello', hello()],
    ['a policy that is none', toBridge({ policy: { epoch: long(0) } })],
    ['a policy of garbage', frameOf(Buffer.concat([Buffer.from([0x12, garbage.length]), garbage]))],
    ...first.filter(([name]) => !name.includes('wrong type')),
  ];

  test('whatever it says at first or behind its Hello, with its FIFOs open or not', async () => {
    const agent = await realAgent();
    const allIsWell = openers(true);
    for (const [name, bytes] of first) {
      const report = await attack(...again, '--say', saying(scratch, 'first', bytes)).report();
      expect(report, name).toMatchObject({ closed: CONNECTIONS, welcomed: 0 });
    }
    const say = saying(scratch, 'hello', hello());
    for (const [name, bytes] of behindHello) {
      for (const lane of ['none', 'right', 'wrong']) {
        const then = saying(scratch, 'then', bytes);
        const report = await attack(...again, '--say', say, '--lane', lane, '--then', then).report();
        expect(report.closed, `${name}, ${lane}`).toBe(CONNECTIONS);
      }
    }
    await allIsWell();
    expect(agent.child.exitCode).toBe(null);
    expect(bridge.stderr()).not.toContain('another agent takes over');
    expect(errorOfOpen(paths.denied)).toBe('EPERM');
  });

  test('half a frame and silence, a byte now and then, connections by the hundred, connect and close', async () => {
    const agent = await realAgent();
    const allIsWell = openers(true);
    const half = saying(scratch, 'half', hello().subarray(0, 5));
    const speakers = [
      attack('--say', half),
      attack('--say', saying(scratch, 'hello', hello()), '--cut', '1', '--pause-us', '1000000'),
      attack('--hold', '100'),
      attack('--hold', '100', '--say', half),
      attack('--hold', '100', '--say', saying(scratch, 'hello', hello())),
      attack('--churn'),
    ];
    for (const speaker of speakers.slice(2))
      expect((await forAWhile(speaker)).connections).toBeGreaterThan(1);
    // What says no Hello within its time is sent away.
    for (const speaker of speakers.slice(0, 2))
      expect(await speaker.report()).toMatchObject({ welcomed: 0, closed: 1 });
    await allIsWell();
    expect(agent.child.exitCode).toBe(null);
    expect(bridge.stderr()).not.toContain('another agent takes over');
    expect(errorOfOpen(paths.denied)).toBe('EPERM');
  });
});

describe('as the agent, it harms itself alone: static verdicts hold, nobody hangs, and the next agent serves', () => {
  const verdict = (id: number): Buffer =>
    laneToBridge({ authVerdict: { id: long(id), epoch: long(1), verdict: 1 } });
  const pong = laneToBridge({ pong: { number: long(1) } });
  const rightly = ['--lane', 'right'];

  interface Attack {
    readonly args: () => readonly string[];
    /** It loses its connection for it; otherwise it is only ignored. */
    readonly costs?: RegExp;
  }
  const file = (name: string, ...parts: readonly Uint8Array[]): string => saying(scratch, name, ...parts);
  const attacks: Readonly<Record<string, Attack>> = {
    'Credit at full speed': {
      args: () => [
        ...rightly,
        '--flood',
        file('credit', toBridge({ credit: { events: 1, acceptedThrough: long(0) } })),
      ],
    },
    'policies, one each millisecond': {
      args: () => {
        const policies = Array.from({ length: 3_000 }, (_, number) => policy(number + 2));
        const length = policies.at(-1)?.length ?? 0;
        return [
          ...rightly,
          '--then',
          file('policies', policy(1), ...policies),
          '--cut',
          String(length),
          '--pause-us',
          '1000',
        ];
      },
    },
    'policies as fast as it can, and it reads nothing': {
      args: () => [
        ...rightly,
        '--deaf',
        '--then',
        file('policies', ...Array.from({ length: 20_000 }, (_, number) => policy(number + 1))),
      ],
    },
    'a second Hello': {
      args: () => [...rightly, '--then', file('hello-again', hello())],
      costs: /said Hello twice/,
    },
    'garbage on the socket': {
      args: () => [...rightly, '--then', file('garbage', frameOf(garbage))],
      costs: /malformed/,
    },
    'a huge frame on the socket': {
      args: () => [...rightly, '--then', file('huge', huge)],
      costs: /over the maximum/,
    },
    'zeros at full speed': { args: () => [...rightly, '--flood', file('zeros', Buffer.alloc(65_536))] },
    'garbage on the FIFO': {
      args: () => [...rightly, '--lane-say', file('lane-garbage', frameOf(garbage))],
      costs: /verdict FIFO is malformed/,
    },
    'a huge frame on the FIFO': {
      args: () => [...rightly, '--lane-say', file('lane-huge', huge)],
      costs: /verdict FIFO is over the maximum/,
    },
    'half a verdict on the FIFO and silence': {
      args: () => [...rightly, '--lane-say', file('lane-half', verdict(1).subarray(0, 9))],
    },
    'verdicts on nothing at full speed': {
      args: () => [
        ...rightly,
        '--lane-flood',
        file('verdicts', ...Array.from({ length: 500 }, (_, id) => verdict(id))),
      ],
    },
    'the same, cut anywhere': {
      args: () => [
        ...rightly,
        '--cut',
        '7',
        '--lane-flood',
        file('verdicts', ...Array.from({ length: 500 }, (_, id) => verdict(id))),
      ],
    },
    'a FIFO that it never reads': { args: () => [...rightly, '--deaf'] },
    'its end of the verdict FIFO closed': {
      args: () => [...rightly, '--lane-say', file('pong', pong), '--close', 'verdicts'],
      costs: /closed the FIFO for verdicts/,
    },
    'its end of the request FIFO closed': {
      args: () => [...rightly, '--lane-say', file('pong', pong), '--close', 'requests'],
    },
    'FIFOs opened the wrong way round': { args: () => ['--lane', 'wrong'] },
    'no FIFO at all': { args: () => ['--lane', 'none'] },
  };

  // One bridge for all of them: what one leaves behind, the next would meet.
  test('floods, garbage, halves, silence and closed ends, one after another', async () => {
    const say = saying(scratch, 'hello-and-policy', hello(), policy(1));
    const onlyHello = saying(scratch, 'hello', hello());
    const prelude = attack('--say', say, '--lane', 'right');
    await waitFor('the first policy', () => /a policy is in force/.test(bridge.stderr()));
    const allIsWell = openers(false);
    await prelude.stop();
    await waitFor('its end', isWithoutAgent);
    for (const [name, { args, costs }] of Object.entries(attacks)) {
      const before = bridge.stderr().length;
      const speaker = attack('--say', name.startsWith('policies') ? onlyHello : say, ...args());
      if (costs === undefined) {
        expect((await forAWhile(speaker)).welcomed, name).toBeGreaterThan(0);
      } else {
        expect(await speaker.report(), name).toMatchObject({ welcomed: 1, closed: 1 });
        // Its log is written by a thread of its own, which may be later than the end of the connection.
        const said = (): string => bridge.stderr().slice(before);
        await waitFor(
          () => `${name} to be told as ${costs}; the bridge said ${said().slice(-2_000)}`,
          () => costs.test(said()),
        );
      }
      expect([paths.staticDenied, paths.allowed].map(errorOfOpen), name).toEqual(['EPERM', 'none']);
      // Where it still stands, the next one would be a successor, which is let go in other words.
      await waitFor(`the end of ${name}`, isWithoutAgent);
    }
    await realAgent();
    expect([paths.denied, paths.staticDenied, paths.allowed].map(errorOfOpen)).toEqual([
      'EPERM',
      'EPERM',
      'none',
    ]);
    await allIsWell();
  }, 180_000);

  test('and while it floods, the next agent takes over all the same', async () => {
    const say = saying(scratch, 'hello-and-policy', hello(), policy(1));
    const flood = saying(scratch, 'credit', toBridge({ credit: { events: 1, acceptedThrough: long(0) } }));
    const speaker = attack('--say', say, '--lane', 'right', '--flood', flood);
    await waitFor('the first policy', () => /a policy is in force/.test(bridge.stderr()));
    const allIsWell = openers(false);
    await realAgent();
    expect(errorOfOpen(paths.denied)).toBe('EPERM');
    expect((await speaker.report()).reason).toBe('another agent has taken over');
    await allIsWell();
  });
});
