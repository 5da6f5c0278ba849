// The round trip of one auth request over the FIFOs, bridge's side in C: answered by a C program that allows everything
// (the limit) and by the auth lane with no rule, one that denies, and 200 rules. `node bench/lane-round-trip.ts [--quick]`
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, type Histogram } from 'hdr-histogram-js';
import { startLane } from '../src/auth/lane.ts';
import type { RuleSet } from '../src/rules/schema.ts';
import { authEvent, requestFrame } from '../test/auth/frames.ts';
import { rule, ruleSet } from '../test/auth/rule-sets.ts';
import { percentileUs } from './latency.ts';
import { makeReport, printReport, type Row } from './report.ts';

const isQuick = process.argv.includes('--quick');
const rounds = isQuick ? 2 : 5;
const count = isQuick ? 20_000 : 100_000;
/** Of each round, not counted: caches and V8. */
const settling = 5_000;

const folder = mkdtempSync(join(tmpdir(), 'picket-round-trip-'));
const peer = buildPeer();
const frames = join(folder, 'frames');
writeFileSync(frames, Buffer.concat(requestFrames()));

const subjects: Record<string, RuleSet | undefined> = {
  'C program, allows all': undefined,
  'auth lane, no rule': ruleSet(),
  'auth lane, every third denied': ruleSet(pathRule('denied', '/denied/')),
  'auth lane, 200 rules': ruleSet(
    ...Array.from({ length: 200 }, (_, index) => pathRule(`r${index}`, `/r${index}/`)),
  ),
};
const histograms = new Map(Object.keys(subjects).map((subject) => [subject, emptyHistogram()]));
try {
  for (let round = 0; round < rounds; round += 1) {
    for (const [subject, rules] of Object.entries(subjects)) {
      const times = await measure(rules, join(folder, `${round}-${subject.replaceAll(/\W/g, '')}`));
      for (const ns of times.slice(settling)) histograms.get(subject)?.recordValue(ns);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
printReport(report());

async function measure(rules: RuleSet | undefined, pair: string): Promise<number[]> {
  const [requestFifo, verdictFifo] = [`${pair}.requests`, `${pair}.verdicts`];
  execFileSync('/usr/bin/mkfifo', [requestFifo, verdictFifo]);
  const asks = spawn(peer, ['ask', requestFifo, verdictFifo, frames, String(count + settling)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const answers =
    rules === undefined
      ? answerInC(requestFifo, verdictFifo)
      : await answerInLane(rules, requestFifo, verdictFifo);
  asks.stdin.end('go\n');
  const chunks: Buffer[] = [];
  for await (const chunk of asks.stdout) chunks.push(chunk);
  await answers.ended;
  return Buffer.concat(chunks).toString('latin1').trim().split('\n').map(Number);
}

interface Ended {
  readonly ended: Promise<unknown>;
}

function answerInC(requestFifo: string, verdictFifo: string): Ended {
  return { ended: once(spawn(peer, ['answer', requestFifo, verdictFifo], { stdio: 'inherit' }), 'exit') };
}

/** Returns once the lane is ready; the promise inside is that of its end. */
async function answerInLane(rules: RuleSet, requestFifo: string, verdictFifo: string): Promise<Ended> {
  const silent = (): void => undefined;
  const log = { debug: silent, info: silent, warn: silent };
  const lane = startLane({ requestFifo, verdictFifo, ruleSet: rules, platform: 'linux', epoch: 1, log });
  await lane.ready;
  return { ended: lane.ended };
}

function requestFrames(): Buffer[] {
  return Array.from({ length: 3_000 }, (_, index) => {
    const path = index % 3 === 0 ? `/denied/tool-${index}` : `/usr/lib/x86_64-linux-gnu/lib-${index}.so`;
    return requestFrame(BigInt(index) << 20n, 1, authEvent(path));
  });
}

function pathRule(name: string, prefix: string): ReturnType<typeof rule> {
  return rule(name, { all: [{ fact: 'file', path: '$.path', operator: 'startsWith', value: prefix }] });
}

function buildPeer(): string {
  const source = new URL('./native/lane_peer.c', import.meta.url).pathname;
  const program = join(folder, 'lane_peer');
  execFileSync(
    'cc',
    ['-std=c11', '-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-Werror', '-o', program, source],
    {
      stdio: 'inherit',
    },
  );
  return program;
}

function emptyHistogram(): Histogram {
  return build({
    lowestDiscernibleValue: 100,
    highestTrackableValue: 60e9,
    numberOfSignificantValueDigits: 3,
  });
}

function report(): ReturnType<typeof makeReport> {
  const rows: Row[] = [...histograms].map(([subject, times]) => ({
    subject,
    parameters: { rounds, count },
    metrics: {
      'p50 us': percentileUs(times, 50),
      'p90 us': percentileUs(times, 90),
      'p99 us': percentileUs(times, 99),
      'p99.9 us': percentileUs(times, 99.9),
    },
  }));
  const limit = rows[0]?.metrics['p50 us'] ?? Number.NaN;
  const ratios = Object.fromEntries(
    rows
      .slice(1)
      .map(({ subject, metrics }) => [`${subject} / C`, (metrics['p50 us'] ?? Number.NaN) / limit]),
  );
  return makeReport('auth lane, round trip', rows, ratios, [
    'one request at a time, closed loop: latency, not throughput',
  ]);
}
