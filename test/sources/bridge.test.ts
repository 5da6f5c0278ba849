import Long from 'long';
import pino from 'pino';
import { BehaviorSubject, concat, defer, from, Subject, type Subscription } from 'rxjs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Lane, LaneOptions } from '../../src/auth/lane.ts';
import { LaneError } from '../../src/auth/lane-error.ts';
import { picket } from '../../src/events/proto/picket.js';
import type { FlowBatch, Origin } from '../../src/operators/flow.ts';
import { compileRules } from '../../src/rules/compile.ts';
import { type BridgeSourceOptions, bridgeSource } from '../../src/sources/bridge.ts';
import { Intake } from '../../src/sources/intake.ts';
import type { PolicyRevision } from '../../src/sources/policy-revision.ts';
import { encodedEvent, sequencesOf } from '../operators/event-fixtures.ts';
import { FakeBridge } from './fake-bridge.ts';

let bridge: FakeBridge;
let intake: Intake;
let settled: Subject<void>;
let stop: Subject<void>;
let revisions: BehaviorSubject<PolicyRevision>;
let batches: FlowBatch[];
let lines: string[];
let lanes: FakeLane[];
let isComplete: boolean;
let subscription: Subscription | undefined;

/** The auth lane has tests of its own; here only what the connection asks of it. */
class FakeLane {
  readonly prepared: number[] = [];
  readonly discarded: number[] = [];
  readonly end = Promise.withResolvers<{ reason: 'end_of_file'; partialFrameBytes: number }>();
  readonly ready = Promise.resolve();
  readonly ended = this.end.promise;
  readonly options: LaneOptions;
  /** What prepare() rejects with. */
  failure: Error | undefined;

  constructor(options: LaneOptions) {
    this.options = options;
    this.prepared.push(options.epoch);
  }

  async prepare(_ruleSet: unknown, epoch: number): Promise<void> {
    if (this.failure) throw this.failure;
    this.prepared.push(epoch);
  }

  discard(epoch: number): void {
    this.discarded.push(epoch);
  }
}

beforeEach(async () => {
  bridge = new FakeBridge();
  await bridge.listen();
  settled = new Subject();
  stop = new Subject();
  revisions = new BehaviorSubject(revision(1));
  intake = new Intake({ maxEvents: 100, maxBytes: 1e6 }, () => settled.next());
  batches = [];
  lines = [];
  lanes = [];
  isComplete = false;
});

afterEach(async () => {
  subscription?.unsubscribe();
  await bridge.close();
});

function revision(epoch: number): PolicyRevision {
  const ruleSet = { rules: [], conditions: {}, lists: {} };
  return {
    epoch,
    ruleSet,
    platform: 'linux',
    rules: compileRules(ruleSet, { platform: 'linux' }),
    policy: {},
  };
}

function listen(more: Partial<BridgeSourceOptions> = {}): void {
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
  subscription = bridgeSource({
    socketPath: bridge.path,
    agent: 'a',
    version: '0',
    intake,
    startLane: (options) => {
      const lane = new FakeLane(options);
      lanes.push(lane);
      return lane as unknown as Lane;
    },
    answerSlowly: async ({ id }) => ({ verdict: picket.v1.Verdict.VERDICT_DENY, ...(id ? { id } : {}) }),
    revisions,
    stop,
    settled,
    backoff: { firstMs: 1, maxMs: 2 },
    log,
    ...more,
  }).subscribe({
    next: (batch) => batches.push(batch),
    complete: () => {
      isComplete = true;
    },
  });
}

const fifos = { requestFifo: Buffer.from('/run/q'), verdictFifo: Buffer.from('/run/v') };

async function connected(welcome: picket.v1.IWelcome = {}): Promise<void> {
  listen();
  await bridge.heard('hello');
  bridge.welcome(welcome);
  await bridge.heard('policy');
}

