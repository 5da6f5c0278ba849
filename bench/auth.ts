// What an open() and an execve() wait, by the caller's own clock: unwatched, watched by a C daemon that allows at once, by
// fapolicyd, and by Picket on each of its levels and with rule sets of several sizes; then what whole workloads take. Every
// subject has a loop-mounted image and a daemon of its own, all running for the whole time; rounds alternate between them,
// so that the machine's moods meet all alike.
import { join } from 'node:path';
import { Cleanup } from '../test/system/harness/cleanup.ts';
import { type OpenerOptions, readOpenerLog, startOpener } from '../test/system/harness/opener.ts';
import { EVENTS_A_SECOND } from './auth/busy-main.ts';
import {
  agentOf,
  agentWithFlow,
  answersOf,
  type Crowd,
  cDaemon,
  fapolicyd,
  kernelCache,
  type Subject,
  slowLane,
  staticDeny,
  unwatched,
} from './auth/subject.ts';
import { measureWorkloads } from './auth/workloads.ts';
import { curveOf, emptyLatency, type Latency, percentileUs, record } from './latency.ts';
import { type Aim, makeReport, type Report, type Row } from './report.ts';

const OPENS_A_SECOND = 2_000;
const EXECS_A_SECOND = 200;
const WARM_UP_CALLS = 500;
const CROWDS = [64, 500] as const;
/** For the budgets: clients enough that one call in a hundred may take 0.3 s, and still none is late. */
const BUDGET_CLIENTS = 16;
const BUDGET_OPENS_A_SECOND = 5_000;

const AIMS: Readonly<Record<string, Aim>> = {
  cached_over_c: { atMost: 0.2 },
  static_over_c: { atMost: 1.2 },
  agent_10000_over_c: { atMost: 2.5 },
  agent_10000_over_fapolicyd: { atMost: 1.2 },
  agent_10000_p99_over_c_p99: { atMost: 5 },
  openers64_throughput_over_c: { atLeast: 0.5 },
  busy_main_p99_over_idle_p99: { atMost: 3 },
  missed_budgets: { atMost: 0 },
  busy_main_p99_9_us: { atMost: 5_000 },
};

interface Effort {
  readonly rounds: number;
  readonly openSeconds: number;
  readonly execSeconds: number;
  readonly crowdSeconds: number;
  readonly budgetOpens: number;
  readonly workloadRounds: number;
}

const QUICK: Effort = {
  rounds: 2,
  openSeconds: 1.5,
  execSeconds: 1,
  crowdSeconds: 0.5,
  budgetOpens: 30_000,
  workloadRounds: 1,
};
const FULL: Effort = {
  rounds: 10,
  openSeconds: 4,
  execSeconds: 2,
  crowdSeconds: 2,
  budgetOpens: 1_000_000,
  workloadRounds: 5,
};

export async function benchAuth(quick: boolean): Promise<Report> {
  const effort = quick ? QUICK : FULL;
  const calls = await measureCalls(effort);
  const cleanup = new Cleanup();
  try {
    const workloads = await measureWorkloads(cleanup, effort.workloadRounds);
    const rows = [...calls.rows, ...workloads.rows];
    const notes = [...calls.notes, ...workloads.notes];
    return { ...makeReport('auth', rows, calls.ratios, notes), aims: AIMS, curves: calls.curves };
  } finally {
    await cleanup.run();
  }
}

interface Calls {
  readonly rows: readonly Row[];
  readonly ratios: Record<string, number>;
  readonly notes: readonly string[];
  readonly curves: NonNullable<Report['curves']>;
}

