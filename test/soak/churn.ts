// What a developer's machine does to its disk all day, over and over on the guarded filesystem: a compile, `npm ci`, an
// archive unpacked and read, all of it deleted again. Each must succeed each time.
import { type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const PACKAGES = ['tslib', 'rxjs', 'yaml', 'zod'];
/** A command that takes longer hangs. */
const BOUND_MS = 300_000;

export interface Job {
  readonly name: string;
  round(): Promise<void>;
}

/** Made once, outside the guarded filesystem. */
export interface Archives {
  readonly packages: readonly string[];
  readonly sources: string;
}

export async function packArchives(folder: string): Promise<Archives> {
  mkdirSync(folder, { recursive: true });
  const packages = await packPackages(folder);
  const sources = join(folder, 'sources.tar');
  await command('tar', [
    '-cf',
    sources,
    '-C',
    root,
    'node_modules/typescript',
    'node_modules/rxjs',
    'src',
    'docs',
  ]);
  return { packages, sources };
}

/** `mount`: where the work is done. */
export function makeJobs({ packages, sources }: Archives, mount: string): readonly Job[] {
  return [compile(mount), install(mount, packages), unpack(mount, sources)];
}

function compile(mount: string): Job {
  const place = join(mount, 'compile');
  return {
    name: 'compile',
    async round() {
      for (const part of ['native-bridge', 'proto']) {
        cpSync(join(root, part), join(place, part), {
          recursive: true,
          filter: (path) => path !== join(root, 'native-bridge/build'),
        });
      }
      // A program is compiled, runs, and is thrown away.
      await command('make', ['-s', '-j2', '-C', join(place, 'native-bridge')]);
      await command(join(place, 'native-bridge/build/picket-bridge'), ['--version']);
      await rm(place, { recursive: true });
    },
  };
}

function install(mount: string, packages: readonly string[]): Job {
  const place = join(mount, 'install');
  const npm = [
    '--offline',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--silent',
    '--cache',
    join(place, 'cache'),
  ];
  const dependencies = Object.fromEntries(PACKAGES.map((name, index) => [name, `file:${packages[index]}`]));
  return {
    name: 'npm ci',
    async round() {
      mkdirSync(place, { recursive: true });
      writeFileSync(
        join(place, 'package.json'),
        JSON.stringify({ name: 'soak', version: '1.0.0', dependencies }),
      );
      await command('npm', ['install', '--package-lock-only', ...npm], { cwd: place });
      await command('npm', ['ci', ...npm], { cwd: place });
      await rm(place, { recursive: true });
    },
  };
}

function unpack(mount: string, archive: string): Job {
  const place = join(mount, 'unpack');
  return {
    name: 'unpack',
    async round() {
      mkdirSync(place, { recursive: true });
      await command('tar', ['-xf', archive, '-C', place]);
      await command('sh', ['-c', `find ${place} -type f -print0 | xargs -0 cat | wc -c`]);
      await rm(place, { recursive: true });
    },
  };
}

async function packPackages(folder: string): Promise<readonly string[]> {
  for (const name of PACKAGES) {
    const from = join(root, 'node_modules', name);
    await command('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder, from]);
  }
  const files = readdirSync(folder);
  return PACKAGES.map((name) => {
    const file = files.find((candidate) => candidate.startsWith(`${name}-`));
    if (file === undefined) throw new Error(`npm pack made no archive of ${name}`);
    return join(folder, file);
  });
}

/** @throws with the end of its output when it fails, or takes longer than the bound. */
async function command(program: string, args: readonly string[], options: SpawnOptions = {}): Promise<void> {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], timeout: BOUND_MS });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString('utf8')).slice(-2_000);
    });
  }
  const [code, signal] = await once(child, 'close');
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code ?? signal}: ${output}`);
}
