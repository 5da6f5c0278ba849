// A part of the demo that runs as a process of its own: nats-server, the bridge, the agent. Its words go to a file,
// and it is ended in any case.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Undo } from './undo.ts';

const POLL_MS = 10;
const TERM_BOUND_MS = 20_000;
const KILL_BOUND_MS = 4_000;

export class DemoPartError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DemoPartError';
  }
}

export interface Part {
  readonly name: string;
  readonly pid: number;
  /** The exit code or signal once it has ended. */
  ended(): number | NodeJS.Signals | undefined;
  log(): string;
  stop(): Promise<number | NodeJS.Signals>;
}

export interface PartOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly logFile: string;
  readonly env?: NodeJS.ProcessEnv;
}

export async function startPart(undo: Undo, options: PartOptions): Promise<Part> {
  const log = openSync(options.logFile, 'a');
  // A process group of its own: Ctrl-C reaches the demo alone, which then ends the parts in their order; and a last
  // SIGKILL reaches a part's own children too.
  const child = spawn(options.command, options.args, {
    stdio: ['ignore', log, log],
    detached: true,
    env: options.env ?? process.env,
  });
  closeSync(log);
  const state: { end: number | NodeJS.Signals | undefined } = { end: undefined };
  child.once('exit', (code, signal) => {
    state.end = code ?? signal ?? 0;
  });
  await started(child, options);
  const pid = child.pid ?? 0;
  const part: Part = {
    name: options.name,
    pid,
    ended: () => state.end,
    log: () => readFileSync(options.logFile, 'utf8'),
    async stop() {
      signalPart(child, 'SIGTERM');
      if (!(await hasEnded(state, TERM_BOUND_MS))) signalGroup(pid, 'SIGKILL');
      if (!(await hasEnded(state, KILL_BOUND_MS))) {
        throw new DemoPartError(`${options.name} (pid ${pid}) does not end, not even by SIGKILL`);
      }
      signalGroup(pid, 'SIGKILL');
      return state.end ?? 0;
    },
  };
  undo.add(`ending ${options.name}`, async () => {
    await part.stop();
  });
  return part;
}

/** Waits until `probe` gives a value; fails with the part's own last words when it ends or takes too long. */
export async function waitForPart<T>(
  part: Part,
  what: string,
  signal: AbortSignal,
  probe: () => T | undefined | Promise<T | undefined>,
  boundMs = 45_000,
): Promise<T> {
  const deadline = performance.now() + boundMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (part.ended() !== undefined) {
      throw new DemoPartError(`${part.name} ended (${part.ended()}) before ${what}:\n${lastWords(part)}`);
    }
    if (performance.now() > deadline) {
      throw new DemoPartError(`waited ${boundMs / 1_000} s for ${part.name}: ${what}:\n${lastWords(part)}`);
    }
    await delay(POLL_MS, undefined, { signal });
  }
}

function lastWords(part: Part): string {
  return part
    .log()
    .trimEnd()
    .split('\n')
    .slice(-12)
    .map((line) => `    ${line}`)
    .join('\n');
}

async function started(child: ChildProcess, options: PartOptions): Promise<void> {
  try {
    await once(child, 'spawn');
  } catch (cause) {
    throw new DemoPartError(`${options.name} does not start: ${options.command}`, { cause });
  }
}

async function hasEnded(state: { readonly end: unknown }, boundMs: number): Promise<boolean> {
  const deadline = performance.now() + boundMs;
  while (state.end === undefined && performance.now() < deadline) await delay(POLL_MS);
  return state.end !== undefined;
}

function signalPart(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.exitCode === null && child.signalCode === null) child.kill(signal);
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
