// The soak: file system churn on a guarded filesystem while agent and bridge are killed at random. `npm run soak` takes 30
// minutes and ends with 0 only if nobody hung, nothing allowed was denied, nothing denied was opened while its guard stood,
// and memory stayed flat. Root; everything is on a loop-mounted image of its own.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { Cleanup } from '../system/harness/cleanup.ts';
import { type Opener, readOpenerLog, startOpener } from '../system/harness/opener.ts';
import { makeScratch } from '../system/harness/scratch.ts';
import { startStream } from '../system/harness/stream.ts';
import { type Job, makeJobs, packArchives } from './churn.ts';
import { Guard } from './guard.ts';
import { growthOf, type Interval, type Judgement, judge } from './judge.ts';
import { type Blow, mayhem, randomFrom } from './mayhem.ts';

/** A stopped bridge is killed after 2 s and the machine may be busy: a call that takes longer than this hangs. */
const HUNG_MS = 5_000;
const SAMPLE_EVERY_MS = 2_000;
/** What memory may grow by between the first third of the time and the last. */
const FLAT = { share: 1.2, moreKiB: 16 * 1024 };

interface SoakOptions {
  readonly minutes: string;
  readonly seed: string;
  readonly json?: string;
}

interface Client {
  readonly name: string;
  readonly isDenied: boolean;
  readonly opener: Opener;
  readonly log: string;
  away(guard: Guard): readonly Interval[];
}

interface Report {
  readonly minutes: number;
  readonly seed: number;
  readonly blows: readonly Blow[];
  readonly rounds: Readonly<Record<string, number>>;
  readonly clients: readonly Judgement[];
  readonly memory: Readonly<
    Record<'bridge' | 'agent', { readonly firstKiB: number; readonly lastKiB: number }>
  >;
  /** Until what denies was back after a blow, at most. */
  readonly longestAwayMs: { readonly bridge: number; readonly agent: number };
  readonly faults: readonly string[];
}

async function soak(minutes: number, seed: number): Promise<Report> {
  const cleanup = new Cleanup();
  try {
    const scratch = makeScratch(cleanup, 'ext4', 1024);
    const paths = { sealed: scratch.file('sealed'), secret: scratch.file('secret') };
    const opened = scratch.file('opened');
    const program = scratch.program('program');
    const jobs = makeJobs(await packArchives(join(scratch.folder, 'archives')), scratch.mount);
    const nats = await startStream(cleanup);
    const guard = await Guard.start(cleanup, scratch, paths, { nats: nats.url });
    const clients = startClients(cleanup, scratch.folder, { ...paths, opened, program });

    const faults: string[] = [];
    const end = new AbortController();
    const rounds: Record<string, number> = {};
    const samples = { bridge: [] as number[], agent: [] as number[] };
    const working = [
      ...jobs.map((job) => repeat(job, rounds, end.signal, faults)),
      sample(guard, samples, end.signal),
    ];
    const blows: Blow[] = [];
    const striking = strike(guard, randomFrom(seed), end.signal, blows);
    await Promise.race([delay(minutes * 60_000), striking.catch(() => undefined)]);
    end.abort();
    await striking.catch((error: unknown) => faults.push(`the guard did not come back: ${String(error)}`));
    await Promise.all(working);

    const judgements: Judgement[] = [];
    for (const client of clients) {
      await client.opener.stop();
      judgements.push(
        judge({ ...client, calls: readOpenerLog(client.log), away: client.away(guard) }, HUNG_MS),
      );
    }
    if (!(await guard.stop()).includes('The books balance.')) faults.push("the agent's books do not balance");
    const memory = { bridge: growthOf(samples.bridge), agent: growthOf(samples.agent) };
    for (const [who, { firstKiB, lastKiB }] of Object.entries(memory))
      if (lastKiB > firstKiB * FLAT.share + FLAT.moreKiB)
        faults.push(`the memory of the ${who} grew from ${firstKiB} to ${lastKiB} KiB`);
    for (const { name } of jobs) if (!rounds[name]) faults.push(`${name}: not one round was finished`);
    faults.push(...judgements.flatMap((judgement) => judgement.faults));
    const longestAwayMs = { bridge: longestMs(guard.sealedAway), agent: longestMs(guard.secretAway) };
    return { minutes, seed, blows, rounds, clients: judgements, memory, longestAwayMs, faults };
  } finally {
    await cleanup.run();
  }
}

