// The scratch mount: a small tmpfs in a temporary folder, the only filesystem that the demo guards.
import { execFile } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Undo } from './undo.ts';

const run = promisify(execFile);
const UMOUNT_TRIES = 20;

/** A temporary folder for logs, sockets, settings; gone with the demo. */
export function makeFolder(undo: Undo): string {
  const folder = mkdtempSync(join(tmpdir(), 'picket-demo-'));
  undo.add(`removing ${folder}`, () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export async function mountScratch(undo: Undo, mountPoint: string): Promise<void> {
  mkdirSync(mountPoint);
  await run('mount', ['-t', 'tmpfs', '-o', 'size=32m,mode=0755,nodev,nosuid', 'picket-demo', mountPoint]);
  undo.add(`unmounting ${mountPoint}`, async () => {
    for (let tries = 0; tries < UMOUNT_TRIES; tries++) {
      try {
        await run('umount', [mountPoint]);
        return;
      } catch {
        await delay(50); // someone is still leaving it
      }
    }
    await run('umount', ['-l', mountPoint]);
  });
}

export function placeFile(path: string, content: string, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  chmodSync(path, mode);
}

export function placeProgram(path: string, from: string, mode = 0o755): void {
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(from, path);
  chmodSync(path, mode);
}
