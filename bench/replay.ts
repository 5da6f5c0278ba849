// Events/s and memory of `picket replay` over eslogger's lines, with the shipped rules: judged and counted, and printed
// as NDJSON. Beside it, in alternating rounds of the same run, what reads and prints the same lines and does nothing else:
// JSON.parse and JSON.stringify in Node, and `jq -c .` where it is installed. Picket unpacks the file itself; the others get
// the lines unpacked, on a pipe, and that work is not counted as theirs.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress, createZstdDecompress } from 'node:zlib';
import { nodeProgram, picketProgram } from '../test/system/harness/agent.ts';
import { Cleanup } from '../test/system/harness/cleanup.ts';
import { esloggerLine } from './eslogger-load.ts';
import { makeReport, type Report, type Row } from './report.ts';

const LINES_A_CHUNK = 512;
const RULES = join(import.meta.dirname, '../rules/macos');
/** The promise: a million events stay below. */
const RSS_BOUND_MIB = 300;

interface Subject {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Reads the packed file by itself. */
  readonly isOurs: boolean;
  readonly rounds: Round[];
}

interface Round {
  readonly seconds: number;
  readonly rssMiB: number;
  readonly cpuSeconds: number;
}

export async function benchReplay(quick: boolean): Promise<Report> {
  const events = quick ? 100_000 : 1_000_000;
  const rounds = quick ? 3 : 2;
  const cleanup = new Cleanup();
  try {
    const folder = mkdtempSync(join(tmpdir(), 'picket-bench-'));
    cleanup.add(() => rmSync(folder, { recursive: true, force: true }));
    const load = join(folder, 'load.ndjson.zst');
    const bytes = await writeLoad(load, events);
    const subjects = subjectsFor(load);
    for (let round = 0; round < rounds; round++) {
      for (const subject of subjects) subject.rounds.push(await measure(subject, load, cleanup));
      process.stderr.write(`round ${round + 1} of ${rounds}\n`);
    }
    const rows = subjects.map((subject) => row(subject, events));
    const rate = (name: string): number =>
      rows.find(({ subject }) => subject === name)?.metrics['events/s'] ?? 0;
    const worst = Math.max(
      ...ours(subjects).flatMap((subject) => subject.rounds.map(({ rssMiB }) => rssMiB)),
    );
    const ratios: Record<string, number> = {
      ndjson_over_json_lines: rate(NDJSON) / rate(JSON_LINES),
      summary_over_json_lines: rate(SUMMARY) / rate(JSON_LINES),
      ...(rate(JQ) > 0 ? { ndjson_over_jq: rate(NDJSON) / rate(JQ) } : {}),
      peak_rss_over_300_mib: worst / RSS_BOUND_MIB,
    };
    return makeReport('replay', rows, ratios, [
      `${events} events of ${Math.round(bytes / events)} bytes in the mean; medians of ${rounds} rounds, peak of all; output to /dev/null`,
      'Picket unpacks the file, maps to ECS, encodes and judges by the shipped rules; the limits parse and print only',
      ...(rate(JQ) > 0 ? [] : ['jq is not installed: no row for it']),
    ]);
  } finally {
    await cleanup.run();
  }
}

const SUMMARY = 'picket replay, summary';
const NDJSON = 'picket replay, ndjson';
const JSON_LINES = 'JSON.parse + JSON.stringify';
const JQ = 'jq -c .';

function subjectsFor(load: string): Subject[] {
  const replay = (output: string): readonly string[] => [
    picketProgram,
    'replay',
    load,
    '--rules',
    RULES,
    '--output',
    output,
  ];
  const subjects: Subject[] = [
    {
      name: JSON_LINES,
      command: nodeProgram,
      args: [join(import.meta.dirname, 'json-lines.ts')],
      isOurs: false,
      rounds: [],
    },
    { name: SUMMARY, command: nodeProgram, args: replay('summary'), isOurs: true, rounds: [] },
    { name: NDJSON, command: nodeProgram, args: replay('ndjson'), isOurs: true, rounds: [] },
  ];
  if (spawnSync('jq', ['--version']).status === 0)
    subjects.push({ name: JQ, command: 'jq', args: ['-c', '.'], isOurs: false, rounds: [] });
  return subjects;
}

const ours = (subjects: readonly Subject[]): readonly Subject[] => subjects.filter(({ isOurs }) => isOurs);

/** Returns the unpacked size. */
async function writeLoad(file: string, events: number): Promise<number> {
  let bytes = 0;
  function* chunks(): Generator<string> {
    for (let from = 0; from < events; from += LINES_A_CHUNK) {
      const count = Math.min(LINES_A_CHUNK, events - from);
      const text = `${Array.from({ length: count }, (_, at) => esloggerLine(from + at)).join('\n')}\n`;
      bytes += text.length; // ASCII
      yield text;
    }
  }
  await pipeline(
    Readable.from(chunks(), { objectMode: false }),
    createZstdCompress(),
    createWriteStream(file),
  );
  return bytes;
}

async function measure(subject: Subject, load: string, cleanup: Cleanup): Promise<Round> {
  const { command, args, isOurs, name } = subject;
  const started = performance.now();
  const child = spawn(command, args, { stdio: [isOurs ? 'ignore' : 'pipe', 'ignore', 'pipe'] });
  cleanup.add(() => {
    child.kill('SIGKILL');
  });
  let words = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    words += chunk.toString();
  });
  const usage = watchUsage(child);
  const ended = once(child, 'close');
  if (child.stdin !== null) await pipeline(createReadStream(load), createZstdDecompress(), child.stdin);
  const [code] = await ended;
  const seconds = (performance.now() - started) / 1000;
  if (code !== 0) throw new Error(`${name} ended with ${code}: ${words.slice(-2000)}`);
  return { seconds, ...usage() };
}

/** The kernel keeps the peak; it and the CPU time are read until the process ends, at most 50 ms before. */
function watchUsage(child: ChildProcess): () => Omit<Round, 'seconds'> {
  let rssMiB = 0;
  let cpuSeconds = 0;
  const timer = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      rssMiB = Math.max(rssMiB, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
      const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      cpuSeconds = Math.max(cpuSeconds, (Number(stat[11] ?? 0) + Number(stat[12] ?? 0)) / 100);
    } catch {
      // It has ended.
    }
  }, 50);
  return () => {
    clearInterval(timer);
    return { rssMiB, cpuSeconds };
  };
}

function row({ name, rounds }: Subject, events: number): Row {
  const seconds = median(rounds.map((round) => round.seconds));
  return {
    subject: name,
    parameters: { events, rounds: rounds.length },
    metrics: {
      'events/s': events / seconds,
      'peak RSS MiB': Math.max(...rounds.map(({ rssMiB }) => rssMiB)),
      'CPU s per 100,000': (median(rounds.map(({ cpuSeconds }) => cpuSeconds)) * 100_000) / events,
    },
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
