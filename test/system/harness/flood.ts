// Many threads of an unprivileged user that open files as fast as they are answered.
import { chmodSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Cleanup } from './cleanup.ts';
import { type Opener, type OpenerOptions, startOpener } from './opener.ts';
import type { Scratch } from './scratch.ts';

/** Users that no system gives to anybody: below what `useradd` begins with are 65,000 to 65,533. */
export const FLOODER = 65_101;
export const STRANGER = 65_102;

/** Lets other users reach the guarded filesystem: what mkdtemp makes is root's alone. */
export function openToAll(scratch: Scratch): void {
  chmodSync(dirname(scratch.mount), 0o711);
}

export function startAs(cleanup: Cleanup, user: number, options: OpenerOptions): Opener {
  return startOpener(cleanup, { ...options, user });
}
