// What is measured: a file on an image of its own, and who is asked about it. Each has a daemon of its own, and all run for the
// whole time.
import { join } from 'node:path';
import type { ConfigInput } from '../../src/config/schema.ts';
import { askBridge } from '../../src/control/ask-bridge.ts';
import { agentConfig, startAgent, writeRules } from '../../test/system/harness/agent.ts';
import { socketOf, startBridge } from '../../test/system/harness/bridge.ts';
import type { Cleanup } from '../../test/system/harness/cleanup.ts';
import { start } from '../../test/system/harness/process.ts';
import { makeScratch, type Scratch } from '../../test/system/harness/scratch.ts';
import { waitFor } from '../../test/system/harness/wait.ts';
import { emptyLatency, type Latency } from '../latency.ts';
import { realisticRules } from '../rule-sets.ts';
import { type Flow, startBusyAgent } from './busy-main.ts';
import { startFapolicyd } from './fapolicyd.ts';

/** Of a configuration that says nothing of them: what is missed here would be missed there. */
export const SHIPPED_BUDGETS: ConfigInput = {
  guard: { new_mounts: 'ignore', max_wait_ms: { open: 100, exec: 500 } },
};

/** Threads that open one file, each as soon as it was answered. */
export interface Crowd {
  readonly latency: Latency;
  calls: number;
  seconds: number;
}

export interface Subject {
  readonly name: string;
  readonly parameters: Record<string, string | number>;
  readonly scratch: Scratch;
  /** What is opened. */
  readonly path: string;
  /** errno that each open must end with; another one is an error of the measurement. */
  readonly error: number;
  /** What is executed, where that is measured. */
  readonly program: string | undefined;
  readonly isCrowded: boolean;
  /** Wraps what is measured. */
  readonly flow: Flow | undefined;
  readonly opens: Latency;
  readonly execs: Latency;
  readonly crowds: Map<number, Crowd>;
  late: number;
}

interface Traits {
  readonly parameters?: Record<string, string | number>;
  readonly path?: string;
  readonly error?: number;
  readonly executes?: boolean;
  readonly isCrowded?: boolean;
  readonly flow?: Flow;
}

function subject(name: string, scratch: Scratch, traits: Traits = {}): Subject {
  return {
    name,
    parameters: traits.parameters ?? {},
    scratch,
    path: traits.path ?? scratch.file('allowed'),
    error: traits.error ?? 0,
    program: traits.executes === true ? scratch.program('program') : undefined,
    isCrowded: traits.isCrowded ?? true,
    flow: traits.flow,
    opens: emptyLatency(),
    execs: emptyLatency(),
    crowds: new Map(),
    late: 0,
  };
}

export function unwatched(cleanup: Cleanup, name: string): Subject {
  return subject(name, makeScratch(cleanup, 'ext2'), { executes: true });
}

export async function cDaemon(cleanup: Cleanup, name: string): Promise<Subject> {
  const scratch = makeScratch(cleanup, 'ext2');
  const program = join(import.meta.dirname, '../../test/native/build/allow_at_once');
  const daemon = start(cleanup, program, [scratch.mount]);
  await waitFor('the C daemon to be ready', () => daemon.stdout().includes('ready'));
  return subject(name, scratch, { executes: true });
}

/** Or why there is none. */
export async function fapolicyd(cleanup: Cleanup): Promise<Subject | string> {
  const scratch = makeScratch(cleanup, 'ext2');
  const missing = await startFapolicyd(cleanup, scratch);
  return missing ?? subject('fapolicyd, one rule', scratch, { executes: true });
}

const leaf = (path: string, operator: string, value: unknown): object => ({
  fact: 'file',
  path,
  operator,
  value,
});
const denyOpen = (name: string, ...all: object[]): object => ({
  name,
  on: ['auth.open'],
  conditions: { all },
  event: { type: 'deny' },
});

/** Rules that read content alone, on a filesystem that grants leases: what is allowed may stay in the kernel's cache. */
export async function kernelCache(cleanup: Cleanup): Promise<Subject> {
  const scratch = makeScratch(cleanup, 'ext4');
  await startPicket(cleanup, scratch, [denyOpen('by-size', leaf('$.size', 'equal', 999_999))]);
  return subject("picket, the kernel's cache", scratch);
}

export async function staticDeny(cleanup: Cleanup): Promise<Subject> {
  const scratch = makeScratch(cleanup, 'ext2');
  const path = scratch.file('static-denied'); // while it may still be opened
  await startPicket(cleanup, scratch, mix(scratch, 10));
  return subject('picket, static deny', scratch, { path, error: 1 });
}

export async function agentOf(cleanup: Cleanup, rules: number): Promise<Subject> {
  const scratch = makeScratch(cleanup, 'ext2');
  await startPicket(cleanup, scratch, mix(scratch, rules));
  const parameters = { rules };
  return subject(`picket, agent, ${rules} rules`, scratch, { parameters, executes: true });
}

/** The same agent twice: while nothing else is to be done on its main thread, and while events flow through it. */
export async function agentWithFlow(
  cleanup: Cleanup,
  rules: number,
  seconds: number,
): Promise<readonly [Subject, Subject]> {
  const scratch = makeScratch(cleanup, 'ext2');
  await startBridge(cleanup, scratch);
  const config = configOf(scratch, mix(scratch, rules));
  const flow = await startBusyAgent(cleanup, config, makeScratch(cleanup), seconds);
  const traits = { parameters: { rules }, isCrowded: false };
  return [
    subject(`picket, agent, ${rules} rules, main thread idle`, scratch, traits),
    subject(`picket, agent, ${rules} rules, main thread busy`, scratch, { ...traits, flow }),
  ];
}

/** What can't be compiled: json-rules-engine judges it, on the main thread. */
export async function slowLane(cleanup: Cleanup): Promise<Subject> {
  const scratch = makeScratch(cleanup, 'ext2');
  const never = { fact: 'process', path: '$.args[?(@.length > 9000)]', operator: 'exists', value: true };
  await startPicket(cleanup, scratch, [denyOpen('slowly', leaf('$.name', 'equal', 'allowed'), never)]);
  return subject('picket, slow lane', scratch, { isCrowded: false });
}

function mix(scratch: Scratch, rules: number): unknown[] {
  return realisticRules(rules, { staticallyDenied: join(scratch.mount, 'static-denied') });
}

function configOf(scratch: Scratch, rules: readonly unknown[]): string {
  return agentConfig(scratch, { rules: writeRules(scratch, rules), more: SHIPPED_BUDGETS });
}

async function startPicket(cleanup: Cleanup, scratch: Scratch, rules: readonly unknown[]): Promise<void> {
  await startBridge(cleanup, scratch);
  await startAgent(cleanup, configOf(scratch, rules));
}

/** Of opens, by the bridge's own count: who answered how many. */
export async function answersOf({ scratch }: Subject): Promise<ReadonlyMap<string, number>> {
  const { outcomes } = await askBridge({ socketPath: socketOf(scratch), command: 'status' });
  const answers = new Map<string, number>();
  for (const { by, count } of outcomes?.actions.find(({ action }) => action === 'open')?.answers ?? [])
    answers.set(by, (answers.get(by) ?? 0) + count);
  return answers;
}
