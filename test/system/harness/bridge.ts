// The real bridge on the real kernel, guarding nothing until an agent's policy names the test's own filesystem.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Cleanup } from './cleanup.ts';
import { type Running, type StartOptions, start, suspend } from './process.ts';
import type { Scratch } from './scratch.ts';
import { waitFor } from './wait.ts';

export const bridgeProgram = join(import.meta.dirname, '../../../native-bridge/build/picket-bridge');

export interface BridgeOptions extends StartOptions {
  /** Further arguments. */
  readonly args?: readonly string[];
  /** A command that runs it, with the arguments before it. */
  readonly under?: readonly string[];
  /** Another copy of it. */
  readonly program?: string;
  /** Where it keeps when it was last alive; a folder beside the mount by default. */
  readonly state?: string;
  /** A bridge that is expected to end by itself at once. */
  readonly expectEnd?: boolean;
}

export function socketOf(scratch: Scratch): string {
  return join(scratch.folder, 'bridge', 'bridge.sock');
}

/** The process that was started is the watchdog; the bridge, which answers, is its child. */
export interface RunningBridge extends Running {
  /** The process that answers now: another one after each start. */
  guardPid(): number;
  /** How often a bridge has come to serve. */
  starts(): number;
  /** Stops both, so that nobody answers and nobody does anything about it. */
  freeze(): Promise<void>;
  thaw(): void;
}

export async function startBridge(
  cleanup: Cleanup,
  scratch: Scratch,
  options: BridgeOptions = {},
): Promise<RunningBridge> {
  const state = options.state ?? join(scratch.folder, 'state');
  mkdirSync(state, { recursive: true });
  const socket = socketOf(scratch);
  const backend = options.args?.includes('--backend') === true ? [] : ['--backend', 'linux'];
  const program = options.program ?? bridgeProgram;
  const [command = program, ...before] = options.under === undefined ? [] : [...options.under, program];
  const running = start(
    cleanup,
    command,
    [...before, ...backend, '--socket', socket, '--state-dir', state, ...(options.args ?? [])],
    options,
  );
  const bridge = withGuard(running);
  if (options.expectEnd !== true) {
    await waitFor(
      () => `the bridge to listen; it said ${running.stderr()}`,
      () => {
        if (running.child.exitCode !== null) throw new Error(`the bridge ended: ${running.stderr()}`);
        return existsSync(socket) && bridge.starts() > 0;
      },
    );
  }
  return bridge;
}

/** Waits until the bridge that took the place of another one serves. */
export async function waitForStart(bridge: RunningBridge, number: number, boundMs?: number): Promise<void> {
  await waitFor(
    () => `start ${number} of the bridge; it said ${bridge.stderr().slice(-3_000)}`,
    () => bridge.starts() >= number,
    boundMs,
  );
}

function withGuard(running: Running): RunningBridge {
  const ready = (): RegExpMatchArray[] => [
    ...running.stderr().matchAll(/msg="the bridge is ready" .*\bpid=(\d+)$/gm),
  ];
  const guardPid = (): number => Number(ready().at(-1)?.[1] ?? Number.NaN);
  return {
    ...running,
    guardPid,
    starts: () => ready().length,
    async freeze() {
      await suspend(running.pid);
      await suspend(guardPid());
    },
    thaw() {
      process.kill(guardPid(), 'SIGCONT');
      running.signal('SIGCONT');
    },
  };
}
