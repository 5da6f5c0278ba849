// Events/s into JetStream as fast as it goes: replay backend → picket-bridge → Picket, with the shipped rules for Linux and
// with 1,000 rules, everything forwarded → nats-server; and beside it a bare relay of the same bytes, in alternating rounds. Each round has a nats-server, a bridge and a process
// of its own. The rate is taken from the stream itself (the server's times of its first and last message), and every
// event is counted there: a figure with a lost or doubled event is not a figure.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { picket } from '../src/events/proto/picket.js';
import { setupStream } from '../src/sinks/stream.ts';
import { agentConfig, nodeProgram, startAgent, writeRules } from '../test/system/harness/agent.ts';
import { socketOf, startBridge } from '../test/system/harness/bridge.ts';
import { Cleanup } from '../test/system/harness/cleanup.ts';
import { startNats } from '../test/system/harness/nats.ts';
import { type Running, start } from '../test/system/harness/process.ts';
import { makeScratch, type Scratch } from '../test/system/harness/scratch.ts';
import { writeRecording } from './recording.ts';
import { makeReport, type Report, type Row } from './report.ts';
import { realisticRules } from './rule-sets.ts';

const RULES = 1_000;
const STREAM = 'PICKET';

interface Round {
  readonly eventsPerSecond: number;
  readonly rssMiB: number;
  readonly cpuSeconds: number;
  readonly bytesPerEvent: number;
  readonly lost: number;
  readonly doubled: number;
}

const SUBJECTS = ['relay', 'shipped', 'thousand'] as const;
type Subject = (typeof SUBJECTS)[number];

const NAMES: Record<Subject, string> = {
  relay: 'bare relay',
  shipped: 'picket, shipped rules',
  thousand: `picket, ${RULES} rules`,
};

export async function benchThroughput(quick: boolean): Promise<Report> {
  const events = quick ? 300_000 : 2_000_000;
  const rounds = quick ? 3 : 7;
  const results: Record<Subject, Round[]> = { relay: [], shipped: [], thousand: [] };
  const outer = new Cleanup();
  try {
    const folder = makeScratch(outer).folder;
    const recording = join(folder, 'load.picket');
    const meanBytes = writeRecording(recording, events);
    for (let round = 0; round < rounds; round++) {
      for (const subject of SUBJECTS) {
        results[subject].push(await measure(subject, recording, events));
      }
      process.stderr.write(`round ${round + 1} of ${rounds}\n`);
    }
    const overRelay = (subject: Subject): number =>
      median(
        results[subject].map(
          ({ eventsPerSecond }, round) => eventsPerSecond / (results.relay[round]?.eventsPerSecond ?? 1),
        ),
      );
    return makeReport(
      'throughput',
      SUBJECTS.map((subject) => row(subject, events, results[subject])),
      {
        picket_shipped_over_relay: overRelay('shipped'),
        picket_1000_over_relay: overRelay('thousand'),
        lost: sum(results.shipped, 'lost') + sum(results.thousand, 'lost'),
        doubled: sum(results.shipped, 'doubled') + sum(results.thousand, 'doubled'),
      },
      [
        `${events} events of ${Math.round(meanBytes)} bytes in the mean; medians of ${rounds} rounds; replay, bridge, subject and nats-server share the cores`,
        'no spool on disk yet: what is not acknowledged waits in memory',
      ],
    );
  } finally {
    await outer.run();
  }
}

async function measure(subject: Subject, recording: string, events: number): Promise<Round> {
  const cleanup = new Cleanup();
  try {
    const scratch = makeScratch(cleanup);
    const server = await startNats(cleanup);
    const nats = await connect({ servers: server.url });
    cleanup.add(() => nats.close());
    await setupStream(nats);
    await startBridge(cleanup, scratch, {
      args: ['--backend', 'replay', '--file', recording, '--speed', 'max'],
    });
    const running = await startSubject(subject, cleanup, scratch, server.url);
    const usage = watchUsage(running);
    const end = await running.ended(600_000);
    const { rssMiB, cpuSeconds } = usage();
    if (end !== 0) throw new Error(`${subject} ended with ${end}: ${running.stderr().slice(-2000)}`);
    return { ...(await readStream(nats, events)), rssMiB, cpuSeconds };
  } finally {
    await cleanup.run();
  }
}

