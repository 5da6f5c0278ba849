// The books on the real kernel: what a generator did, term by term, against what agents say they did with it and what
// stands in the stream. Each file is opened once, so that the kernel has nothing to merge.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { picket } from '../../src/events/proto/picket.js';
import { agentConfig, startAgent, writeRules } from './harness/agent.ts';
import { type Books, endOf } from './harness/books.ts';
import { startBridge } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import type { NatsServer } from './harness/nats.ts';
import {
  type Call,
  errorOfOpen,
  type Opener,
  type OpenerReport,
  readOpenerLog,
  startOpener,
} from './harness/opener.ts';
import type { Running } from './harness/process.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import {
  doubles,
  readStored,
  type Stored,
  type StoredEvent,
  startStream,
  waitForStored,
} from './harness/stream.ts';
import { waitFor } from './harness/wait.ts';

const KINDS = ['forwarded', 'dropped', 'repeated', 'alerting'] as const;
const FILES_OF_EACH = 750;
const OPENS_A_SECOND = 500;
const EXECS = 120;
const DENIED_OPENS = 240;
/** Two clocks read one after the other. */
const SLACK_MS = 50;

let cleanup: Cleanup;
let scratch: Scratch;
let nats: NatsServer;
let files: string[];
let paths: { denied: string; kept: string; dropped: string };

beforeEach(async () => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
  nats = await startStream(cleanup);
  for (const kind of KINDS) mkdirSync(join(scratch.mount, kind));
  files = Array.from({ length: FILES_OF_EACH }, (_, number) =>
    prefixes().map((prefix) => `${prefix}${number}`),
  ).flat();
  for (const file of files) writeFileSync(file, '');
  paths = {
    denied: scratch.file('denied'),
    kept: join(scratch.mount, 'kept'),
    dropped: join(scratch.mount, 'dropped-program'),
  };
  for (const path of [paths.kept, paths.dropped]) copyFileSync('/bin/sleep', path);
});

afterEach(() => cleanup.run());

/** Every exec of this machine that is not the test's is forwarded: so the stream knows their number. */
function rules(): unknown[] {
  const under = (kind: string) => ({
    all: [{ fact: 'file', path: '$.path', operator: 'startsWith', value: `${join(scratch.mount, kind)}/` }],
  });
  const open = { on: ['notify.open'] };
  const forward = { event: { type: 'forward' } };
  return [
    { name: 'forwarded', ...open, conditions: under('forwarded'), ...forward },
    { name: 'repeated', ...open, conditions: under('repeated'), ...forward },
    { name: 'alerting', ...open, conditions: under('alerting'), ...forward },
    {
      name: 'alert',
      ...open,
      severity: 'high',
      conditions: under('alerting'),
      event: { type: 'alert', params: { message: 'one of these' } },
    },
    {
      name: 'execs',
      on: ['notify.exec'],
      conditions: {
        all: [{ fact: 'process', path: '$.executable', operator: 'notEqual', value: paths.dropped }],
      },
      ...forward,
    },
    // The bridge's own to decide, so that it holds without an agent, too.
    {
      name: 'deny',
      on: ['auth.open'],
      conditions: { all: [{ fact: 'file', path: '$.path', operator: 'equal', value: paths.denied }] },
      event: { type: 'deny' },
    },
  ];
}

function agent(): Promise<Running> {
  const config = agentConfig(scratch, {
    name: 'h1',
    rules: writeRules(scratch, rules()),
    nats: nats.url,
    more: {
      agent: { name: 'h1', group: 'test', drain_ms: 10_000 },
      dedupe: {
        window_ms: 120_000,
        rules: [{ on: ['notify.open'], key: '{file.extension}' }],
      },
    },
  });
  return startAgent(cleanup, config);
}

interface Load {
  readonly opens: Opener;
  readonly execs: Promise<number[]>;
  readonly denied: Opener;
}

/** By their extensions those to forward are no repeats of each other; those without one are. */
const prefixes = (): string[] =>
  KINDS.map((kind) => join(scratch.mount, kind, kind === 'forwarded' ? 'file.' : 'file'));

/** Their order is that of `files`. */
const everyFile = () => ({
  paths: prefixes(),
  numbered: FILES_OF_EACH,
  threads: 2,
});