function startClients(
  cleanup: Cleanup,
  folder: string,
  paths: { sealed: string; secret: string; opened: string; program: string },
): readonly Client[] {
  const client = (
    name: string,
    path: string,
    isDenied: boolean,
    away: Client['away'],
    more: { readonly exec?: boolean; readonly rate: number },
  ): Client => {
    const log = join(folder, `${name.replaceAll(' ', '-')}.log`);
    return {
      name,
      isDenied,
      log,
      away,
      opener: startOpener(cleanup, { paths: [path], seconds: 86_400, log, ...more }),
    };
  };
  return [
    client('opens of the sealed file', paths.sealed, true, (guard) => guard.sealedAway, { rate: 50 }),
    client('opens of the secret file', paths.secret, true, (guard) => guard.secretAway, { rate: 50 }),
    client('opens of an allowed file', paths.opened, false, () => [], { rate: 100 }),
    client('starts of an allowed program', paths.program, false, () => [], { rate: 10, exec: true }),
  ];
}

function longestMs(intervals: readonly Interval[]): number {
  return Math.max(0, ...intervals.map(({ fromNs, toNs }) => Math.round((toNs - fromNs) / 1e6)));
}

async function repeat(
  { name, round }: Job,
  rounds: Record<string, number>,
  signal: AbortSignal,
  faults: string[],
): Promise<void> {
  while (!signal.aborted) {
    try {
      await round();
      rounds[name] = (rounds[name] ?? 0) + 1;
    } catch (error) {
      faults.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
  }
}

async function sample(
  guard: Guard,
  samples: Record<'bridge' | 'agent', number[]>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await delay(SAMPLE_EVERY_MS, undefined, { signal }).catch(() => undefined);
    const { bridge, agent } = await guard.memory();
    if (bridge > 0) samples.bridge.push(bridge); // 0: it is away just now
    if (agent > 0) samples.agent.push(agent);
  }
}

async function strike(guard: Guard, random: () => number, signal: AbortSignal, blows: Blow[]): Promise<void> {
  for await (const blow of mayhem(guard, random, signal)) {
    blows.push(blow);
    process.stderr.write(`${(blow.atMs / 1_000).toFixed(1).padStart(8)} s  ${blow.name}\n`);
  }
}

function format(report: Report): string {
  const counts = new Map<string, number>();
  for (const { name } of report.blows) counts.set(name, (counts.get(name) ?? 0) + 1);
  const lines = [
    `${report.minutes} minutes, seed ${report.seed}`,
    `blows   ${[...counts].map(([name, count]) => `${count} ${name}`).join(', ')}`,
    `rounds  ${Object.entries(report.rounds)
      .map(([name, count]) => `${count} ${name}`)
      .join(', ')}`,
    ...report.clients.map(
      ({ name, calls, denied, p50Us, p999Us, maxUs }) =>
        `${name.padEnd(30)} ${calls} calls, ${denied} denied; p50 ${Math.round(p50Us)} µs, p99.9 ${Math.round(p999Us / 1_000)} ms, max ${Math.round(maxUs / 1_000)} ms`,
    ),
    ...Object.entries(report.memory).map(
      ([who, { firstKiB, lastKiB }]) =>
        `memory of the ${who}: ${firstKiB} KiB at most in the first third, ${lastKiB} in the last`,
    ),
    `after a blow, the bridge was back within ${report.longestAwayMs.bridge} ms, the agent within ${report.longestAwayMs.agent} ms`,
    ...report.faults.map((fault) => `FAULT   ${fault}`),
    report.faults.length === 0 ? 'No fault.' : `${report.faults.length} faults.`,
  ];
  return `${lines.join('\n')}\n`;
}

const { minutes, seed, json } = new Command('soak')
  .description('Churn on a guarded filesystem while agent and bridge are killed at random. Root.')
  .option('--minutes <n>', 'how long', '30')
  .option('--seed <n>', 'of the blows and their times', '1')
  .option('--json <file>', 'also write the report there')
  .parse()
  .opts<SoakOptions>();
const report = await soak(Number(minutes), Number(seed));
process.stdout.write(format(report));
if (json !== undefined) writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
process.exitCode = report.faults.length === 0 ? 0 : 1;