function startSubject(
  subject: Subject,
  cleanup: Cleanup,
  scratch: Scratch,
  url: string,
): Promise<Running> | Running {
  if (subject === 'relay') {
    return start(cleanup, nodeProgram, [join(import.meta.dirname, 'relay.ts'), socketOf(scratch), url]);
  }
  const forwardAll = ['open', 'close', 'exec', 'fork', 'exit'].map((action) => ({
    name: `forward-${action}`,
    on: [`notify.${action}`],
    conditions: { all: [{ fact: 'event', path: '$.action', operator: 'equal', value: action }] },
    event: { type: 'forward' },
  }));
  const own = writeRules(scratch, subject === 'shipped' ? forwardAll : [...notifyRules(), ...forwardAll]);
  const paths = subject === 'shipped' ? [own, join(import.meta.dirname, '../rules/linux')] : [own];
  const more = { rules: { paths, platform: 'linux' as const } };
  const config = agentConfig(scratch, { rules: own, nats: url, more });
  return startAgent(cleanup, config, { args: ['--until-end'], wait: false });
}

/** The mix of the authorization benchmark, for the events of this one. */
function notifyRules(): unknown[] {
  return realisticRules(RULES, { staticallyDenied: '/nowhere' }).map((rule) => ({
    ...(rule as object),
    on: ['notify.open'],
    event: { type: 'tag' },
    tags: ['seen'],
  }));
}

/** Samples the process until it ends; the last values before its end count. */
function watchUsage(running: Running): () => { rssMiB: number; cpuSeconds: number } {
  let rssMiB = 0;
  let cpuSeconds = 0;
  const timer = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${running.pid}/status`, 'utf8');
      rssMiB = Math.max(rssMiB, Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
      const stat = readFileSync(`/proc/${running.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      cpuSeconds = Math.max(cpuSeconds, (Number(stat[11] ?? 0) + Number(stat[12] ?? 0)) / 100);
    } catch {
      // It has ended.
    }
  }, 100);
  return () => {
    clearInterval(timer);
    return { rssMiB, cpuSeconds };
  };
}

/** What stands in the stream: the rate by the server's clock, and each event's sequence once. */
async function readStream(
  nats: NatsConnection,
  events: number,
): Promise<Omit<Round, 'rssMiB' | 'cpuSeconds'>> {
  const manager = await jetstreamManager(nats);
  const { state } = await manager.streams.info(STREAM);
  const seconds = (Date.parse(String(state.last_ts)) - Date.parse(String(state.first_ts))) / 1000;
  // The bridge's own events (a takeover, an interval without an agent) have numbers, too.
  const seen = new Uint8Array(events + 1024);
  let doubled = 0;
  let firstBatch = 0;
  const consumer = await jetstream(nats).consumers.get(STREAM);
  const messages = await consumer.consume({ max_messages: 500 });
  let left = state.messages;
  for await (const message of messages) {
    const batch = picket.v1.EventBatch.decode(message.data);
    if (firstBatch === 0) firstBatch = batch.count;
    const list =
      batch.compression === picket.v1.Compression.COMPRESSION_ZSTD
        ? zstdDecompressSync(batch.events)
        : batch.events;
    for (const event of picket.v1.EventList.decode(list).events) {
      const sequence = Number(event.sequence);
      if (event.kind === picket.v1.EventKind.EVENT_KIND_PICKET) continue;
      if (seen[sequence] === 1) doubled++;
      seen[sequence] = 1;
    }
    if (--left === 0) break;
  }
  await messages.close();
  const found = seen.reduce((total, one) => total + one, 0);
  return {
    eventsPerSecond: (found - firstBatch) / seconds,
    bytesPerEvent: state.bytes / Math.max(1, found),
    lost: events - found,
    doubled,
  };
}

function row(subject: Subject, events: number, rounds: readonly Round[]): Row {
  const middle = (key: keyof Round): number => median(rounds.map((round) => round[key]));
  return {
    subject: NAMES[subject],
    parameters: { events, rounds: rounds.length },
    metrics: {
      'events/s': middle('eventsPerSecond'),
      'peak RSS MiB': middle('rssMiB'),
      'CPU s per 100,000': (middle('cpuSeconds') * 100_000) / events,
      'stream bytes/event': middle('bytesPerEvent'),
      lost: sum(rounds, 'lost'),
      doubled: sum(rounds, 'doubled'),
    },
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function sum(rounds: readonly Round[], key: keyof Round): number {
  return rounds.reduce((total, round) => total + round[key], 0);
}
