// The auth lane alone, asked over its FIFOs by a C program, one request after another: what a request allocates and costs,
// how long garbage collection stops it, and whether its first requests meet warm code.
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startLane } from '../src/auth/lane.ts';
import type { RuleSet } from '../src/rules/schema.ts';
import { buildPeer, type Fifos, makeFifos, realisticSet, requestFrames } from './lane-peer.ts';
import type { Probed } from './lane-probe.ts';
import { quantile } from './quantile.ts';
import { makeReport, type Report, type Row } from './report.ts';

const run = promisify(execFile);
const probe = join(import.meta.dirname, 'lane-probe.ts');

interface Subject {
  readonly name: string;
  readonly rules: number;
  readonly shadow: number;
}

const subjects: readonly Subject[] = [
  { name: '10 rules', rules: 10, shadow: 0 },
  { name: '1,000 rules', rules: 1_000, shadow: 0 },
  { name: '10,000 rules', rules: 10_000, shadow: 0 },
  { name: '1,000 rules, as many in shadow', rules: 1_000, shadow: 1_000 },
];

/** What is fewer than this is the beginning. */
const firstRequests = 1_000;
const laterRequests = 20_000;

export async function benchLane(quick: boolean): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'picket-bench-lane-'));
  try {
    const peer = buildPeer(folder);
    const frames = join(folder, 'frames');
    writeFileSync(frames, Buffer.concat(requestFrames(3_000, 1)));
    const count = quick ? 100_000 : 1_000_000;
    const rows: Row[] = [];
    for (const [index, subject] of subjects.entries()) {
      const { rules, shadow } = subject;
      const probed = (name: string, flags: readonly string[]): Promise<Probed> =>
        probeOnce(peer, frames, makeFifos(folder, `${name}-${index}`), count, subject, flags);
      // Bytes are counted where nothing is collected meanwhile, collections as they come.
      const still = await probed('still', ['--min-semi-space-size=1024', '--max-semi-space-size=1024']);
      const usual = await probed('usual', []);
      const starts = await startsOf(peer, frames, folder, subject, quick ? 3 : 10);
      rows.push({
        subject: subject.name,
        parameters: { rules, shadow, requests: count },
        metrics: {
          'bytes/request': still.bytesPerRequest,
          'user us/request': usual.userUsPerRequest,
          'cpu us/request': usual.cpuUsPerRequest,
          'decide p50 us': usual.decideP50Ns / 1_000,
          'decide p99 us': usual.decideP99Ns / 1_000,
          collections: usual.collections,
          'longest pause ms': usual.longestPauseMs,
          ...starts,
        },
      });
      process.stderr.write(`${subject.name}\n`);
    }
    const ratios = Object.fromEntries(
      rows.map(({ subject, metrics }) => [
        `first 1,000 p99 / later p99, ${subject}`,
        (metrics['first p99 us'] ?? Number.NaN) / (metrics['later p99 us'] ?? Number.NaN),
      ]),
    );
    return makeReport('lane', rows, ratios, [
      "bytes, times and collections: the lane's own steps in a process of their own; 55 bytes are Node's writeSync",
      'first and later: round trips of the first 1,000 requests of a lane that has just started, and of the next 20,000',
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function probeOnce(
  peer: string,
  frames: string,
  { requests, verdicts }: Fifos,
  count: number,
  { rules, shadow }: Subject,
  flags: readonly string[],
): Promise<Probed> {
  const asks = spawn(peer, ['ask', requests, verdicts, frames, String(count)], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  asks.stdin.end('go\n');
  const args = [...flags, probe, requests, verdicts, String(count), String(rules), String(shadow)];
  const { stdout } = await run(process.execPath, args);
  return JSON.parse(stdout) as Probed;
}

/** Of several lanes, each with its own beginning; percentiles over all of them. */
async function startsOf(
  peer: string,
  frames: string,
  folder: string,
  { name, rules }: Subject,
  lanes: number,
): Promise<Record<string, number>> {
  const first: number[] = [];
  const later: number[] = [];
  const ruleSet = realisticSet(rules);
  for (let round = 0; round < lanes; round += 1) {
    const fifos = makeFifos(folder, `${name.replaceAll(/\W/g, '')}-${round}`);
    const times = await askNewLane(peer, frames, fifos, ruleSet);
    first.push(...times.slice(0, firstRequests));
    later.push(...times.slice(firstRequests));
  }
  return {
    'first p50 us': quantile(first, 0.5) / 1_000,
    'first p99 us': quantile(first, 0.99) / 1_000,
    'first longest us': quantile(first, 1) / 1_000,
    'later p50 us': quantile(later, 0.5) / 1_000,
    'later p99 us': quantile(later, 0.99) / 1_000,
  };
}

/** Nanoseconds of each round trip, from the very first. */
async function askNewLane(peer: string, frames: string, fifos: Fifos, ruleSet: RuleSet): Promise<number[]> {
  const { requests, verdicts } = fifos;
  const count = String(firstRequests + laterRequests);
  const asks = spawn(peer, ['ask', requests, verdicts, frames, count], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const silent = (): void => undefined;
  const lane = startLane({
    requestFifo: requests,
    verdictFifo: verdicts,
    ruleSet,
    platform: 'linux',
    epoch: 1,
    log: { debug: silent, info: silent, warn: silent },
  });
  await lane.ready;
  asks.stdin.end('go\n');
  const chunks: Buffer[] = [];
  for await (const chunk of asks.stdout) chunks.push(chunk);
  await lane.ended;
  return Buffer.concat(chunks).toString('latin1').trim().split('\n').map(Number);
}
