// A log that is read by nobody until `read` is called: a pipe, which `fill` stuffs to the last byte.
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import type { Cleanup } from './cleanup.ts';
import { type Running, start } from './process.ts';

export interface UnreadLog {
  readonly fd: number;
  fill(): void;
  read(): Running;
}

export function unreadLog(cleanup: Cleanup, path: string): UnreadLog {
  execFileSync('/bin/sh', ['-c', 'mkfifo "$0"', path]);
  // Both ends, so that nobody waits for the other side; blocking, as stderr is.
  const fd = openSync(path, constants.O_RDWR);
  cleanup.add(() => closeSync(fd));
  return {
    fd,
    fill() {
      // A description of its own: the one that the process has stays a blocking one.
      const stuffing = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
      for (const size of [4_096, 1]) {
        try {
          for (;;) writeSync(stuffing, Buffer.alloc(size, '.'));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
        }
      }
      closeSync(stuffing);
    },
    read: () => start(cleanup, 'cat', [path]),
  };
}
