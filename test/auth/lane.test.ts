import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { FifoError } from '../../src/auth/fifo.ts';
import { type Lane, type LaneOptions, startLane } from '../../src/auth/lane.ts';
import { LaneError } from '../../src/auth/lane-error.ts';
import { maxLaneFrame } from '../../src/auth/lane-frames.ts';
import { BridgePeer } from './bridge-peer.ts';
import { authEvent, framed, idOf, pingFrame, requestFrame, switchFrame } from './frames.ts';
import { rule, ruleSet, rulesOfEpoch } from './rule-sets.ts';

const wire = { allow: 1, deny: 2, defer: 3 };
const denied = authEvent('/denied/tool');
const harmless = authEvent('/usr/bin/true');

let peer: BridgePeer;
let lane: Lane;
let logged: string[];

// A lane ends when the bridge closes, and in no other way: without this a failed test would hang the whole run.
afterEach(async () => {
  peer.close();
  await lane.ended.catch(() => undefined);
});

async function start(options: Partial<LaneOptions> = {}): Promise<void> {
  peer = new BridgePeer();
  logged = [];
  const log = (_fields: object, message: string): void => {
    logged.push(message);
  };
  lane = startLane({
    requestFifo: peer.requestFifo,
    verdictFifo: Buffer.from(peer.verdictFifo),
    ruleSet: rulesOfEpoch(1),
    platform: 'linux',
    epoch: 1,
    log: { debug: log, info: log, warn: log },
    closeConnection: () => peer.close(),
    ...options,
  });
  await lane.ready;
}

/** What becomes of the threads that this process starts from now on, in order; numbered by their starts. */
function watchThreads(): { readonly changes: string[]; stop(): void } {
  const changes: string[] = [];
  let started = 0;
  const watch = (message: unknown): void => {
    const { worker } = message as { readonly worker: Worker };
    started += 1;
    const number = started;
    changes.push(`${number} starts`);
    worker.once('message', () => changes.push(`${number} is there`));
    worker.once('exit', () => changes.push(`${number} is gone`));
  };
  subscribe('worker_threads', watch);
  return { changes, stop: () => unsubscribe('worker_threads', watch) };
}

/** Those that were told: a message to this thread, which may be later than the answer in the FIFO. */
const evaluationErrors = (): string[] =>
  logged.filter((message) => message.includes('could not be evaluated'));

