// The real bridge on the real kernel, guarding nothing until an agent's policy names the test's own filesystem.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Cleanup } from './cleanup.ts';
import { type Running, start } from './process.ts';
import type { Scratch } from './scratch.ts';
import { waitFor } from './wait.ts';

export const bridgeProgram = join(import.meta.dirname, '../../../native-bridge/build/picket-bridge');

export interface BridgeOptions {
  /** Further arguments. */
  readonly args?: readonly string[];
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

export async function startBridge(
  cleanup: Cleanup,
  scratch: Scratch,
  options: BridgeOptions = {},
): Promise<Running> {
  const state = options.state ?? join(scratch.folder, 'state');
  mkdirSync(state, { recursive: true });
  mkdirSync(join(scratch.folder, 'bridge'), { recursive: true, mode: 0o750 });
  const socket = socketOf(scratch);
  const backend = options.args?.includes('--backend') === true ? [] : ['--backend', 'linux'];
  const running = start(cleanup, options.program ?? bridgeProgram, [
    ...backend,
    '--socket',
    socket,
    '--state-dir',
    state,
    ...(options.args ?? []),
  ]);
  if (options.expectEnd !== true) {
    await waitFor(`the bridge to listen; it said: ${running.stderr()}`, () => {
      if (running.child.exitCode !== null) throw new Error(`the bridge ended: ${running.stderr()}`);
      return existsSync(socket) && /the bridge is ready/.test(running.stderr());
    });
  }
  return running;
}
