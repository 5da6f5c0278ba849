// One attempt of test/native/intruder, and what it said.
import { spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Who } from './ways.ts';

export const intruderProgram = join(import.meta.dirname, '../../native/build/intruder');
export const harmlessProgram = join(import.meta.dirname, '../../native/build/harmless');

/** Owns the files that are tried. */
export const USER = 65_534;
const BOUND_MS = 60_000;

const NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

export interface Try {
  readonly name: string;
  readonly who: Who;
  readonly verb: 'open' | 'run';
  readonly file: string;
  /** A folder that everybody may write to. */
  readonly work: string;
}

export function intruderArguments({ name, who, verb, file, work }: Try): string[] {
  const user = who === 'root' ? [] : ['--as', String(USER)];
  const namespace = who === 'namespaced' ? ['--user-namespace'] : [];
  return [...user, ...namespace, name, verb, file, work];
}

/** `none` where the file was opened or run, else the name of the error; or why the way could not be gone. */
export function intrude(attempt: Try): string {
  const { status, signal, stderr } = spawnSync(intruderProgram, intruderArguments(attempt), {
    encoding: 'utf8',
    timeout: BOUND_MS,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return meaningOf(status ?? signal, stderr);
}

export function meaningOf(end: number | string | null, stderr: string): string {
  if (end === 0) return 'none';
  return (typeof end === 'number' && NAMES.get(end)) || `ended with ${end}: ${stderr.trim()}`;
}