const openLog = (): string => join(scratch.folder, 'opens.log');

/** Programs that live long enough to be looked at: of one that ends at once the path may not be known. */
async function execute(seconds: number): Promise<number[]> {
  const ends: Promise<unknown[]>[] = [];
  for (let number = 0; number < EXECS; number++) {
    const child = spawn(number % 2 === 0 ? paths.kept : paths.dropped, ['0.3'], { stdio: 'ignore' });
    ends.push(once(child, 'exit'));
    await delay((seconds * 1_000) / EXECS);
  }
  return (await Promise.all(ends)).map(([code]) => Number(code));
}

function startLoad(): Load {
  const seconds = files.length / OPENS_A_SECOND;
  return {
    opens: startOpener(cleanup, {
      ...everyFile(),
      count: files.length / 2,
      rate: OPENS_A_SECOND,
      log: openLog(),
    }),
    execs: execute(seconds),
    denied: startOpener(cleanup, {
      paths: [paths.denied],
      count: DENIED_OPENS,
      rate: DENIED_OPENS / seconds,
    }),
  };
}

async function endOfLoad(load: Load): Promise<void> {
  const [opens, denied]: OpenerReport[] = await Promise.all([load.opens.report(), load.denied.report()]);
  expect([opens?.calls, opens?.ok], 'opens').toEqual([files.length, files.length]);
  expect(await load.execs, 'execs').toEqual(Array(EXECS).fill(0));
  expect([denied?.calls, denied?.denied], 'denied opens').toEqual([DENIED_OPENS, DENIED_OPENS]);
}

const kindOf = (path: string): string => path.slice(scratch.mount.length + 1).split('/')[0] ?? '';

function ofKind({ events }: Stored, trigger: string, kind: string): StoredEvent[] {
  return events.filter((event) => event.trigger === trigger && kindOf(event.path) === kind);
}

function suppressed({ events }: Stored): number {
  return events.reduce((sum, { message }) => sum + Number(message.suppressed), 0);
}

function sum(books: readonly Books[], line: string): number {
  return books.reduce((total, one) => total + one.of(line), 0);
}

/** What agents say they did with what came to them is what the stream has of it. */
function expectStreamAsBooked(stored: Stored, books: readonly Books[]): void {
  expect(doubles(stored.events)).toEqual([]);
  expect(doubles(stored.alerts)).toEqual([]);
  expect(sum(books, 'forwarded/acknowledged')).toBe(stored.events.length);
  expect(sum(books, 'alerts/acknowledged')).toBe(stored.alerts.length);
  expect(sum(books, 'summaries of repeats')).toBe(
    stored.events.filter(({ message }) => Number(message.suppressed) > 0).length,
  );
  expect(sum(books, 'deduplicated')).toBe(suppressed(stored));
  expect(sum(books, 'auth audits among received')).toBe(
    stored.events.filter(({ trigger }) => trigger.startsWith('auth.')).length,
  );
  expect(sum(books, 'shed') + sum(books, 'forwarded/shed') + sum(books, 'malformed')).toBe(0);
}