function applied(epoch: number, more: picket.v1.IPolicyApplied = {}): void {
  bridge.send({ policyApplied: { epoch: Long.fromNumber(epoch), ...more } });
}

function events(...sequences: number[]): picket.v1.IEvents {
  return {
    firstSequence: Long.fromNumber(sequences[0] ?? 0),
    events: sequences.map((sequence) => encodedEvent(sequence)),
  };
}

const said = (text: string): Promise<void> =>
  expect.poll(() => lines.some((line) => line.includes(text)), { message: text }).toBe(true);

/** As `ingest` does. */
function takeIn(batch: FlowBatch): Origin {
  return intake.open(batch.events.at(-1)?.sequence ?? 0, batch.events.length, 100);
}

describe('a connection', () => {
  test('says who it is, then its policy once the lane has compiled it, then its credit', async () => {
    await connected(fifos);
    const [hello] = await bridge.heard('hello');
    expect(hello).toMatchObject({ protocol: 1, agent: 'a', bridgeInstance: '' });
    expect(lanes[0]?.options).toMatchObject({ platform: 'linux', epoch: 1 });
    const [policy] = await bridge.heard('policy');
    expect(Number(policy?.epoch)).toBe(1);
    const [credit] = await bridge.heard('credit');
    expect(credit?.events).toBe(100);
  });

  test('hands on what one read held as one batch, with losses, host and bridge instance', async () => {
    await connected({ host: { name: 'h' } });
    const loss = { cause: 'queue_full', kind: 2, action: 'open', count: Long.fromNumber(3) };
    bridge.send({ events: { ...events(1, 2), losses: [loss] } });
    await expect.poll(() => batches.length).toBe(1);
    expect(batches[0]).toMatchObject({
      bridgeInstance: 'b1',
      host: { name: 'h' },
      losses: [{ cause: 'queue_full', count: 3 }],
    });
    expect(batches[0]?.events[0]).toMatchObject({ sequence: 1, trigger: 'notify.open' });
  });

  test('counts what is no event as malformed and takes the rest', async () => {
    await connected();
    bridge.send({ events: { events: [encodedEvent(1), Uint8Array.of(0xff, 0xff), encodedEvent(3)] } });
    await expect.poll(() => batches.length).toBe(1);
    expect(batches[0]).toMatchObject({ malformed: 1 });
    expect(sequencesOf(batches[0] ?? { events: [] })).toEqual([1, 3]);
  });

  test('renews credit and says what is accepted as events are settled', async () => {
    await connected();
    await bridge.heard('credit');
    bridge.send({ events: events(1, 2, 3) });
    await expect.poll(() => batches.length).toBe(1);
    const origin = takeIn(batches[0] ?? { events: [], losses: [], malformed: 0, bridgeInstance: '' });
    for (let index = 0; index < 3; index++) origin.settle();
    const credits = await bridge.heard('credit', 2);
    expect(credits.at(-1)).toMatchObject({ events: 3 });
    expect(Number(credits.at(-1)?.acceptedThrough)).toBe(3);
  });

  test('a reload is prepared in the lane, then sent; a refused one is discarded and said', async () => {
    await connected(fifos);
    applied(1);
    await said('policy 1 is in force');
    revisions.next(revision(2));
    await bridge.heard('policy', 2);
    expect(lanes[0]?.prepared).toEqual([1, 2]);
    applied(2, { error: 'no such filesystem' });
    await said('policy 2 is not in force, the one before stays: the bridge refuses it: no such filesystem');
    expect(lanes[0]?.discarded).toEqual([2]);
  });

  test('a reload that the lane cannot prepare changes nothing: the connection goes on', async () => {
    const answers: string[] = [];
    listen({ onPolicy: ({ epoch }, { error }) => answers.push(`${epoch} ${error}`) });
    await bridge.heard('hello');
    bridge.welcome(fifos);
    await bridge.heard('policy');
    applied(1);
    await said('policy 1 is in force');
    if (lanes[0]) lanes[0].failure = new LaneError('not_compiled', 2, 'the rules of epoch 2 do not compile');
    revisions.next(revision(2));
    await said('policy 2 is not in force, the one before stays: the rules of epoch 2 do not compile');
    if (lanes[0]) lanes[0].failure = undefined;
    revisions.next(revision(3));
    await bridge.heard('policy', 2);
    applied(3);
    await said('policy 3 is in force');
    expect(bridge.connections).toBe(1);
    expect(answers).toEqual(['1 ', '2 the rules of epoch 2 do not compile', '3 ']);
  });

  test('a reload that meets the end of the lane is tried again on the next connection', async () => {
    await connected(fifos);
    applied(1);
    await said('policy 1 is in force');
    if (lanes[0]) lanes[0].failure = new LaneError('ended', 2, 'the auth lane has ended');
    revisions.next(revision(2));
    await bridge.heard('hello', 2);
    bridge.welcome(fifos);
    const policies = await bridge.heard('policy', 2);
    expect(Number(policies[1]?.epoch)).toBe(2);
  });

  test('refused reloads do not push out the rules in force for the slow lane', async () => {
    await connected();
    applied(1);
    for (const epoch of [2, 3, 4, 5]) {
      revisions.next(revision(epoch));
      await bridge.heard('policy', epoch);
      applied(epoch, { error: 'no such filesystem' });
      await said(`policy ${epoch} is not in force`);
    }
    bridge.send({ authRequest: { id: Long.fromNumber(8), epoch: Long.fromNumber(1) } });
    const [verdict] = await bridge.heard('authVerdict');
    expect(Number(verdict?.id)).toBe(8);
  });

  test('says what the bridge could not guard', async () => {
    await connected();
    applied(1, { unguarded: ['/data: overlay'] });
    await said('not guarded: /data: overlay');
  });

  test('answers requests of the slow lane by the rules of their epoch, and no others', async () => {
    await connected();
    applied(1);
    bridge.send({ authRequest: { id: Long.fromNumber(7), epoch: Long.fromNumber(9) } });
    bridge.send({ authRequest: { id: Long.fromNumber(8), epoch: Long.fromNumber(1) } });
    const verdicts = await bridge.heard('authVerdict');
    expect(verdicts.map(({ id }) => Number(id))).toEqual([8]);
  });

  test('passes on statistics', async () => {
    const seen: picket.v1.IBridgeStatistics[] = [];
    listen({ onStatistics: (statistics) => seen.push(statistics) });
    await bridge.heard('hello');
    bridge.welcome();
    bridge.send({ statistics: { pending: 4 } });
    await expect.poll(() => seen.length).toBe(1);
  });
});

