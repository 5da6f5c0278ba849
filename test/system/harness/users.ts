// Users that no machine knows by name, and commands that run as them with the rights that a test gives them.
import { spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { dirname } from 'node:path';
import { nodeProgram, picketProgram } from './agent.ts';
import type { Scratch } from './scratch.ts';

export const AGENT = 61_234;
export const STRANGER = 61_235;

export interface Rights {
  readonly group?: number;
  /** As systemd's AmbientCapabilities; without them it has none. */
  readonly capabilities?: readonly string[];
}

const nameOf = (capability: string): string => `+${capability.toLowerCase().replace(/^cap_/, '')}`;

/** A command before another one: the other runs as this user. */
export function as(user: number, { group = user, capabilities = [] }: Rights = {}): readonly string[] {
  const wanted = capabilities.map(nameOf).join(',');
  const ambient = wanted === '' ? [] : ['--inh-caps', wanted, '--ambient-caps', wanted];
  return ['setpriv', '--reuid', String(user), '--regid', String(group), '--clear-groups', ...ambient];
}

/** A command before another one: root, but of its rights only these. */
export function withOnly(capabilities: readonly string[]): readonly string[] {
  return ['setpriv', '--bounding-set', ['-all', ...capabilities.map(nameOf)].join(',')];
}

export function run(command: readonly string[]): { status: number | null; out: string; err: string } {
  const [program = '', ...args] = command;
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000 });
  return { status, out: stdout, err: stderr };
}

/** Lets other users to the test's files; an agent of theirs needs this checkout, too. */
export function openToOthers(scratch: Scratch): void {
  chmodSync(dirname(scratch.folder), 0o711);
  for (const path of [nodeProgram, picketProgram]) {
    if (run([...as(AGENT), 'test', '-r', path]).status !== 0)
      throw new Error(`${path} can't be read by other users: this test needs a checkout that can`);
  }
}