test('NATS restarted, the agent ended and started again, twice each, under load: every term is the generator’s', async () => {
  await startBridge(cleanup, scratch);
  const books: Books[] = [];
  let running = await agent();
  const load = startLoad();
  for (let round = 0; round < 2; round++) {
    await delay(800);
    await nats.restart();
    await delay(300);
    books.push(await endOf(running));
    running = await agent();
  }
  await endOfLoad(load);
  await waitForStored(
    nats,
    'the last open',
    (stored) => ofKind(stored, 'notify.open', 'alerting').length >= FILES_OF_EACH,
  );
  books.push(await endOf(running));

  const stored = await readStored(nats);
  expect(stored.losses).toEqual([]);
  expectStreamAsBooked(stored, books);
  // What the rules wanted, each file by its name, once.
  for (const kind of ['forwarded', 'alerting']) {
    const names = ofKind(stored, 'notify.open', kind).map(({ path }) => path);
    expect(names.sort()).toEqual(files.filter((file) => kindOf(file) === kind).sort());
  }
  expect(stored.alerts.map(({ path }) => path).sort()).toEqual(
    files.filter((file) => kindOf(file) === 'alerting').sort(),
  );
  expect(ofKind(stored, 'notify.open', 'dropped')).toEqual([]);
  const repeats = ofKind(stored, 'notify.open', 'repeated');
  const passed = repeats.filter(({ message }) => Number(message.suppressed) === 0);
  expect(passed.length + sum(books, 'deduplicated')).toBe(FILES_OF_EACH);
  expect(ofKind(stored, 'notify.exec', 'kept')).toHaveLength(EXECS / 2);
  const denies = stored.events.filter(
    ({ message }) => message.auth?.verdict === picket.v1.Verdict.VERDICT_DENY,
  );
  expect(denies.map(({ path }) => path)).toEqual(Array(DENIED_OPENS).fill(paths.denied));

  // A program that is executed is opened, too; that open nobody wants.
  const opensOfPrograms = EXECS;
  expect(sum(books, 'filtered')).toBe(FILES_OF_EACH + EXECS / 2 + opensOfPrograms);
  const ofOthers = stored.events.filter(
    ({ trigger, path }) =>
      trigger.startsWith('picket.') ||
      (trigger === 'notify.exec' && !path.startsWith(scratch.mount)) ||
      (trigger.startsWith('auth.') && path !== paths.denied),
  );
  expect(sum(books, 'received')).toBe(
    files.length + EXECS + opensOfPrograms + DENIED_OPENS + ofOthers.length,
  );
});

/** What hrtime reads is CLOCK_MONOTONIC, by which openers keep their logs. Whoever waits between two clocks is too early. */
function unixMsAtBoot(): number {
  const readings = Array.from({ length: 10 }, () => Date.now() - Number(process.hrtime.bigint()) / 1e6);
  return Math.max(...readings);
}

test('a bridge that is killed under load: what is not in the stream lies in an interval that is on record', async () => {
  const first = await startBridge(cleanup, scratch);
  const running = await agent();
  const opens = startOpener(cleanup, {
    ...everyFile(),
    count: files.length / 2,
    rate: OPENS_A_SECOND,
    log: openLog(),
  });
  await delay(2_500);
  first.signal('SIGKILL');
  await first.ended();
  await startBridge(cleanup, scratch);
  await waitFor('the agent to be back', () => running.stderr().split('is in force').length > 2);
  const report = await opens.report();
  expect([report.calls, report.ok]).toEqual([files.length, files.length]);
  // The load may have been over before anybody watched again.
  const last = join(scratch.mount, 'alerting', 'last');
  writeFileSync(last, '');
  expect(errorOfOpen(last)).toBe('none');
  await waitForStored(nats, 'the last open', ({ events }) => events.some(({ path }) => path === last));
  const books = await endOf(running);

  const stored = await readStored(nats);
  expectStreamAsBooked(stored, [books]);
  expect(new Set(stored.events.map(({ bridgeInstance }) => bridgeInstance)).size).toBe(2);
  const unwatched = stored.events.flatMap(({ message }) => (message.unwatched ? [message.unwatched] : []));
  expect(unwatched.map(({ who }) => who)).toContain('bridge');
  const toUnixMs = unixMsAtBoot();
  /** A call may wait for a processor anywhere between its ends. */
  const isUnwatched = ({ startedNs, endedNs }: Call): boolean =>
    unwatched.some(
      ({ fromNs, toNs }) =>
        Number(fromNs) / 1e6 - SLACK_MS <= endedNs / 1e6 + toUnixMs &&
        startedNs / 1e6 + toUnixMs <= Number(toNs) / 1e6 + SLACK_MS,
    );
  const seen = new Set(
    stored.events.filter(({ trigger }) => trigger === 'notify.open').map(({ path }) => path),
  );
  const wanted = readOpenerLog(openLog()).filter(({ path }) =>
    ['forwarded', 'alerting'].includes(kindOf(files[path] ?? '')),
  );
  const missing = wanted.filter(({ path }) => !seen.has(files[path] ?? ''));
  expect(missing.filter((call) => !isUnwatched(call))).toEqual([]);
  // While nobody watched something was missed, and some of the load was seen.
  expect(missing.length).toBeGreaterThan(0);
  expect(missing.length).toBeLessThan(wanted.length);
});