describe('a connection that ends', () => {
  test('is made again, naming what was accepted, and the policy is sent again', async () => {
    await connected();
    bridge.send({ events: events(1, 2) });
    await expect.poll(() => batches.length).toBe(1);
    const origin = takeIn(batches[0] ?? { events: [], losses: [], malformed: 0, bridgeInstance: '' });
    origin.settle();
    origin.settle();
    bridge.hangUp();
    const hellos = await bridge.heard('hello', 2);
    expect(hellos[1]).toMatchObject({ bridgeInstance: 'b1' });
    expect(Number(hellos[1]?.acceptedThrough)).toBe(2);
    bridge.welcome();
    await bridge.heard('policy', 2);
    await said('the bridge closed it; trying again');
  });

  test('by a refusal says why, and tries again', async () => {
    listen();
    await bridge.heard('hello');
    bridge.send({ refused: { reason: 'your user is not the agent' } });
    await said('refused this agent: your user is not the agent');
    await bridge.heard('hello', 2);
  });

  test('because a bridge takes the connection and says nothing is made again', async () => {
    listen({ welcomeMs: 20 });
    await bridge.heard('hello', 2);
    await said('no Welcome came in time');
  });

  test('because nobody listens says what to look at', async () => {
    listen({ socketPath: `${bridge.path}.no` });
    await said('there is no socket; is picket-bridge running');
  });

  test('by a frame beyond the bound, or another protocol, says so', async () => {
    listen();
    await bridge.heard('hello');
    bridge.sendRaw(Uint8Array.of(255, 255, 255, 127));
    await said('a frame of 2147483647 bytes announced');
    await bridge.heard('hello', 2);
    bridge.welcome({ protocol: 2 });
    await said('protocol 2, this agent speaks 1');
  });

  test('because the auth lane failed is made anew, with a lane of its own', async () => {
    await connected(fifos);
    lanes[0]?.end.reject(new Error('crashed'));
    await bridge.heard('hello', 2);
    bridge.welcome(fifos);
    await expect.poll(() => lanes.length).toBe(2);
  });
});

