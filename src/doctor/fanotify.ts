// Permission events, really tried: the bridge mounts a private tmpfs, denies an open there and sees EPERM.
import { type Check, type Finding, not } from './check.ts';

/** How to mend what the bridge's probe may report, by the probe's names. */
const MENDS: ReadonlyMap<string, string> = new Map([
  [
    'permission-events',
    'the kernel needs CONFIG_FANOTIFY_ACCESS_PERMISSIONS; a container needs CAP_SYS_ADMIN',
  ],
  ['exec-events', 'FAN_OPEN_EXEC_PERM needs Linux 5.0 or newer'],
  ['pidfd', 'FAN_REPORT_PIDFD needs Linux 5.15 or newer'],
  ['change-events', 'FAN_REPORT_DFID_NAME needs Linux 5.9 or newer'],
  ['mount-events', 'FAN_REPORT_MNT needs Linux 6.15 or newer'],
  ['handles', 'open_by_handle_at needs CAP_DAC_READ_SEARCH in the first user namespace'],
  ['mount-ids', 'STATX_MNT_ID_UNIQUE needs Linux 6.8 or newer'],
  ['leases', 'read leases need CAP_LEASE and a local filesystem'],
  [
    'proc-connector',
    "needs CONFIG_PROC_EVENTS, CAP_NET_ADMIN and the machine's own pid and network namespaces",
  ],
  [
    'process-events',
    'arguments of programs that end at once are missing: for eBPF build the bridge where clang and libbpf-dev are (npm run setup), on Linux 5.15 or newer with CONFIG_DEBUG_INFO_BTF, with CAP_SYS_ADMIN or CAP_BPF and CAP_PERFMON',
  ],
]);

export function mendOf(probed: string): string | undefined {
  return MENDS.get(probed);
}

export const checkFanotify: Check = async ({ platform, isRoot, probe, bridgeBinary }) => {
  if (platform !== 'linux') return [];
  if (!isRoot) {
    return not(
      'unseen',
      'fanotify',
      'not root: permission events cannot be tried by this user',
      'run doctor as root: sudo picket doctor',
    );
  }
  const result = await probe();
  if (result === undefined) {
    return not(
      'unseen',
      'fanotify',
      `${bridgeBinary} could not be asked`,
      "build the bridge: 'make -C native-bridge'",
    );
  }
  return [...result.lines.values()].map((line): Finding => {
    const mend = mendOf(line.name);
    if (line.state === 'ok' || mend === undefined)
      return { check: line.name, state: line.state, found: line.found };
    return { check: line.name, state: line.state, found: line.found, mend };
  });
};
