// The auth lane against the bridge itself (replay backend): requests, heartbeats, switches and the end of file come from
// the C code, and the audits say what each request was answered, by whom and by which epoch.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type Lane, startLane } from '../../src/auth/lane.ts';
import { picket } from '../../src/events/proto/picket.js';
import { encodeFrame, FrameSplitter } from '../../src/sources/frames.ts';
import { authEvent, framed, long } from './frames.ts';
import { rulesOfEpoch } from './rule-sets.ts';

const program = join(import.meta.dirname, '../../native-bridge/build/picket-bridge');
const silent = (): void => undefined;
const SPACING_NS = 500_000n;

let bridge: ChildProcess | undefined;
let socket: Socket | undefined;
let lane: Lane | undefined;
let folder: string | undefined;

afterEach(async () => {
  socket?.destroy();
  bridge?.kill('SIGKILL');
  await lane?.ended.catch(silent);
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

test.skipIf(!existsSync(program))(
  'each request of the bridge is answered once by the lane, by the rules of its epoch, over three policies (needs the bridge: npm run setup)',
  async () => {
    const count = 4_000;
    const agent = await connectTo(startBridge(count));
    const welcome = await agent.welcome;
    lane = startLane({
      requestFifo: welcome.requestFifo ?? '',
      verdictFifo: welcome.verdictFifo ?? '',
      ruleSet: rulesOfEpoch(1),
      platform: 'linux',
      epoch: 1,
      log: { debug: silent, info: silent, warn: silent },
    });
    await lane.ready;
    for (const epoch of [2, 3]) await lane.prepare(rulesOfEpoch(epoch), epoch);
    agent.send({ policy: policyOf(1) });
    agent.send({ credit: { events: 10 * count } });
    for (const epoch of [2, 3]) {
      await agent.audits(((epoch - 1) * count) / 4);
      agent.send({ policy: policyOf(epoch) });
    }
    await agent.endOfSource;

    const outcomes = agent.events.flatMap((bytes) => picket.v1.Event.decode(bytes).auth ?? []);
    expect(outcomes).toHaveLength(count);
    expect(new Set(outcomes.map((outcome) => String(outcome.requestId))).size).toBe(count);
    const epochs = new Set<number>();
    for (const outcome of outcomes) {
      epochs.add(Number(outcome.epoch));
      expect(outcome).toMatchObject({
        level: picket.v1.AnswerLevel.ANSWER_LEVEL_AGENT,
        verdict: picket.v1.Verdict.VERDICT_DENY,
        rule: `epoch-${Number(outcome.epoch)}`,
        annotated: true,
      });
    }
    expect([...epochs].toSorted()).toEqual([1, 2, 3]);
    expect(lane.statistics()).toMatchObject({ requests: count, deny: count, switches: 2, misdirected: 0 });
    expect(lane.statistics().pings).toBeGreaterThan(0);

    socket?.end();
    await expect(lane.ended).resolves.toEqual({ reason: 'end_of_file', partialFrameBytes: 0 });
  },
);

/** A bridge that plays `count` opens that the rules deny, so far apart that policies can come between. Its socket. */
function startBridge(count: number): string {
  folder = mkdtempSync(join(tmpdir(), 'picket-bridge-'));
  const recording = join(folder, 'opens.picket');
  const events = Array.from({ length: count }, (_, index) => {
    const createdNs = long(1_700_000_000_000_000_000n + BigInt(index) * SPACING_NS);
    return framed(
      Buffer.concat([authEvent(`/denied/${index}`), picket.v1.Event.encode({ createdNs }).finish()]),
    );
  });
  writeFileSync(recording, Buffer.concat(events));
  const path = join(folder, 'bridge.sock');
  const args = ['--backend', 'replay', '--file', recording, '--speed', '1', '--socket', path];
  bridge = spawn(program, args, { stdio: 'ignore' });
  return path;
}

function policyOf(epoch: number): picket.v1.IPolicy {
  const { EVENT_KIND_AUTH } = picket.v1.EventKind;
  return {
    epoch: long(epoch),
    subscriptions: [{ kind: EVENT_KIND_AUTH, action: 'open' }],
    // Budgets that a busy machine does not use up: what a late verdict means is not this test's matter.
    actions: [{ action: 'open', defaultVerdict: picket.v1.Verdict.VERDICT_ALLOW, maxWaitUs: 10_000_000 }],
  };
}

interface Agent {
  readonly welcome: Promise<picket.v1.IWelcome>;
  readonly endOfSource: Promise<void>;
  readonly events: Uint8Array[];
  /** Waits until so many events have come. */
  audits(count: number): Promise<void>;
  send(message: picket.v1.IToBridge): void;
}

/** The least that an agent says on the socket. */
async function connectTo(path: string): Promise<Agent> {
  const connection = await connected(path);
  socket = connection;
  const welcome = Promise.withResolvers<picket.v1.IWelcome>();
  const endOfSource = Promise.withResolvers<void>();
  const events: Uint8Array[] = [];
  let wanted: { count: number; resolve: () => void } | undefined;
  const splitter = new FrameSplitter(1024 * 1024);
  connection.on('data', (chunk: Buffer) => {
    for (const frame of splitter.push(chunk)) {
      const message = picket.v1.ToAgent.decode(frame);
      if (message.welcome) welcome.resolve(message.welcome);
      events.push(...(message.events?.events ?? []));
      if (wanted !== undefined && events.length >= wanted.count) wanted.resolve();
      if (message.events?.endOfSource) endOfSource.resolve();
    }
  });
  connection.on('close', () => {
    const closed = new Error('the bridge closed the connection');
    welcome.reject(closed);
    endOfSource.reject(closed);
  });
  endOfSource.promise.catch(silent);
  const send = (message: picket.v1.IToBridge): void => {
    connection.write(encodeFrame(picket.v1.ToBridge.encode(message).finish()));
  };
  send({ hello: { protocol: 1, agent: 'test', version: '0' } });
  const audits = (count: number): Promise<void> =>
    new Promise((resolve) => {
      if (events.length >= count) resolve();
      else wanted = { count, resolve };
    });
  return { welcome: welcome.promise, endOfSource: endOfSource.promise, events, audits, send };
}

async function connected(path: string): Promise<Socket> {
  for (;;) {
    const attempt = connect(path);
    try {
      await once(attempt, 'connect');
      return attempt;
    } catch (error) {
      // It does not listen yet. One that has ended never will, which a signal says elsewhere than an exit code.
      if (bridge?.exitCode !== null || bridge.signalCode !== null) throw error;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
