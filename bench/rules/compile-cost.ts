// What a set of 10,000 rules costs to compile and to keep, and what an event leaves behind for the garbage collector. A
// process of its own, run with --expose-gc and a young generation so large that nothing is collected while it is looked at.

import { getHeapStatistics } from 'node:v8';
import type { BenchEvent } from './bench-event.ts';
import { readMix } from './mix.ts';
import { picketFromBytes, picketFromObjects } from './picket.ts';
import type { Subject } from './subject.ts';

export interface CompileCost {
  /** Cold: the first rule set of the process. */
  readonly compileMs: number;
  readonly compileCpuMs: number;
  /** What remains after the compilation, and when every event has been seen: patterns are compiled at first use. */
  readonly heapMiB: number;
  readonly heapInUseMiB: number;
  readonly bytesPerEvent: number;
  readonly bytesPerEventOfObjects: number;
}

const RULES = 10_000;
const EVENTS = 1_000;
const PASSES = 20;
const MIB = 2 ** 20;

const mix = readMix();
const ruleSet = mix.rules(RULES);
const events = mix.events(EVENTS, RULES);
const collect = (globalThis as { gc?: () => void }).gc;
if (collect === undefined) throw new Error('run with --expose-gc');

const before = heapAfterCollection();
const cpuBefore = process.threadCpuUsage();
const startedAt = performance.now();
const picket = picketFromBytes(ruleSet);
const compileMs = performance.now() - startedAt;
const cpu = process.threadCpuUsage(cpuBefore);
const compiled = heapAfterCollection();
runAll(picket, events, 1);
const inUse = heapAfterCollection();
const objects = picketFromObjects(ruleSet);
const cost: CompileCost = {
  compileMs,
  compileCpuMs: (cpu.user + cpu.system) / 1000,
  heapMiB: (compiled - before) / MIB,
  heapInUseMiB: (inUse - before) / MIB,
  bytesPerEvent: bytesPerEvent(picket),
  bytesPerEventOfObjects: bytesPerEvent(objects),
};
console.log(JSON.stringify(cost));

function heapAfterCollection(): number {
  collect?.();
  collect?.();
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}

function bytesPerEvent(subject: Subject): number {
  runAll(subject, events, 5);
  collect?.();
  const used = getHeapStatistics().used_heap_size;
  runAll(subject, events, PASSES);
  return Math.max(0, getHeapStatistics().used_heap_size - used) / (EVENTS * PASSES);
}

function runAll(subject: Subject, some: readonly BenchEvent[], passes: number): void {
  for (let pass = 0; pass < passes; pass++) for (const event of some) subject.run(event);
}
