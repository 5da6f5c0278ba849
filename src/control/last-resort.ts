// What is left where a bridge does not answer: its end, upon which the kernel lets everything through.
import { readFile } from 'node:fs/promises';

/** A sentence with the command. The bridge's lock file names its process; a watchdog above it would start it again. */
export async function lastResort(socketPath: string): Promise<string> {
  const pid = await firstNumber(`${socketPath}.lock`);
  const pids = pid === undefined ? '$(pidof picket-bridge)' : [...(await watchdogOf(pid)), pid].join(' ');
  return `The last resort is to end it, which lets everything through: kill -KILL ${pids}`;
}

async function watchdogOf(pid: number): Promise<readonly number[]> {
  // `PID (NAME) STATE PPID …`; the name may hold anything.
  const stat = await textOf(`/proc/${pid}/stat`);
  const parent = Number(
    stat
      .slice(stat.lastIndexOf(')') + 1)
      .trim()
      .split(' ')[1] ?? 0,
  );
  if (!(parent > 1)) return [];
  return (await textOf(`/proc/${parent}/comm`)).startsWith('picket') ? [parent] : [];
}

async function firstNumber(path: string): Promise<number | undefined> {
  const number = Number.parseInt(await textOf(path), 10);
  return number > 1 ? number : undefined;
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return '';
  }
}
