// A filesystem of the test's own: the only kind that a test may guard. A tmpfs by default, or a loop-mounted image.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cleanup } from './cleanup.ts';

export interface Scratch {
  /** The mount point of the guarded filesystem. */
  readonly mount: string;
  /** A plain folder beside it, not guarded: sockets, logs, configuration. */
  readonly folder: string;
  /** Copies /bin/true into the guarded filesystem. */
  program(name: string): string;
  file(name: string, content?: string): string;
  /** A file below `depth` folders whose names are `length` bytes long, a digit behind each 39 letters. */
  deepFile(depth: number, length: number): string;
}

export function makeScratch(
  cleanup: Cleanup,
  type: 'tmpfs' | 'ext4' | 'ext2' = 'tmpfs',
  sizeMiB = 64,
): Scratch {
  const root = mkdtempSync(join(tmpdir(), 'picket-test-'));
  cleanup.add(() => rmSync(root, { recursive: true, force: true }));
  const mount = join(root, 'mount');
  const folder = join(root, 'run');
  mkdirSync(mount);
  mkdirSync(folder);
  if (type === 'tmpfs') {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMiB}m,mode=0755`, 'picket-test', mount]);
  } else {
    const image = join(root, 'image');
    writeFileSync(image, '');
    truncateSync(image, sizeMiB * 1024 * 1024);
    execFileSync(`mkfs.${type}`, ['-q', '-F', image], {
      env: { ...process.env, PATH: `${process.env.PATH}:/sbin:/usr/sbin` },
    });
    execFileSync('mount', ['-o', 'loop', image, mount]);
  }
  cleanup.add(() => {
    execFileSync('umount', ['-l', mount]);
  });
  return {
    mount,
    folder,
    program(name) {
      const path = join(mount, name);
      copyFileSync('/bin/true', path);
      chmodSync(path, 0o755);
      return path;
    },
    file(name, content = name) {
      const path = join(mount, name);
      writeFileSync(path, content);
      return path;
    },
    deepFile(depth, length) {
      const folder = join(
        mount,
        ...Array.from({ length: depth }, () => `${'a'.repeat(39)}0`.repeat(length / 40)),
      );
      mkdirSync(folder, { recursive: true });
      const path = join(folder, 'file');
      writeFileSync(path, '');
      return path;
    },
  };
}
