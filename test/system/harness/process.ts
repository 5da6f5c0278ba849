// A child process of a test: what it printed, how it ended, and an end to it in any case.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Cleanup } from './cleanup.ts';
import { threadsOf } from './proc.ts';
import { waitFor } from './wait.ts';

export interface Running {
  readonly pid: number;
  readonly child: ChildProcess;
  stdout(): string;
  stderr(): string;
  signal(signal: NodeJS.Signals): void;
  /** Resolves with the exit code, or the signal that ended it. */
  ended(boundMs?: number): Promise<number | NodeJS.Signals>;
  /** Ends it by SIGTERM and, past the bound, by SIGKILL. */
  stop(boundMs?: number): Promise<number | NodeJS.Signals>;
}

export interface StartOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** A descriptor for its stderr, which is then the test's to read. */
  readonly stderr?: number;
  /** Its stdin is the test's to write to; what reads descriptor 3 waits until it has ended. */
  readonly stdin?: 'pipe';
}

export function start(
  cleanup: Cleanup,
  command: string,
  args: readonly string[],
  { stderr, stdin, ...options }: StartOptions = {},
): Running {
  const child = spawn(command, args, {
    ...options,
    stdio: [stdin ?? 'ignore', 'pipe', stderr ?? 'pipe', stdin ?? 'ignore'],
  });
  child.once('exit', () => child.stdio[3]?.destroy());
  const output = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk: Buffer) => {
    output.stdout += chunk.toString('utf8');
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    output.stderr += chunk.toString('utf8');
  });
  let end: number | NodeJS.Signals | undefined;
  const closed = once(child, 'close').then(([code, signal]) => {
    end = (code as number | null) ?? (signal as NodeJS.Signals);
  });
  if (child.pid === undefined) throw new Error(`${command} did not start`);
  const signal = (name: NodeJS.Signals): void => {
    if (end === undefined) child.kill(name);
  };
  const ended = async (boundMs?: number): Promise<number | NodeJS.Signals> => {
    await waitFor(
      () => `${command} ${args.join(' ').slice(0, 500)} to end; it said ${output.stderr.slice(-2000)}`,
      () => end !== undefined,
      boundMs,
    );
    await closed;
    return end ?? 0;
  };
  const running: Running = {
    pid: child.pid,
    child,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    signal,
    ended,
    async stop(boundMs?: number) {
      signal('SIGCONT');
      signal('SIGTERM');
      try {
        return await ended(boundMs);
      } catch {
        signal('SIGKILL');
        return ended();
      }
    },
  };
  cleanup.add(async () => {
    if (end === undefined) await running.stop(3_000);
  });
  return running;
}

/**
 * Sends SIGSTOP and waits until it has taken effect in every thread: until then they go on, and the kernel hands out a
 * lower signal sent meanwhile first.
 */
export async function suspend(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  await waitFor(`process ${pid} to stop`, () => {
    const threads = threadsOf(pid);
    return threads.length > 0 && threads.every((thread) => /\) T /.test(thread('stat')));
  });
}