describe('the auth lane', () => {
  test('answers thousands of requests exactly once, in order, as the rules say', async () => {
    await start();
    const count = 5_000;
    for (let sent = 0; sent < count; sent += 50) {
      const frames = Array.from({ length: 50 }, (_, index) => {
        const id = sent + index;
        return requestFrame(BigInt(id) << 40n, 1, id % 3 === 0 ? denied : harmless);
      });
      await peer.send(Buffer.concat(frames));
    }
    await peer.until(() => peer.messages.length >= count);
    expect(peer.verdicts.map((verdict) => Number(idOf(verdict) >> 40n))).toEqual(
      Array.from({ length: count }, (_, id) => id),
    );
    for (const [id, verdict] of peer.verdicts.entries()) {
      const isDenied = id % 3 === 0;
      expect(verdict.verdict).toBe(isDenied ? wire.deny : wire.allow);
      expect(verdict.rule).toBe(isDenied ? 'epoch-1' : '');
      expect(verdict.report).toBe(isDenied);
      expect(verdict.annotated).toBe(true);
      expect((verdict.annotations?.length ?? 0) > 0).toBe(isDenied);
    }
    // Counted behind the write, which this side may see first.
    await expect.poll(() => lane.statistics().answered).toBe(count);
    const statistics = lane.statistics();
    expect(statistics).toMatchObject({
      requests: count,
      deny: 1_667,
      allow: 3_333,
      defer: 0,
      errors: 0,
    });
    expect(statistics.decideNs.count).toBe(count);
    expect(statistics.batchWaitNs.count).toBe(count);
  });

  test('takes frames that are cut anywhere', async () => {
    await start();
    const stream = Buffer.concat([requestFrame(1n, 1, denied), pingFrame(7), requestFrame(2n, 1, harmless)]);
    for (let at = 0; at < stream.length; at += 7) await peer.send(stream.subarray(at, at + 7));
    await peer.until(() => peer.messages.length >= 3);
    expect(peer.verdicts.map((verdict) => [idOf(verdict), verdict.verdict])).toEqual([
      [1n, wire.deny],
      [2n, wire.allow],
    ]);
    expect(Number(peer.messages[1]?.pong?.number)).toBe(7);
  });

  test('defers what it cannot judge and goes on', async () => {
    await start();
    const nameless = new Uint8Array(0);
    const otherEpoch = 9;
    await peer.send(
      Buffer.concat([
        requestFrame(1n, 1, nameless),
        requestFrame(2n, otherEpoch, denied),
        requestFrame(3n, 1, denied),
      ]),
    );
    await peer.until(() => peer.messages.length >= 3);
    expect(peer.verdicts.map((verdict) => [verdict.verdict, Number(verdict.epoch)])).toEqual([
      [wire.defer, 1],
      [wire.defer, otherEpoch],
      [wire.deny, 1],
    ]);
    expect(lane.statistics()).toMatchObject({ errors: 1, misdirected: 1, defer: 2 });
    await expect.poll(evaluationErrors).toHaveLength(1);
  });

  test('tells of a few evaluation errors and counts them all', async () => {
    await start();
    for (let id = 1n; id <= 50n; id += 1n) await peer.send(requestFrame(id, 1, new Uint8Array(0)));
    await peer.until(() => peer.messages.length >= 50);
    expect(lane.statistics().errors).toBe(50);
    await expect.poll(evaluationErrors).toHaveLength(10);
  });

  test('a rule in shadow mode is reported and never denies', async () => {
    const all = [{ fact: 'file', path: '$.path', operator: 'startsWith', value: '/denied/' }];
    await start({ ruleSet: ruleSet(rule('only-watching', { all }, { mode: 'shadow' })) });
    await peer.send(requestFrame(1n, 1, denied));
    await peer.until(() => peer.messages.length >= 1);
    expect(peer.verdicts[0]).toMatchObject({ verdict: wire.allow, report: true, annotated: true });
    expect(peer.verdicts[0]?.rule ?? '').toBe('');
  });

  test('answers a switch to its own epoch and reads on, for the first policy of a connection', async () => {
    await start();
    await peer.send(Buffer.concat([switchFrame(1), requestFrame(1n, 1, denied)]));
    await peer.until(() => peer.messages.length >= 2);
    expect(Number(peer.messages[0]?.switched?.epoch)).toBe(1);
    expect(peer.verdicts[0]?.rule).toBe('epoch-1');
  });
});

