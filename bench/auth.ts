// What an open() waits, by the opener's own clock: unwatched, watched by a C daemon that allows at once, by Picket with a
// static verdict, and with rule sets of several sizes. Every subject has a loop-mounted ext2 image and a daemon of its
// own, all running for the whole time; rounds alternate between them, so that the machine's moods meet all alike.
import { join } from 'node:path';
import { agentConfig, startAgent, writeRules } from '../test/system/harness/agent.ts';
import { startBridge } from '../test/system/harness/bridge.ts';
import { Cleanup } from '../test/system/harness/cleanup.ts';
import { readOpenerLog, startOpener } from '../test/system/harness/opener.ts';
import { start } from '../test/system/harness/process.ts';
import { makeScratch, type Scratch } from '../test/system/harness/scratch.ts';
import { waitFor } from '../test/system/harness/wait.ts';
import { emptyLatency, type Latency, percentileUs, record } from './latency.ts';
import { makeReport, type Report, type Row } from './report.ts';
import { realisticRules } from './rule-sets.ts';

const OPENS_A_SECOND = 2_000;
const WARM_UP_CALLS = 500;

interface Subject {
  readonly name: string;
  readonly parameters: Record<string, string | number>;
  readonly scratch: Scratch;
  /** What is opened. */
  readonly path: string;
  /** errno that each call must end with; another one is an error of the measurement. */
  readonly error: number;
  readonly latency: Latency;
  readonly manyLatency: Latency;
  manyCalls: number;
  manySeconds: number;
  late: number;
}

export async function benchAuth(quick: boolean): Promise<Report> {
  const cleanup = new Cleanup();
  const rounds = quick ? 5 : 20;
  const seconds = quick ? 2 : 5;
  try {
    const subjects = [
      await unwatched(cleanup, 'unwatched'),
      await unwatched(cleanup, 'unwatched again (A/A)'),
      await cDaemon(cleanup),
      await picket(cleanup, 'picket static deny', { rules: 10, path: 'static-denied', error: 1 }),
      await picket(cleanup, 'picket agent, 10 rules', { rules: 10, path: 'allowed', error: 0 }),
      await picket(cleanup, 'picket agent, 1000 rules', { rules: 1000, path: 'allowed', error: 0 }),
    ];
    for (let round = 0; round < rounds; round++) {
      for (const subject of subjects) await oneOpener(cleanup, subject, seconds, round);
      for (const subject of subjects) await manyOpeners(cleanup, subject, quick ? 1 : 3, round);
      process.stderr.write(`round ${round + 1} of ${rounds}\n`);
    }
    return makeReport('auth', subjects.map(row), ratios(subjects), [
      `one opener at ${OPENS_A_SECOND} opens/s fixed in advance; call: of the open() itself; response: from the time it was due`,
      '64 openers: closed loop, as fast as they are answered',
      'picket static deny answers EPERM, which spares the kernel the rest of the open',
    ]);
  } finally {
    await cleanup.run();
  }
}

async function unwatched(cleanup: Cleanup, name: string): Promise<Subject> {
  const scratch = makeScratch(cleanup, 'ext2');
  return subject(name, {}, scratch, scratch.file('allowed'), 0);
}

async function cDaemon(cleanup: Cleanup): Promise<Subject> {
  const scratch = makeScratch(cleanup, 'ext2');
  const daemon = start(cleanup, join(import.meta.dirname, '../test/native/build/allow_at_once'), [
    scratch.mount,
  ]);
  await waitFor('the C daemon to be ready', () => daemon.stdout().includes('ready'));
  return subject('C allows at once', {}, scratch, scratch.file('allowed'), 0);
}

interface PicketSubject {
  readonly rules: number;
  readonly path: string;
  readonly error: number;
}

async function picket(cleanup: Cleanup, name: string, options: PicketSubject): Promise<Subject> {
  const scratch = makeScratch(cleanup, 'ext2');
  const path = scratch.file(options.path);
  await startBridge(cleanup, scratch);
  const rules = realisticRules(options.rules, { staticallyDenied: join(scratch.mount, 'static-denied') });
  await startAgent(cleanup, agentConfig(scratch, { rules: writeRules(scratch, rules) }));
  return subject(name, { rules: options.rules }, scratch, path, options.error);
}

function subject(
  name: string,
  parameters: Record<string, string | number>,
  scratch: Scratch,
  path: string,
  error: number,
): Subject {
  return {
    name,
    parameters,
    scratch,
    path,
    error,
    latency: emptyLatency(),
    manyLatency: emptyLatency(),
    manyCalls: 0,
    manySeconds: 0,
    late: 0,
  };
}

async function oneOpener(cleanup: Cleanup, subject: Subject, seconds: number, round: number): Promise<void> {
  const log = join(subject.scratch.folder, `one-${round}.log`);
  const opener = startOpener(cleanup, { paths: [subject.path], rate: OPENS_A_SECOND, seconds, log });
  subject.late += (await opener.report()).late;
  record(subject.latency, verified(subject, log), WARM_UP_CALLS);
}

async function manyOpeners(
  cleanup: Cleanup,
  subject: Subject,
  seconds: number,
  round: number,
): Promise<void> {
  const log = join(subject.scratch.folder, `many-${round}.log`);
  const opener = startOpener(cleanup, { paths: [subject.path], threads: 64, seconds, log });
  const report = await opener.report();
  record(subject.manyLatency, verified(subject, log), 0);
  subject.manyCalls += report.calls;
  subject.manySeconds += seconds;
}

function verified(subject: Subject, log: string) {
  const calls = readOpenerLog(log);
  const wrong = calls.find((call) => call.error !== subject.error);
  if (wrong)
    throw new Error(`${subject.name}: an open ended with errno ${wrong.error}, not ${subject.error}`);
  return calls;
}

function row(subject: Subject): Row {
  const { call, response } = subject.latency;
  return {
    subject: subject.name,
    parameters: subject.parameters,
    metrics: {
      'call p50 us': percentileUs(call, 50),
      'call p99 us': percentileUs(call, 99),
      'response p99 us': percentileUs(response, 99),
      'response p99.9 us': percentileUs(response, 99.9),
      'max us': percentileUs(response, 100),
      calls: call.totalCount,
      late: subject.late,
      '64 openers/s': subject.manyCalls / subject.manySeconds,
      '64: p99 us': percentileUs(subject.manyLatency.call, 99),
    },
  };
}

function ratios([plain, again, c, fixed, few, many]: readonly Subject[]): Record<string, number> {
  if (!plain || !again || !c || !fixed || !few || !many) throw new Error('a subject is missing');
  const p50 = (subject: Subject): number => percentileUs(subject.latency.call, 50);
  const p99 = (subject: Subject): number => percentileUs(subject.latency.call, 99);
  const throughput = (subject: Subject): number => subject.manyCalls / subject.manySeconds;
  return {
    unwatched_over_unwatched: p50(again) / p50(plain),
    c_over_unwatched: p50(c) / p50(plain),
    static_over_c: p50(fixed) / p50(c),
    agent_10_over_c: p50(few) / p50(c),
    agent_1000_over_c: p50(many) / p50(c),
    agent_1000_p99_over_c_p99: p99(many) / p99(c),
    openers64_throughput_over_c: throughput(many) / throughput(c),
  };
}