async function measureCalls(effort: Effort): Promise<Calls> {
  const cleanup = new Cleanup();
  const notes = [
    `opens: ${OPENS_A_SECOND}/s by one client, execs: ${EXECS_A_SECOND}/s, at times fixed in advance; a call that was due while the one before it lasted counts from when it was due`,
    '64 and 500 openers: closed loop, as fast as they are answered',
    'a static deny answers EPERM, which spares the kernel the rest of the open; the slow lane and the busy main thread are not crowded',
  ];
  try {
    const rival = await fapolicyd(cleanup);
    if (typeof rival === 'string') notes.push(`no fapolicyd here: ${rival}`);
    const subjects = {
      plain: unwatched(cleanup, 'unwatched'),
      again: unwatched(cleanup, 'unwatched again (A/A)'),
      c: await cDaemon(cleanup, 'C allows at once'),
      cAgain: await cDaemon(cleanup, 'C allows at once again (A/A)'),
      ...(typeof rival === 'string' ? {} : { rival }),
      cached: await kernelCache(cleanup),
      fixed: await staticDeny(cleanup),
      ten: await agentOf(cleanup, 10),
      thousand: await agentOf(cleanup, 1_000),
      most: await agentOf(cleanup, 10_000),
      ...named(await agentWithFlow(cleanup, 10_000, Math.ceil(effort.openSeconds) + 3)),
      slow: await slowLane(cleanup),
    };
    const all: readonly Subject[] = Object.values(subjects);
    const asked = await answersOf(subjects.cached);
    const flows: number[] = [];
    for (let round = 0; round < effort.rounds; round++) {
      for (const subject of all) flows.push(...(await openInTime(cleanup, subject, effort.openSeconds)));
      for (const subject of all) await executeInTime(cleanup, subject, effort.execSeconds);
      for (const threads of CROWDS)
        for (const subject of all) await crowd(cleanup, subject, threads, effort.crowdSeconds);
      process.stderr.write(`round ${round + 1} of ${effort.rounds}\n`);
    }
    const budgets = await countMissed(cleanup, subjects.most, effort.budgetOpens);
    const isCached = await hasCache(subjects.cached, asked);
    if (!isCached)
      notes.push("the kernel's cache is not offered by this bridge: it was asked about each open");
    notes.push(
      `budgets: ${budgets.total} opens by ${BUDGET_CLIENTS} clients at ${BUDGET_OPENS_A_SECOND}/s, 10,000 rules, 100 ms each; ${budgets.missed} missed`,
      `the busy main thread decided ${Math.round(mean(flows))} events/s (aim ${EVENTS_A_SECOND}) of a second bridge, by 1,000 rules, and forwarded none`,
    );
    return {
      rows: [...all.map(row), budgets.row],
      ratios: ratios(subjects, isCached, mean(flows) >= 0.9 * EVENTS_A_SECOND, budgets.missed),
      notes,
      curves: all.map(({ name, opens }) => ({ subject: name, points: curveOf(opens.response) })),
    };
  } finally {
    await cleanup.run();
  }
}

function named([idle, busy]: readonly [Subject, Subject]): { idle: Subject; busy: Subject } {
  return { idle, busy };
}

/** Returns how many events a second flowed meanwhile, where any were to. */
async function openInTime(cleanup: Cleanup, subject: Subject, seconds: number): Promise<readonly number[]> {
  const run = async (): Promise<void> => {
    const options = { paths: [subject.path], rate: OPENS_A_SECOND, seconds };
    subject.late += await measure(cleanup, subject, options, subject.opens, WARM_UP_CALLS);
  };
  if (subject.flow !== undefined) return [await subject.flow.while(run)];
  await run();
  return [];
}

async function executeInTime(cleanup: Cleanup, subject: Subject, seconds: number): Promise<void> {
  if (subject.program === undefined) return;
  const options = { paths: [subject.program], exec: true, rate: EXECS_A_SECOND, seconds };
  await measure(cleanup, subject, options, subject.execs, 20);
}

async function crowd(cleanup: Cleanup, subject: Subject, threads: number, seconds: number): Promise<void> {
  if (!subject.isCrowded) return;
  const found: Crowd = subject.crowds.get(threads) ?? { latency: emptyLatency(), calls: 0, seconds: 0 };
  subject.crowds.set(threads, found);
  const before = found.latency.call.totalCount;
  await measure(cleanup, subject, { paths: [subject.path], threads, seconds }, found.latency, 0);
  found.calls += found.latency.call.totalCount - before;
  found.seconds += seconds;
}

/** Returns how many calls began late. */
async function measure(
  cleanup: Cleanup,
  subject: Subject,
  options: OpenerOptions,
  latency: Latency,
  warmUp: number,
): Promise<number> {
  const log = join(subject.scratch.folder, 'opener.log');
  const { late } = await startOpener(cleanup, { ...options, log }).report(600_000);
  const calls = readOpenerLog(log);
  const error = options.exec === true ? 0 : subject.error;
  const wrong = calls.find((call) => call.error !== error);
  if (wrong) throw new Error(`${subject.name}: a call ended with errno ${wrong.error}, not ${error}`);
  record(latency, calls, warmUp);
  return late;
}

async function hasCache(cached: Subject, before: ReadonlyMap<string, number>): Promise<boolean> {
  const total = (answers: ReadonlyMap<string, number>): number =>
    [...answers.values()].reduce((sum, count) => sum + count, 0);
  const crowded = [...cached.crowds.values()].reduce((sum, { calls }) => sum + calls, 0);
  const calls = cached.opens.call.totalCount + crowded;
  return total(await answersOf(cached)) - total(before) < calls / 2;
}

