// A process that was there before the bridge: what it held open, it holds; what it opens from then on is asked about.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Cleanup } from '../harness/cleanup.ts';
import { waitFor } from '../harness/wait.ts';
import { denyPath, type Guarded, makeGuarded } from './guarded.ts';
import { intruderArguments, intruderProgram, meaningOf } from './intruder.ts';
import type { Who } from './ways.ts';

let cleanup: Cleanup;
let guarded: Guarded;

beforeEach(() => {
  cleanup = new Cleanup();
  guarded = makeGuarded(cleanup);
});

afterEach(() => cleanup.run());

/** Returns once it stands inside; the result tells it to go on, and what came of it. */
async function startEarly(
  name: string,
  verb: 'open' | 'run',
  file: string,
  who: Who = 'user',
): Promise<() => Promise<string>> {
  const child = spawn(intruderProgram, intruderArguments({ name, who, verb, file, work: guarded.work }));
  cleanup.add(() => void child.kill('SIGKILL'));
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    said.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    said.stderr += chunk;
  });
  const ended = once(child, 'close');
  await waitFor(`${name} to be ready`, () => said.stdout === 'ready\n');
  return async () => {
    child.stdin.end();
    const [code, signal] = await ended;
    return meaningOf(code ?? signal, said.stderr);
  };
}

test('older than the bridge: its folders lead to no denied file, its open files stay open', async () => {
  const folder = guarded.openFolder('folder');
  const files = ['by-bridge', 'by-agent', 'neighbour'].map((name) => join(folder, name));
  for (const file of files) guarded.renew(file);
  const attempts = (['folder-held', 'working-folder', 'held-and-opened-again', 'file-held'] as const).flatMap(
    (name) => (['open', 'run'] as const).flatMap((verb) => files.map((file) => ({ name, verb, file }))),
  );
  const early = await Promise.all(
    attempts.map(async (attempt) => ({
      ...attempt,
      goOn: await startEarly(attempt.name, attempt.verb, attempt.file),
    })),
  );
  await guarded.enforce([
    denyPath('by-bridge', 'equal', files[0] ?? ''),
    denyPath('by-agent', 'ignoreCase:equal', files[1] ?? ''),
  ]);
  const surprises: string[] = [];
  for (const { name, verb, file, goOn } of early) {
    const outcome = await goOn();
    const wanted = name === 'file-held' || file === files[2] ? 'none' : 'EPERM';
    if (outcome !== wanted) surprises.push(`${name}, ${verb} ${file}: ${outcome}`);
  }
  expect(surprises).toEqual([]);
});

test('unmounted here, the filesystem is denied still where another namespace keeps it', async () => {
  const folder = guarded.openFolder('folder');
  const files = ['by-bridge', 'by-agent'].map((name) => join(folder, name));
  for (const file of files) guarded.renew(file);
  await guarded.enforce([
    denyPath('by-bridge', 'equal', files[0] ?? ''),
    denyPath('by-agent', 'ignoreCase:equal', files[1] ?? ''),
  ]);
  const early = await Promise.all(files.map((file) => startEarly('namespace-held', 'open', file, 'root')));
  execFileSync('umount', ['--lazy', guarded.mount]);
  // What is not mounted any more needs no unmounting at the end.
  cleanup.add(() => {
    execFileSync('mount', ['-t', 'tmpfs', 'picket-test', guarded.mount]);
  });
  expect(await Promise.all(early.map((goOn) => goOn()))).toEqual(['EPERM', 'EPERM']);
});
