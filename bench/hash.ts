// What an open() waits whose verdict depends on the file's hash: where no rule needs it, where it is known by a lease, and
// where it has to be computed, by the opener's own clock. The files are in memory: a disk would add what it takes to read.
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { agentConfig, startAgent } from '../test/system/harness/agent.ts';
import { startBridge } from '../test/system/harness/bridge.ts';
import { Cleanup } from '../test/system/harness/cleanup.ts';
import { readOpenerLog, startOpener } from '../test/system/harness/opener.ts';
import { makeScratch, type Scratch } from '../test/system/harness/scratch.ts';
import { emptyLatency, type Latency, percentileUs, record } from './latency.ts';
import { makeReport, type Report, type Row } from './report.ts';

const MIB = 1024 * 1024;
const LISTED = 100_000;

interface Files {
  readonly mib: number;
  readonly count: number;
}

const SIZES: readonly Files[] = [
  { mib: 1, count: 40 },
  { mib: 50, count: 8 },
];

interface Subject {
  readonly name: string;
  readonly files: Files;
  /** Without the number. */
  readonly path: string;
  /** Whether what is known of the files is forgotten before each round. */
  readonly isForgotten: boolean;
  readonly latency: Latency;
}

export async function benchHash(quick: boolean): Promise<Report> {
  const cleanup = new Cleanup();
  const rounds = quick ? 5 : 20;
  try {
    const scratch = makeScratch(cleanup, 'ext4', 1_200);
    const subjects = SIZES.flatMap((files) => subjectsOf(scratch, files));
    await startBridge(cleanup, scratch);
    await startAgent(cleanup, agentConfig(scratch, { rules: writeHashRules(scratch) }));
    for (let round = 0; round < rounds; round++) {
      for (const subject of subjects) await openAll(cleanup, scratch, subject, round);
    }
    return makeReport('hash', subjects.map(row), ratios(subjects), [
      `one opener, closed loop, ${rounds} rounds over all files; a deny rule on a list of ${LISTED.toLocaleString('en')} hashes`,
      'to forget what is known of a file, it is opened for writing before the round',
    ]);
  } finally {
    await cleanup.run();
  }
}

function subjectsOf(scratch: Scratch, files: Files): Subject[] {
  const make = (name: string, folder: string, isForgotten: boolean): Subject => ({
    name: `${files.mib} MiB, ${name}`,
    files,
    path: join(scratch.mount, folder, `${files.mib}-`),
    isForgotten,
    latency: emptyLatency(),
  });
  for (const folder of ['plain', 'hashed']) {
    mkdirSync(join(scratch.mount, folder), { recursive: true });
    for (let number = 0; number < files.count; number += 1)
      writeFileSync(
        join(scratch.mount, folder, `${files.mib}-${number}`),
        Buffer.alloc(files.mib * MIB, number),
      );
  }
  return [
    make('no rule needs the hash', 'plain', false),
    make('computed', 'hashed', true),
    make('known', 'hashed', false),
  ];
}

function writeHashRules(scratch: Scratch): string {
  const folder = join(scratch.folder, 'rules');
  mkdirSync(folder);
  const hashes = Array.from({ length: LISTED }, (_, number) => number.toString(16).padStart(64, '0'));
  writeFileSync(join(folder, 'unwanted.txt'), hashes.join('\n'));
  const conditions = {
    all: [
      { fact: 'file', path: '$.path', operator: 'startsWith', value: join(scratch.mount, 'hashed/') },
      { fact: 'file', path: '$.hash.sha256', operator: 'in', value: { list: 'unwanted' } },
    ],
  };
  const rule = {
    name: 'unwanted',
    on: ['auth.open'],
    platforms: ['linux'],
    conditions,
    event: { type: 'deny' },
  };
  const lists = { unwanted: { type: 'sha256', file: 'unwanted.txt' } };
  writeFileSync(join(folder, 'rules.yaml'), JSON.stringify({ lists, rules: [rule] }));
  return folder;
}

async function openAll(cleanup: Cleanup, scratch: Scratch, subject: Subject, round: number): Promise<void> {
  const { files, path, isForgotten, latency } = subject;
  if (isForgotten)
    for (let number = 0; number < files.count; number += 1) closeSync(openSync(`${path}${number}`, 'r+'));
  const log = join(scratch.folder, `${subject.name.replaceAll(/\W+/g, '-')}-${round}.log`);
  const { count } = files;
  await startOpener(cleanup, { paths: [path], numbered: count, count, log }).report();
  const calls = readOpenerLog(log);
  const wrong = calls.find(({ error }) => error !== 0);
  if (wrong) throw new Error(`${subject.name}: an open ended with errno ${wrong.error}`);
  record(latency, calls, 0);
}

function row({ name, files, latency: { call } }: Subject): Row {
  return {
    subject: name,
    parameters: { mib: files.mib },
    metrics: {
      'p50 us': percentileUs(call, 50),
      'p90 us': percentileUs(call, 90),
      'max us': percentileUs(call, 100),
      calls: call.totalCount,
    },
  };
}

function ratios(subjects: readonly Subject[]): Record<string, number> {
  const p50 = (subject: Subject | undefined): number =>
    subject === undefined ? Number.NaN : percentileUs(subject.latency.call, 50);
  return Object.fromEntries(
    SIZES.flatMap(({ mib }, size) => {
      const [without, computed, known] = subjects.slice(3 * size, 3 * size + 3);
      return [
        [`known_over_unhashed_${mib}_mib`, p50(known) / p50(without)],
        [`computed_mb_per_s_${mib}_mib`, (mib * MIB) / (p50(computed) - p50(known))],
      ];
    }),
  );
}
