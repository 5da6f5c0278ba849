// The clients whose syscalls wait: test/native/opener, and what it measured by its own clock.
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cleanup } from './cleanup.ts';
import { type Running, start } from './process.ts';

const program = join(import.meta.dirname, '../../native/build/opener');

export interface OpenerOptions {
  readonly paths: readonly string[];
  readonly exec?: boolean;
  readonly threads?: number;
  /** Calls a second in all, at times fixed in advance. Without it each thread calls as fast as it is answered. */
  readonly rate?: number;
  readonly count?: number;
  readonly seconds?: number;
  readonly pauseUs?: number;
  /** Each path stands for so many files, which end in 0 and up; in the log: number * paths.length + index. */
  readonly numbered?: number;
  readonly log?: string;
  /** Runs as this user and group; as the test's own otherwise. */
  readonly user?: number;
}

export interface OpenerReport {
  readonly calls: number;
  readonly ok: number;
  readonly denied: number;
  readonly other: number;
  readonly late: number;
  readonly max_us: number;
  readonly longest_call_us: number;
}

export interface Opener {
  readonly running: Running;
  /** Waits for its end; a client that does not end hangs in a syscall, which fails the test. */
  report(boundMs?: number): Promise<OpenerReport>;
  stop(): Promise<OpenerReport>;
}

export function startOpener(cleanup: Cleanup, options: OpenerOptions): Opener {
  const args: string[] = [];
  if (options.exec === true) args.push('--exec');
  if (options.threads !== undefined) args.push('--threads', String(options.threads));
  if (options.rate !== undefined) args.push('--rate', String(options.rate));
  if (options.count !== undefined) args.push('--count', String(options.count));
  if (options.seconds !== undefined) args.push('--seconds', String(options.seconds));
  if (options.pauseUs !== undefined) args.push('--pause-us', String(options.pauseUs));
  if (options.numbered !== undefined) args.push('--numbered', String(options.numbered));
  if (options.log !== undefined) args.push('--log', options.log);
  const as = options.user === undefined ? {} : { uid: options.user, gid: options.user };
  const running = start(cleanup, program, [...args, ...options.paths], as);
  const report = async (boundMs?: number): Promise<OpenerReport> => {
    const end = await running.ended(boundMs);
    if (end !== 0) throw new Error(`opener ended with ${end}: ${running.stderr()}`);
    return JSON.parse(running.stdout());
  };
  return {
    running,
    report,
    stop() {
      running.signal('SIGTERM');
      return report();
    },
  };
}

export interface Call {
  readonly scheduledNs: number;
  readonly startedNs: number;
  readonly endedNs: number;
  /** 0, or the errno. */
  readonly error: number;
  /** Index into `paths`. */
  readonly path: number;
}

export function readOpenerLog(file: string): Call[] {
  const bytes = readFileSync(file);
  const calls: Call[] = [];
  for (let at = 0; at + 32 <= bytes.length; at += 32) {
    calls.push({
      scheduledNs: Number(bytes.readBigUInt64LE(at)),
      startedNs: Number(bytes.readBigUInt64LE(at + 8)),
      endedNs: Number(bytes.readBigUInt64LE(at + 16)),
      error: bytes.readInt32LE(at + 24),
      path: bytes.readUInt32LE(at + 28),
    });
  }
  return calls;
}

/** What one open of this process gets: `none`, or the name of its errno. */
export function errorOfOpen(path: string): string {
  try {
    closeSync(openSync(path, 'r'));
    return 'none';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  }
}