describe('a new rule set', () => {
  test('takes over under load: each request is answered once, by the rules of the epoch it carries', async () => {
    await start();
    const epochOf = new Map<bigint, number>();
    let epoch = 1;
    let id = 0n;
    const sendSome = async (count: number): Promise<void> => {
      const frames: Buffer[] = [];
      for (let sent = 0; sent < count; sent += 1) {
        id += 1n;
        epochOf.set(id, epoch);
        frames.push(requestFrame(id, epoch, denied));
      }
      await peer.send(Buffer.concat(frames));
    };
    for (const next of [2, 3, 4, 5]) {
      let isPrepared = false;
      const prepared = lane.prepare(rulesOfEpoch(next), next).then(() => {
        isPrepared = true;
      });
      while (!isPrepared) {
        await sendSome(40);
        await peer.until(() => peer.verdicts.length + 400 >= Number(id));
      }
      await prepared;
      // As the bridge: requests, the switch, and nothing more until it is answered.
      await sendSome(200);
      await peer.send(switchFrame(next));
      await peer.until(() => peer.messages.some((message) => Number(message.switched?.epoch) === next));
      epoch = next;
      await sendSome(200);
    }
    await peer.until(() => peer.verdicts.length >= Number(id));
    expect(peer.verdicts).toHaveLength(Number(id));
    expect(new Set(peer.verdicts.map(idOf)).size).toBe(Number(id));
    for (const verdict of peer.verdicts) {
      const judgedBy = epochOf.get(idOf(verdict));
      expect(Number(verdict.epoch)).toBe(judgedBy);
      expect(verdict.rule).toBe(`epoch-${judgedBy}`);
    }
    expect(lane.statistics()).toMatchObject({ switches: 4, misdirected: 0, errors: 0, requests: Number(id) });
    expect(lane.epoch).toBe(5);
  });

  test('gets what was read behind the switch, even a frame that was cut', async () => {
    await start();
    await lane.prepare(rulesOfEpoch(2), 2);
    const stream = Buffer.concat([
      requestFrame(1n, 1, denied),
      switchFrame(2),
      requestFrame(2n, 2, denied),
      requestFrame(3n, 2, denied),
    ]);
    await peer.send(stream.subarray(0, -20));
    await peer.until(() => peer.messages.length >= 3);
    await peer.send(stream.subarray(-20));
    await peer.until(() => peer.messages.length >= 4);
    expect(peer.verdicts.map((verdict) => verdict.rule)).toEqual(['epoch-1', 'epoch-2', 'epoch-2']);
  });

  test('takes over from the first request of its epoch where the bridge sends no switch', async () => {
    // So it is when the bridge has refused the first policy of a connection: its first requests are of the second.
    await start();
    await lane.prepare(rulesOfEpoch(2), 2);
    await peer.send(
      Buffer.concat([pingFrame(1), requestFrame(1n, 2, denied), requestFrame(2n, 2, denied), pingFrame(2)]),
    );
    await peer.until(() => peer.messages.length >= 4);
    expect(peer.verdicts.map((verdict) => verdict.rule)).toEqual(['epoch-2', 'epoch-2']);
    expect(peer.messages.map((message) => Number(message.pong?.number ?? 0))).toEqual([1, 0, 0, 2]);
    expect(lane.statistics()).toMatchObject({ requests: 2, misdirected: 0 });
  });

  test('may be one of several prepared: the bridge goes through them or skips some', async () => {
    await start();
    await Promise.all([2, 3, 4, 5].map((epoch) => lane.prepare(rulesOfEpoch(epoch), epoch)));
    await peer.send(Buffer.concat([switchFrame(2)]));
    await peer.until(() => peer.messages.length >= 1);
    await peer.send(Buffer.concat([requestFrame(1n, 2, denied), switchFrame(5)]));
    await peer.until(() => peer.messages.length >= 3);
    await peer.send(requestFrame(2n, 5, denied));
    await peer.until(() => peer.messages.length >= 4);
    expect(peer.verdicts.map((verdict) => verdict.rule)).toEqual(['epoch-2', 'epoch-5']);
    expect(lane.epoch).toBe(5);
  });

  test('that does not compile leaves the running one in force, and the next one can come', async () => {
    await start();
    const broken = { ...rulesOfEpoch(2), rules: null } as never;
    const [failed, fine] = await Promise.allSettled([
      lane.prepare(broken, 2),
      lane.prepare(rulesOfEpoch(3), 3),
    ]);
    expect(failed).toMatchObject({ status: 'rejected', reason: { failure: 'not_compiled', epoch: 2 } });
    expect(fine.status).toBe('fulfilled');
    await peer.send(requestFrame(1n, 1, denied));
    await peer.until(() => peer.messages.length >= 1);
    await peer.send(switchFrame(3));
    await peer.until(() => peer.messages.length >= 2);
    await peer.send(requestFrame(2n, 3, denied));
    await peer.until(() => peer.messages.length >= 3);
    expect(peer.verdicts.map((verdict) => verdict.rule)).toEqual(['epoch-1', 'epoch-3']);
  });

  test('must have a newer epoch, and only so many may wait for their switch', async () => {
    await start();
    await expect(lane.prepare(rulesOfEpoch(1), 1)).rejects.toMatchObject({ failure: 'refused' });
    const epochs = [2, 3, 4, 5, 6, 7, 8, 9];
    const settled = await Promise.allSettled(epochs.map((epoch) => lane.prepare(rulesOfEpoch(epoch), epoch)));
    expect(settled.map(({ status }) => status)).toEqual([...Array(7).fill('fulfilled'), 'rejected']);
    lane.discard(4);
    await peer.send(switchFrame(4));
    await expect(lane.ended).rejects.toMatchObject({ failure: 'unprepared_epoch', epoch: 4 });
  });

  test('that the bridge switches to unprepared ends the lane, after the requests before are answered', async () => {
    await start();
    await peer.send(Buffer.concat([requestFrame(1n, 1, denied), switchFrame(2)]));
    await expect(lane.ended).rejects.toMatchObject({ failure: 'unprepared_epoch', epoch: 2 });
    await peer.until(() => peer.messages.length >= 1);
    expect(peer.verdicts[0]?.rule).toBe('epoch-1');
    expect(peer.messages).toHaveLength(1);
  });
});

