// Linux: the filesystems of a host, from its mountinfo, and what kind each is. The bridge sorts them in the same way
// (native-bridge/linux/filesystem_kinds.c), by the same names.

export interface Mount {
  readonly point: string;
  readonly type: string;
  /** major:minor. */
  readonly device: string;
}

/**
 * local: may be guarded · stacked: may be guarded, by its own paths · served: another process or machine answers, so it
 * never is · kernel: not worth a word · unknown: never guarded
 */
export type MountKind = 'local' | 'stacked' | 'served' | 'kernel' | 'unknown';

/** A line that is no line of a mountinfo. */
export class MountLineError extends Error {
  override readonly name = 'MountLineError';
  readonly line: number;

  constructor(line: number) {
    super(
      'this is no mount: expected lines as in /proc/self/mountinfo (36 35 98:0 / /srv rw - ext4 /dev/sda1 rw)',
    );
    this.line = line;
  }
}

/** id, parent, device, root, point, options, tags…, -, type, source, options */
const MOUNT = /^\d+ \d+ (?<device>\d+:\d+) \S+ (?<point>\S+) \S+ (?:\S+ )*- (?<type>\S+) /;

/** The topmost mount of each mount point. @throws MountLineError a line is none, or there is none */
export function parseMounts(mountinfo: string): readonly Mount[] {
  const mounts = new Map<string, Mount>();
  for (const [index, line] of mountinfo.trimEnd().split('\n').entries()) {
    const { device, point: escaped, type } = MOUNT.exec(line)?.groups ?? {};
    if (device === undefined || escaped === undefined || type === undefined)
      throw new MountLineError(index + 1);
    const point = unescapeOctal(escaped);
    mounts.set(point, { point, type, device });
  }
  return [...mounts.values()];
}

/** A space is `\040` there. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-3][0-7]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

// biome-ignore format: lists of names
const SERVED = new Set([
  'fuse', 'fuseblk', 'virtiofs', 'nfs', 'nfs4', 'cifs', 'smb3', 'smbfs', '9p', 'ceph', 'afs', 'coda', 'ncpfs',
  'lustre', 'orangefs', 'gfs2', 'ocfs2', 'beegfs', 'vboxsf', 'vmhgfs', 'prl_fs',
]);
const STACKED = new Set(['overlay', 'aufs', 'ecryptfs', 'shiftfs']);
const LOCAL_WITHOUT_DEVICE = new Set(['tmpfs', 'ramfs', 'rootfs', 'btrfs', 'bcachefs', 'zfs']);
// biome-ignore format: lists of names
const OF_THE_KERNEL = new Set([
  'proc', 'sysfs', 'cgroup', 'cgroup2', 'cpuset', 'devtmpfs', 'devpts', 'debugfs', 'tracefs', 'securityfs',
  'selinuxfs', 'smackfs', 'apparmorfs', 'bpf', 'pstore', 'efivarfs', 'configfs', 'fusectl', 'autofs', 'mqueue',
  'hugetlbfs', 'nsfs', 'pipefs', 'sockfs', 'binfmt_misc', 'rpc_pipefs', 'nfsd', 'functionfs', 'resctrl',
]);

export function kindOfMount({ type, device }: Mount): MountKind {
  if (type.startsWith('fuse.') || type.startsWith('fuseblk.') || SERVED.has(type)) return 'served';
  if (STACKED.has(type)) return 'stacked';
  if (OF_THE_KERNEL.has(type)) return 'kernel';
  return !device.startsWith('0:') || LOCAL_WITHOUT_DEVICE.has(type) ? 'local' : 'unknown';
}