/** Whatever was not answered by the agent itself was answered by a default, for want of time. */
async function countMissed(
  cleanup: Cleanup,
  subject: Subject,
  opens: number,
): Promise<{ readonly total: number; readonly missed: number; readonly row: Row }> {
  const latency = emptyLatency();
  const before = await answersOf(subject);
  const count = Math.ceil(opens / BUDGET_CLIENTS);
  const options = {
    paths: [subject.path],
    threads: BUDGET_CLIENTS,
    rate: BUDGET_OPENS_A_SECOND,
    count,
  };
  const late = await measure(cleanup, subject, options, latency, 0);
  const after = await answersOf(subject);
  const more = (by: string): number => (after.get(by) ?? 0) - (before.get(by) ?? 0);
  const missed = more('default_deadline') + more('default_breaker') + more('overload');
  const metrics = { ...metricsOf('open', latency), missed, late };
  const name = `${subject.name}, ${BUDGET_CLIENTS} clients, ${BUDGET_OPENS_A_SECOND}/s`;
  return { total: count * BUDGET_CLIENTS, missed, row: { subject: name, parameters: {}, metrics } };
}

function metricsOf(call: string, latency: Latency): Record<string, number> {
  const us = (percentile: number): number => percentileUs(latency.response, percentile);
  return {
    [`${call} p50 us`]: us(50),
    [`${call} p99 us`]: us(99),
    [`${call} p99.9 us`]: us(99.9),
    [`${call} max us`]: us(100),
    [`${call}s`]: latency.response.totalCount,
  };
}

function row(subject: Subject): Row {
  const metrics: Record<string, number> = { ...metricsOf('open', subject.opens), late: subject.late };
  if (subject.program !== undefined) {
    metrics['exec p50 us'] = percentileUs(subject.execs.response, 50);
    metrics['exec p99 us'] = percentileUs(subject.execs.response, 99);
  }
  for (const [threads, { latency, calls, seconds }] of subject.crowds) {
    metrics[`${threads}: opens/s`] = calls / seconds;
    metrics[`${threads}: p99 us`] = percentileUs(latency.call, 99);
  }
  return { subject: subject.name, parameters: subject.parameters, metrics };
}

type Subjects = Readonly<
  Record<'plain' | 'again' | 'c' | 'cAgain' | 'cached' | 'fixed' | 'most' | 'ten' | 'thousand', Subject>
> &
  Readonly<Record<'idle' | 'busy', Subject>> & { readonly rival?: Subject };

/** What was not there, or did not come to pass, has no ratio. */
function ratios(
  subjects: Subjects,
  isCached: boolean,
  isBusy: boolean,
  missed: number,
): Record<string, number> {
  const { plain, again, c, cAgain, cached, fixed, ten, thousand, most, idle, busy, rival } = subjects;
  const us = (subject: Subject, percentile: number): number =>
    percentileUs(subject.opens.response, percentile);
  const over = (one: Subject, other: Subject, percentile = 50): number =>
    us(one, percentile) / us(other, percentile);
  const throughput = (subject: Subject): number => {
    const { calls = 0, seconds = 1 } = subject.crowds.get(64) ?? {};
    return calls / seconds;
  };
  return {
    unwatched_over_unwatched: over(again, plain),
    c_over_c: over(cAgain, c),
    c_p99_over_c_p99: over(cAgain, c, 99),
    c_over_unwatched: over(c, plain),
    ...(isCached ? { cached_over_c: over(cached, c) } : {}),
    static_over_c: over(fixed, c),
    agent_10_over_c: over(ten, c),
    agent_1000_over_c: over(thousand, c),
    agent_10000_over_c: over(most, c),
    ...(rival === undefined ? {} : { agent_10000_over_fapolicyd: over(most, rival) }),
    agent_10000_p99_over_c_p99: over(most, c, 99),
    openers64_throughput_over_c: throughput(most) / throughput(c),
    ...(isBusy
      ? { busy_main_p99_over_idle_p99: over(busy, idle, 99), busy_main_p99_9_us: us(busy, 99.9) }
      : {}),
    missed_budgets: missed,
    ...execRatios(most, c, rival),
  };
}

function execRatios(most: Subject, c: Subject, rival: Subject | undefined): Record<string, number> {
  const p50 = (subject: Subject): number => percentileUs(subject.execs.response, 50);
  return {
    exec_agent_10000_over_c: p50(most) / p50(c),
    ...(rival === undefined ? {} : { exec_agent_10000_over_fapolicyd: p50(most) / p50(rival) }),
  };
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / Math.max(1, numbers.length);
}
