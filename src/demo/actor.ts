// The process whose syscalls wait in the demo. It is a process of its own so that the demo itself never stands still
// in an open() and can end everything at any moment.
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';

export type ActorRequest =
  | { readonly act: 'open'; readonly path: string }
  | { readonly act: 'exec'; readonly path: string; readonly args: readonly string[] }
  | { readonly act: 'load'; readonly paths: readonly string[]; readonly count: number };

export type ActorReply =
  /** `error` is empty, or the errno by its name. */
  | {
      readonly act: 'open' | 'exec';
      readonly error: string;
      readonly tookUs: number;
      readonly output: string;
    }
  | { readonly act: 'load'; readonly failed: number; readonly tookUs: readonly number[] };

process.on('message', (request: ActorRequest) => process.send?.(perform(request)));
// The demo has gone, however it went.
process.on('disconnect', () => process.exit(0));
process.on('SIGINT', () => undefined);

function perform(request: ActorRequest): ActorReply {
  switch (request.act) {
    case 'open':
      return performOpen(request.path);
    case 'exec':
      return performExec(request.path, request.args);
    case 'load':
      return performLoad(request.paths, request.count);
  }
}

function performOpen(path: string): ActorReply {
  const started = process.hrtime.bigint();
  let error = '';
  let output = '';
  let ended: bigint;
  try {
    const file = openSync(path, 'r');
    ended = process.hrtime.bigint();
    const buffer = Buffer.alloc(256);
    output = buffer.toString('utf8', 0, readSync(file, buffer));
    closeSync(file);
  } catch (failure) {
    ended = process.hrtime.bigint();
    error = errnoOf(failure);
  }
  return { act: 'open', error, tookUs: Number(ended - started) / 1_000, output };
}

function performExec(path: string, args: readonly string[]): ActorReply {
  const started = process.hrtime.bigint();
  const result = spawnSync(path, args, { encoding: 'utf8', timeout: 30_000 });
  const tookUs = Number(process.hrtime.bigint() - started) / 1_000;
  return {
    act: 'exec',
    error: result.error === undefined ? '' : errnoOf(result.error),
    tookUs,
    output: result.stdout ?? '',
  };
}

/** One open after another, each timed by this process's own clock. */
function performLoad(paths: readonly string[], count: number): ActorReply {
  const tookUs: number[] = [];
  let failed = 0;
  for (let number = 0; number < count; number++) {
    const path = paths[number % paths.length] ?? '';
    const started = process.hrtime.bigint();
    try {
      const file = openSync(path, 'r');
      tookUs.push(Number(process.hrtime.bigint() - started) / 1_000);
      closeSync(file);
    } catch {
      tookUs.push(Number(process.hrtime.bigint() - started) / 1_000);
      failed++;
    }
  }
  return { act: 'load', failed, tookUs };
}

function errnoOf(failure: unknown): string {
  return (failure as NodeJS.ErrnoException).code ?? String(failure);
}