test('threads start and end one at a time, whichever lane they belong to', async () => {
  const threads = watchThreads();
  await start();
  const first = lane;
  const prepared = first.prepare(rulesOfEpoch(2), 2).catch(() => undefined);
  await expect.poll(() => threads.changes).toContain('2 starts');
  const closed = first.close();
  await start();
  await Promise.all([prepared, closed]);
  await lane.close();
  threads.stop();
  expect(threads.changes).toEqual([
    '1 starts',
    '1 is there',
    '2 starts',
    '2 is there',
    '3 starts',
    '3 is there',
    '1 is gone',
    '2 is gone',
    '3 is gone',
  ]);
});

describe('the end of the auth lane', () => {
  test('is the end of file, with prepared workers waiting and a frame half sent', async () => {
    await start();
    await lane.prepare(rulesOfEpoch(2), 2);
    await peer.send(
      Buffer.concat([requestFrame(1n, 1, denied), requestFrame(2n, 1, denied).subarray(0, 11)]),
    );
    await peer.until(() => peer.messages.length >= 1);
    await expect(lane.close()).resolves.toEqual({ reason: 'end_of_file', partialFrameBytes: 11 });
    expect(lane.statistics().partialFrameBytes).toBe(11);
    expect(lane.epoch).toBeUndefined();
    await expect(lane.prepare(rulesOfEpoch(3), 3)).rejects.toMatchObject({ failure: 'ended' });
  });

  test('while rules are being prepared is told as such, for they are for the next connection', async () => {
    await start();
    const prepared = expect(lane.prepare(rulesOfEpoch(2), 2)).rejects.toMatchObject({ failure: 'ended' });
    await lane.close();
    await prepared;
  });

  test('comes too when the bridge takes no more verdicts', async () => {
    await start();
    await peer.closeVerdicts();
    await peer.send(requestFrame(1n, 1, denied));
    await expect(lane.ended).resolves.toMatchObject({ reason: 'end_of_file' });
  });

  test('comes with a reason when the FIFO holds no frames', async () => {
    await start();
    const overLong = Buffer.alloc(4);
    overLong.writeUInt32LE(maxLaneFrame + 1);
    await peer.send(Buffer.concat([requestFrame(1n, 1, denied), overLong]));
    await expect(lane.ended).rejects.toMatchObject({ failure: 'bad_frame' });
    await peer.until(() => peer.messages.length >= 1);
    expect(peer.verdicts[0]?.rule).toBe('epoch-1');
  });

  test('comes with a reason when a frame is garbage', async () => {
    await start();
    await peer.send(framed(Buffer.from('ffffffffffffffffffffff', 'hex')));
    await expect(lane.ended).rejects.toMatchObject({ name: 'LaneError', failure: 'bad_frame' });
  });

  test('comes with the error that its worker died of', async () => {
    await start({ workerScript: new URL('./worker-that-dies.ts', import.meta.url) });
    await peer.send(pingFrame(1));
    await expect(lane.ended).rejects.toMatchObject({
      failure: 'crashed',
      message: expect.stringContaining('a defect of the lane'),
    });
  });

  test('comes at once when the first rule set does not compile', async () => {
    const failed = start({ ruleSet: { ...rulesOfEpoch(1), rules: null } as never });
    await expect(failed).rejects.toBeInstanceOf(LaneError);
    await expect(lane.ended).rejects.toMatchObject({ failure: 'not_compiled' });
  });

  test('comes at once when a FIFO of the Welcome is not there', async () => {
    const gone = new BridgePeer();
    gone.close();
    await expect(start({ requestFifo: gone.requestFifo })).rejects.toBeInstanceOf(FifoError);
    await expect(lane.ended).rejects.toBeInstanceOf(FifoError);
  });
});
