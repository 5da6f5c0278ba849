// What /proc says of processes that go on meanwhile: a thread, a descriptor or the process itself may be gone between two
// looks. Then there is nothing to say of it, which is no error.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

const GONE: readonly unknown[] = ['ENOENT', 'ESRCH'];

function unlessGone<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch (error) {
    if (GONE.includes((error as NodeJS.ErrnoException).code)) return otherwise;
    throw error;
  }
}

export const namesIn = (folder: string): string[] => unlessGone(() => readdirSync(folder), []);
export const contentOf = (file: string): string => unlessGone(() => readFileSync(file, 'utf8'), '');
export const targetOf = (link: string): string => unlessGone(() => readlinkSync(link), '');

/** The threads of a process, each as what reads a file of it. */
export function threadsOf(pid: number): ((file: string) => string)[] {
  const tasks = `/proc/${pid}/task`;
  return namesIn(tasks).map((thread) => (file) => contentOf(join(tasks, thread, file)));
}

export function childrenOf(pid: number): number[] {
  return threadsOf(pid).flatMap((thread) => thread('children').split(' ').filter(Boolean).map(Number));
}

/** All that is in memory of a process stays there. What it shares with an eBPF program is the kernel's, and never leaves. */
export function isLockedInMemory(pid: number): boolean {
  const kilobytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(contentOf(`/proc/${pid}/status`))?.[1]);
  const ofMaps = /^[0-9a-f]+-[0-9a-f]+ .* anon_inode:bpf-map$(?:\n[A-Z].*)*?\nRss:\s+(\d+) kB$/gm;
  const kernelsOwn = [...contentOf(`/proc/${pid}/smaps`).matchAll(ofMaps)].reduce(
    (sum, [, kb]) => sum + Number(kb),
    0,
  );
  return kilobytes('VmLck') >= kilobytes('VmRSS') - kernelsOwn;
}

/** How many threads of a process wait for the answer to a permission event. */
export function waitingForAnswers(pid: number): number {
  return threadsOf(pid).filter((thread) => thread('stack').includes('fanotify_handle_event')).length;
}
