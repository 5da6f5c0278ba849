// `picket` as a person or a CI calls it, to its end.
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

/** What counts as hung, on a machine with other work. */
const HUNG_MS = 120_000;

export type Ending = Pick<SpawnSyncReturns<string>, 'status' | 'stdout' | 'stderr'>;

export function picketIn(folder: string, ...args: readonly string[]): Ending {
  const options = { cwd: folder, encoding: 'utf8', timeout: HUNG_MS } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], options);
  return { status, stdout, stderr };
}
