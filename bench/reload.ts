// What a request waits while rules are loaded again: a C program asks the auth lane without a pause, one request after
// another, while the next rule set is compiled and warmed in a fresh worker, and when that takes over.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { startLane } from '../src/auth/lane.ts';
import { buildPeer, makeFifos, realisticSet, requestFrames } from './lane-peer.ts';
import { quantile } from './quantile.ts';
import { makeReport, type Report, type Row } from './report.ts';

const sizes = [10, 1_000, 10_000];
const phase = { steady: 0, preparing: 1 } as const;
/** Between reloads. */
const restMs = 200;

export async function benchReload(quick: boolean): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'picket-bench-reload-'));
  try {
    const peer = buildPeer(folder);
    const frames = join(folder, 'frames');
    writeFileSync(frames, Buffer.concat(requestFrames(3_000, 1)));
    const rows: Row[] = [];
    for (const rules of sizes) {
      rows.push(await reloads(folder, peer, frames, rules, quick ? 5 : 30));
      process.stderr.write(`${rules} rules\n`);
    }
    return makeReport('reload', rows, {}, [
      'pause: from PolicySwitch until the first request behind it is answered; one request is under way at a time',
      'preparing: round trips while the next set is compiled and warmed on another thread',
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function reloads(
  folder: string,
  peer: string,
  frames: string,
  rules: number,
  count: number,
): Promise<Row> {
  const { requests, verdicts } = makeFifos(folder, String(rules));
  const silent = (): void => undefined;
  const asks = spawn(peer, ['reload', requests, verdicts, frames]);
  asks.stderr.pipe(process.stderr);
  const lines = createInterface(asks.stdout);
  const ruleSet = realisticSet(rules);
  const lane = startLane({
    requestFifo: requests,
    verdictFifo: verdicts,
    ruleSet,
    platform: 'linux',
    epoch: 1,
    log: { debug: silent, info: silent, warn: silent },
  });
  await lane.ready;
  const switchedUs: number[] = [];
  const pausesUs: number[] = [];
  const prepareMs: number[] = [];
  for (let epoch = 2; epoch < 2 + count; epoch += 1) {
    await new Promise((resolve) => setTimeout(resolve, restMs));
    tell(asks, `phase ${phase.preparing}`);
    const since = performance.now();
    await lane.prepare(ruleSet, epoch);
    prepareMs.push(performance.now() - since);
    tell(asks, `phase ${phase.steady}`);
    const { switched, answered } = await switchTo(asks, lines, epoch);
    switchedUs.push(switched);
    pausesUs.push(answered);
  }
  const times = timesByPhase(lines);
  asks.stdin.end();
  await once(asks, 'exit');
  await lane.ended;
  const { steady, preparing } = await times;
  return {
    subject: `${rules.toLocaleString('en')} rules`,
    parameters: { rules, reloads: count },
    metrics: {
      'Switched p50 us': quantile(switchedUs, 0.5),
      'pause p50 us': quantile(pausesUs, 0.5),
      'pause longest us': quantile(pausesUs, 1),
      'prepare p50 ms': quantile(prepareMs, 0.5),
      'steady p50 us': quantile(steady, 0.5) / 1_000,
      'steady p99 us': quantile(steady, 0.99) / 1_000,
      'preparing p50 us': quantile(preparing, 0.5) / 1_000,
      'preparing p99 us': quantile(preparing, 0.99) / 1_000,
      'preparing longest us': quantile(preparing, 1) / 1_000,
    },
  };
}

function tell(asks: ChildProcessWithoutNullStreams, command: string): void {
  asks.stdin.write(`${command}\n`);
}

/** Microseconds until Switched came, and until the first request of the epoch was answered. */
async function switchTo(
  asks: ChildProcessWithoutNullStreams,
  lines: Interface,
  epoch: number,
): Promise<{ readonly switched: number; readonly answered: number }> {
  const line = once(lines, 'line');
  tell(asks, `switch ${epoch}`);
  const [text] = (await line) as [string];
  const [, switched, answered] = /^switched (\d+) (\d+)$/.exec(text) ?? [];
  if (answered === undefined) throw new Error(`the asking program said ${text}`);
  return { switched: Number(switched) / 1_000, answered: Number(answered) / 1_000 };
}

async function timesByPhase(lines: Interface): Promise<{ steady: number[]; preparing: number[] }> {
  const steady: number[] = [];
  const preparing: number[] = [];
  for await (const line of lines) {
    const [at, ns] = line.split(' ').map(Number);
    (at === phase.preparing ? preparing : steady).push(ns ?? Number.NaN);
  }
  return { steady, preparing };
}
