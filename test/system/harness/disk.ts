// Disks that fail those who write to them: one is full, one hangs.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Cleanup } from './cleanup.ts';

/** A disk without a free byte. */
export function fullDisk(cleanup: Cleanup, disk: string): string {
  mkdirSync(disk);
  spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=0755', 'picket-test', disk]);
  cleanup.add(() => {
    spawnSync('umount', ['-l', disk]);
  });
  const filled = spawnSync('dd', ['if=/dev/zero', `of=${join(disk, 'ballast')}`, 'bs=4k'], {
    encoding: 'utf8',
  });
  if (!filled.stderr.includes('No space left')) throw new Error(`${disk} is not full: ${filled.stderr}`);
  return disk;
}

export interface FreezableDisk {
  readonly folder: string;
  freeze(): void;
  thaw(): void;
}

/** A disk on which whoever writes waits until it is thawed. */
export function frozenDisk(cleanup: Cleanup, folder: string): FreezableDisk {
  const image = `${folder}.image`;
  const path = `${process.env.PATH}:/sbin:/usr/sbin`;
  const run = (command: string, ...args: string[]): void => {
    const { status, stderr } = spawnSync(command, args, {
      env: { ...process.env, PATH: path },
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  };
  mkdirSync(folder);
  run('truncate', '-s', '16M', image);
  run('mkfs.ext4', '-q', '-F', image);
  run('mount', '-o', 'loop', image, folder);
  cleanup.add(() => run('umount', '-l', folder));
  let isFrozen = false;
  const thaw = (): void => {
    if (isFrozen) run('fsfreeze', '-u', folder);
    isFrozen = false;
  };
  return {
    folder,
    freeze() {
      cleanup.add(thaw);
      isFrozen = true;
      run('fsfreeze', '-f', folder);
    },
    thaw,
  };
}