describe('the end', () => {
  test('waits until all that was taken is settled, takes nothing more, says what is accepted, and takes leave', async () => {
    await connected();
    bridge.send({ events: events(1, 2) });
    await expect.poll(() => batches.length).toBe(1);
    const origin = takeIn(batches[0] ?? { events: [], losses: [], malformed: 0, bridgeInstance: '' });
    stop.next();
    bridge.send({ events: events(3) });
    bridge.send({ statistics: {} });
    origin.settle();
    expect(isComplete).toBe(false);
    origin.settle();
    expect(isComplete).toBe(true);
    const [goodbye] = await bridge.heard('goodbye');
    expect(goodbye?.reason).toBe('the agent was asked to end');
    expect(bridge.said.at(-1)?.goodbye).toBe(goodbye);
    expect(Number(bridge.said.at(-2)?.credit?.acceptedThrough)).toBe(2);
    expect(batches).toHaveLength(1);
  });

  test('comes at once when there is no connection', async () => {
    listen({ socketPath: `${bridge.path}.no`, backoff: { firstMs: 60_000, maxMs: 60_000 } });
    await said('trying again');
    stop.next();
    expect(isComplete).toBe(true);
  });

  test('by unsubscription closes the connection, without a goodbye: nobody asked for the end', async () => {
    await connected();
    subscription?.unsubscribe();
    await expect.poll(() => bridge.said.at(-1)?.credit?.events).toBe(0);
    expect(bridge.connections).toBe(1);
    expect(bridge.said.filter(({ goodbye }) => goodbye)).toEqual([]);
  });
});

describe('a notice of the agent', () => {
  test('is sent once the first policy is in force, and again on each connection until it has come back', async () => {
    const unseen = [Buffer.from('one')];
    const added = new Subject<Uint8Array>();
    listen({ notices: defer(() => concat(from(unseen), added)) });
    await bridge.heard('hello');
    bridge.welcome();
    await bridge.heard('policy');
    await bridge.heard('credit');
    expect(bridge.said.filter(({ notice }) => notice)).toEqual([]);
    applied(1);
    await bridge.heard('notice');
    added.next(Buffer.from('two'));
    const sent = await bridge.heard('notice', 2);
    expect(sent.map(({ event }) => Buffer.from(event ?? []).toString())).toEqual(['one', 'two']);
    bridge.hangUp();
    await bridge.heard('hello', 2);
    bridge.welcome();
    await bridge.heard('policy', 2);
    applied(1);
    await bridge.heard('notice', 3);
  });
});

test('whether the bridge enforces is logged when it changes, and at first only if it does not', async () => {
  await connected();
  const logged = (): string[] => lines.filter((line) => line.includes('enforce'));
  for (const enforcement of ['', 'on', 'off', 'off', 'observing', 'on', 'on'])
    bridge.send({ statistics: { enforcement } });
  await expect
    .poll(logged)
    .toEqual([
      expect.stringContaining('does not enforce (off)'),
      expect.stringContaining('does not enforce (observing)'),
      expect.stringContaining('enforces again'),
    ]);
});
