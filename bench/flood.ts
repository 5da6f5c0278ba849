// What a stranger waits for an open() of his own while hundreds of threads of another unprivileged user open files of the
// same filesystem: unwatched, behind a C daemon that allows at once, and behind Picket, where the flood's file is denied
// by the bridge, denied by the agent, or allowed. One subject at a time, and rounds alternate between them: each flood has
// the machine for itself. By the stranger's own clock; what the flood got is verified, call by call.
import { chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { agentConfig, startAgent, writeRules } from '../test/system/harness/agent.ts';
import { startBridge } from '../test/system/harness/bridge.ts';
import { Cleanup } from '../test/system/harness/cleanup.ts';
import { FLOODER, openToAll, STRANGER, startAs } from '../test/system/harness/flood.ts';
import { type OpenerReport, readOpenerLog } from '../test/system/harness/opener.ts';
import { start } from '../test/system/harness/process.ts';
import { makeScratch, type Scratch } from '../test/system/harness/scratch.ts';
import { waitFor } from '../test/system/harness/wait.ts';
import { emptyLatency, type Latency, percentileUs, record } from './latency.ts';
import { makeReport, type Report, type Row } from './report.ts';

const OPENS_A_SECOND = 100;
const FLOODS = [0, 500, 2000] as const;
/** The flood is in full swing by then. */
const LEAD_MS = 1_000;
const HUNG_MS = 300_000;

interface Guard {
  readonly name: string;
  start(cleanup: Cleanup, scratch: Scratch): Promise<void>;
  /** The file that the flood opens. */
  readonly target: 'denied-by-the-bridge' | 'denied-by-the-agent' | 'strangers';
}

interface Subject {
  readonly guard: Guard;
  readonly threads: number;
  readonly latency: Latency;
  floodCalls: number;
  floodSeconds: number;
}

export async function benchFlood(quick: boolean): Promise<Report> {
  const rounds = quick ? 1 : 5;
  const seconds = quick ? 4 : 10;
  const guards: readonly Guard[] = [
    { name: 'unwatched', target: 'strangers', start: async () => undefined },
    { name: 'C allows at once', target: 'strangers', start: cDaemon },
    { name: 'picket, denied by the bridge', target: 'denied-by-the-bridge', start: picket },
    { name: 'picket, denied by the agent', target: 'denied-by-the-agent', start: picket },
    { name: "picket, the stranger's own file", target: 'strangers', start: picket },
  ];
  const subjects = guards.flatMap((guard) =>
    FLOODS.map((threads) => ({ guard, threads, latency: emptyLatency(), floodCalls: 0, floodSeconds: 0 })),
  );
  for (let round = 0; round < rounds; round++) {
    for (const subject of subjects) await measure(subject, seconds);
    process.stderr.write(`round ${round + 1} of ${rounds}\n`);
  }
  return makeReport('flood', subjects.map(row), ratios(subjects), [
    `the stranger opens ${OPENS_A_SECOND} files/s, one at a time; call: of the open() itself, as the kernel let him run`,
    'the flood: threads of one unprivileged user, closed loop; the unwatched rows show what the processors alone cost',
    'no denied open of the flood and none of the stranger had another end than the right one, or this would have failed',
  ]);
}

async function measure(subject: Subject, seconds: number): Promise<void> {
  const { guard, threads } = subject;
  const cleanup = new Cleanup();
  try {
    const scratch = makeScratch(cleanup);
    openToAll(scratch);
    const strangers = scratch.file('strangers');
    const target = scratch.file(guard.target);
    await guard.start(cleanup, scratch);
    const flooded = seconds + (2 * LEAD_MS) / 1000;
    const flood =
      threads === 0 ? undefined : startAs(cleanup, FLOODER, { paths: [target], threads, seconds: flooded });
    await delay(LEAD_MS);
    const log = openLog(scratch);
    const stranger = startAs(cleanup, STRANGER, { paths: [strangers], rate: OPENS_A_SECOND, seconds, log });
    verify(`${guard.name}, the stranger`, await stranger.report(HUNG_MS), 'ok');
    if (flood !== undefined) {
      const report = await flood.report(HUNG_MS);
      verify(`${guard.name}, the flood`, report, guard.target === 'strangers' ? 'ok' : 'denied');
      subject.floodCalls += report.calls;
      subject.floodSeconds += flooded;
    }
    record(subject.latency, readOpenerLog(log), 0);
  } finally {
    await cleanup.run();
  }
}

/** The stranger writes it as his own user. */
function openLog(scratch: Scratch): string {
  const log = join(scratch.folder, 'stranger.log');
  writeFileSync(log, '');
  chownSync(log, STRANGER, STRANGER);
  return log;
}

function verify(who: string, report: OpenerReport, end: 'ok' | 'denied'): void {
  if (report[end] !== report.calls)
    throw new Error(`${who}: of ${report.calls} opens ${report[end]} ended as ${end}`);
}

async function cDaemon(cleanup: Cleanup, scratch: Scratch): Promise<void> {
  const program = join(import.meta.dirname, '../test/native/build/allow_at_once');
  const daemon = start(cleanup, program, [scratch.mount]);
  await waitFor('the C daemon to be ready', () => daemon.stdout().includes('ready'));
}

async function picket(cleanup: Cleanup, scratch: Scratch): Promise<void> {
  const deny = (name: string, ...leaves: object[]) => ({
    name,
    on: ['auth.open'],
    conditions: {
      all: [{ fact: 'file', path: '$.path', operator: 'equal', value: join(scratch.mount, name) }, ...leaves],
    },
    event: { type: 'deny' },
  });
  const onlyTheAgent = { fact: 'file', path: '$.size', operator: 'greaterThan', value: 0 };
  const rules = [deny('denied-by-the-bridge'), deny('denied-by-the-agent', onlyTheAgent)];
  await startBridge(cleanup, scratch);
  await startAgent(cleanup, agentConfig(scratch, { rules: writeRules(scratch, rules) }));
}

function row({ guard, threads, latency, floodCalls, floodSeconds }: Subject): Row {
  return {
    subject: `${guard.name}, ${threads} threads`,
    parameters: { threads, target: guard.target },
    metrics: {
      'call p50 us': percentileUs(latency.call, 50),
      'call p99 us': percentileUs(latency.call, 99),
      'max us': percentileUs(latency.call, 100),
      calls: latency.call.totalCount,
      'flood opens/s': floodSeconds === 0 ? 0 : floodCalls / floodSeconds,
    },
  };
}

function ratios(subjects: readonly Subject[]): Record<string, number> {
  const ratios: Record<string, number> = {};
  const of = (name: string, threads: number, percentile: number): number => {
    const found = subjects.find((subject) => subject.guard.name === name && subject.threads === threads);
    if (found === undefined) throw new Error(`no subject ${name}`);
    return percentileUs(found.latency.call, percentile);
  };
  for (const threads of FLOODS) {
    for (const [short, name] of [
      ['bridge', 'picket, denied by the bridge'],
      ['agent', 'picket, denied by the agent'],
      ['allowed', "picket, the stranger's own file"],
    ] as const) {
      for (const percentile of [50, 99])
        ratios[`${short}_${threads}_p${percentile}_over_c`] =
          of(name, threads, percentile) / of('C allows at once', threads, percentile);
    }
  }
  return ratios;
}
