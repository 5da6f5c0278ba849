// One engine in a thread of its own, so that no engine's garbage or machine code is another's; Picket's lane is a worker
// too. It does what the main thread asks for, one thing at a time.

import { parentPort, workerData } from 'node:worker_threads';
import type { RuleSet } from '../../src/rules/schema.ts';
import type { BenchEvent } from './bench-event.ts';
import type { Subject, SubjectMaker } from './subject.ts';
import { SUBJECTS, type SubjectName } from './subjects.ts';

export interface WorkerInput {
  readonly subject: SubjectName;
  readonly ruleSet: RuleSet;
  readonly events: readonly BenchEvent[];
}

export interface Question {
  /** names: of the rules that match. each: what each event takes. mean: what they take in one go, over and over. */
  readonly ask: 'names' | 'each' | 'mean';
  /** The first so many, in order. */
  readonly events: number;
  /** mean: passes are made until they have taken so long. */
  readonly atLeastMs: number;
}

export type Answer =
  | { readonly is: 'ready'; readonly compileCpuMs: number }
  | { readonly is: 'failed'; readonly message: string }
  | { readonly is: 'names'; readonly names: readonly (readonly string[])[] }
  /** By the wall's clock, each by itself; and the processor time of all, the clock's readings included. */
  | { readonly is: 'each'; readonly ns: Float64Array; readonly cpuNs: number }
  /** Processor time of this thread an event: whatever else the machine does is not in it. */
  | { readonly is: 'mean'; readonly cpuNs: number };

const { subject: name, ruleSet, events } = workerData as WorkerInput;
const reply = (answer: Answer): void => parentPort?.postMessage(answer);

try {
  const make: SubjectMaker = await SUBJECTS[name]();
  const before = process.threadCpuUsage();
  const subject = make(ruleSet);
  const compileCpuMs = cpuNs(before) / 1e6;
  const clockNs = events[0] === undefined ? 0 : await clockCost(events[0]);
  parentPort?.on('message', async ({ ask, events: count, atLeastMs }: Question) => {
    const asked = events.slice(0, count);
    if (ask === 'names') reply({ is: 'names', names: await namesOf(subject, asked) });
    else if (ask === 'each') reply({ is: 'each', ...(await timeEach(subject, asked, clockNs)) });
    else reply({ is: 'mean', cpuNs: await timeAll(subject, asked, atLeastMs) });
  });
  reply({ is: 'ready', compileCpuMs });
} catch (error) {
  reply({ is: 'failed', message: error instanceof Error ? error.message : String(error) });
}

/** One after another: a json-rules-engine that runs twice at once skips rules. */
async function namesOf(subject: Subject, asked: readonly BenchEvent[]): Promise<(readonly string[])[]> {
  const names: (readonly string[])[] = [];
  for (const event of asked) names.push(await subject.matches(event));
  return names;
}

async function timeEach(
  subject: Subject,
  asked: readonly BenchEvent[],
  clockNs: number,
): Promise<{ readonly ns: Float64Array; readonly cpuNs: number }> {
  const ns = new Float64Array(asked.length);
  const before = process.threadCpuUsage();
  for (const [index, event] of asked.entries()) {
    const taken = timeOne(subject, event);
    ns[index] = Math.max(0, (typeof taken === 'number' ? taken : await taken) - clockNs);
  }
  return { ns, cpuNs: cpuNs(before) };
}

/** A function of its own, so that it is machine code soon: an interpreted call between the clock's readings is dear. */
function timeOne(subject: Subject, event: BenchEvent): number | Promise<number> {
  const startedAt = performance.now();
  const result = subject.run(event);
  if (typeof result === 'number') return (performance.now() - startedAt) * 1e6;
  return result.then(() => (performance.now() - startedAt) * 1e6);
}

async function timeAll(subject: Subject, asked: readonly BenchEvent[], atLeastMs: number): Promise<number> {
  const before = process.threadCpuUsage();
  let passes = 0;
  do {
    for (const event of asked) {
      const result = subject.run(event);
      if (typeof result !== 'number') await result;
    }
    passes++;
  } while (cpuNs(before) < atLeastMs * 1e6);
  return cpuNs(before) / passes / asked.length;
}

function cpuNs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.threadCpuUsage(since);
  return (user + system) * 1000;
}

/** What is timed of a subject that does nothing: two readings of the clock and a call, some 50 ns. */
async function clockCost(event: BenchEvent): Promise<number> {
  const nothing: Subject = { run: () => 0, matches: () => [] };
  const times = new Float64Array(50_000);
  for (let i = 0; i < times.length; i++) times[i] = await timeOne(nothing, event);
  return times.slice(-10_000).sort()[5_000] ?? 0;
}
