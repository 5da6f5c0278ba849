// Whole workloads on an ext2 image: a compile, an installation of packages from local archives, a source tree unpacked and
// read; unwatched, with Picket's shipped rules, with fapolicyd. Rounds alternate, and each begins with nothing there.
import { join } from 'node:path';
import { type Archives, makeJobs, packArchives } from '../../test/soak/churn.ts';
import { agentConfig, startAgent } from '../../test/system/harness/agent.ts';
import { startBridge } from '../../test/system/harness/bridge.ts';
import type { Cleanup } from '../../test/system/harness/cleanup.ts';
import { makeScratch, type Scratch } from '../../test/system/harness/scratch.ts';
import type { Row } from '../report.ts';
import { startFapolicyd } from './fapolicyd.ts';
import { SHIPPED_BUDGETS } from './subject.ts';

const IMAGE_MIB = 1024;

interface Place {
  readonly guard: string;
  readonly scratch: Scratch;
}

export interface Workloads {
  readonly rows: readonly Row[];
  readonly notes: readonly string[];
}

export async function measureWorkloads(cleanup: Cleanup, rounds: number): Promise<Workloads> {
  const unwatched = makeScratch(cleanup, 'ext2', IMAGE_MIB);
  const archives = await packArchives(join(unwatched.folder, 'archives'));
  const places: Place[] = [{ guard: 'unwatched', scratch: unwatched }];
  const notes: string[] = [];
  places.push({ guard: "Picket's shipped rules", scratch: await picket(cleanup) });
  const rival = makeScratch(cleanup, 'ext2', IMAGE_MIB);
  const missing = await startFapolicyd(cleanup, rival);
  if (missing === undefined) places.push({ guard: 'fapolicyd', scratch: rival });
  else notes.push(`workloads: no fapolicyd here: ${missing}`);

  const seconds = new Map<string, number[]>();
  // Not counted: what is read for the first time comes from the disk.
  await runJobs({ guard: 'unwatched', scratch: unwatched }, archives, new Map());
  for (let round = 0; round < rounds; round++) {
    for (const place of places) await runJobs(place, archives, seconds);
    process.stderr.write(`workloads: round ${round + 1} of ${rounds}\n`);
  }
  const rows = [...seconds].map(([subject, taken]): Row => {
    const job = subject.split(', ')[0] ?? '';
    const plain = median(seconds.get(`${job}, unwatched`) ?? []);
    const metrics = { 'median s': median(taken), 'over unwatched': median(taken) / plain };
    return { subject, parameters: { rounds }, metrics };
  });
  rows.sort((a, b) => a.subject.localeCompare(b.subject));
  return { rows, notes };
}

async function runJobs(
  { guard, scratch }: Place,
  archives: Archives,
  seconds: Map<string, number[]>,
): Promise<void> {
  for (const job of makeJobs(archives, scratch.mount)) {
    const began = performance.now();
    await job.round();
    const subject = `${job.name}, ${guard}`;
    seconds.set(subject, [...(seconds.get(subject) ?? []), (performance.now() - began) / 1_000]);
  }
}

async function picket(cleanup: Cleanup): Promise<Scratch> {
  const scratch = makeScratch(cleanup, 'ext2', IMAGE_MIB);
  await startBridge(cleanup, scratch);
  const rules = join(import.meta.dirname, '../../rules/linux');
  await startAgent(cleanup, agentConfig(scratch, { rules, more: SHIPPED_BUDGETS }));
  return scratch;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle) - 1] ?? 0)) / 2;
}
