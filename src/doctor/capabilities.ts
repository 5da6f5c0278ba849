// The capabilities that the bridge needs and a container often lacks. The agent needs none.
import { readFile } from 'node:fs/promises';
import { type Check, type Finding, not, ok } from './check.ts';

interface Capability {
  readonly name: string;
  readonly bit: number;
  readonly isNeeded: boolean;
  readonly why: string;
}

/** Those that `packaging/systemd/picket-bridge.service` gives it. Numbers from linux/capability.h. */
const CAPABILITIES: readonly Capability[] = [
  { name: 'CAP_SYS_ADMIN', bit: 21, isNeeded: true, why: 'fanotify permission events, eBPF' },
  { name: 'CAP_DAC_READ_SEARCH', bit: 2, isNeeded: true, why: 'canonical paths by file handle' },
  { name: 'CAP_SYS_PTRACE', bit: 19, isNeeded: true, why: '/proc of processes of other users' },
  {
    name: 'CAP_DAC_OVERRIDE',
    bit: 1,
    isNeeded: false,
    why: 'the request FIFO of an agent of another user',
  },
  { name: 'CAP_CHOWN', bit: 0, isNeeded: false, why: 'socket and FIFOs for an agent of another user' },
  { name: 'CAP_NET_ADMIN', bit: 12, isNeeded: false, why: 'the proc connector: whose user changes' },
  { name: 'CAP_SYS_NICE', bit: 23, isNeeded: false, why: 'threads that system calls wait for go first' },
  { name: 'CAP_IPC_LOCK', bit: 14, isNeeded: false, why: 'the bridge stays in memory (mlockall)' },
  { name: 'CAP_LEASE', bit: 28, isNeeded: false, why: 'answers and hashes are kept (leases on files)' },
  { name: 'CAP_SYS_RESOURCE', bit: 24, isNeeded: false, why: 'the bridge is spared when memory runs out' },
];

export const checkCapabilities: Check = async ({ platform, isRoot }) => {
  if (platform !== 'linux') return [];
  if (!isRoot) {
    return not(
      'unseen',
      'capabilities',
      'not root: what the bridge would be allowed cannot be seen from this user',
      'run doctor as root: sudo picket doctor',
    );
  }
  const status = await readFile('/proc/self/status', 'utf8');
  return judgeCapabilities(BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`));
};

export function judgeCapabilities(effective: bigint): readonly Finding[] {
  const missing = CAPABILITIES.filter(({ bit }) => ((effective >> BigInt(bit)) & 1n) === 0n);
  if (missing.length === 0) return ok('capabilities', 'all that the bridge asks for');
  const list = missing.map(({ name, why }) => `${name} (${why})`).join(', ');
  return not(
    missing.some(({ isNeeded }) => isNeeded) ? 'fail' : 'warn',
    'capabilities',
    `missing: ${list}`,
    `in a container: ${missing.map(({ name }) => `--cap-add ${name.slice(4)}`).join(' ')}; in a unit: CapabilityBoundingSet=`,
  );
}
