// The lane's thread goes before the agent's other threads: a verdict is waited for by a syscall, nothing else is.
import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';

/** The kernel's number of the calling thread. Throws where there is no Linux. */
export function ownThreadId(): number {
  const self = readlinkSync('/proc/thread-self'); // "1234/task/1240"
  return Number(self.slice(self.lastIndexOf('/') + 1));
}

/** Nice value of the lane's thread. Not lower: the bridge's own threads, which guard the deadline, stay ahead. */
const laneNice = -10;

/**
 * Raises the calling thread's priority; an agent without CAP_SYS_NICE leaves that to the bridge, which is told the
 * thread's id with each Pong. The reason when it can't be done (no CAP_SYS_NICE, not Linux), which is no
 * error. On Linux setpriority(2) takes a thread's id and sets that thread alone.
 */
export function raiseThreadPriority(): string | undefined {
  try {
    setPriority(ownThreadId(), laneNice);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
