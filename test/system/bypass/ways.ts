// The ways around a rule that denies a file, as far as they are known. README's table says the same, and
// docs/limits.md has a line for each that is open; tests hold both to this list.

type Answer =
  /** The rule holds. */
  | 'denied'
  /** It can't be prevented; an alert or an event tells of it. */
  | 'told'
  /** docs/limits.md says why, and what a rule author can do. */
  | 'limit';

/** `user` is nobody in particular; `namespaced` the same one as root of a user namespace of his own. */
export type Who = 'root' | 'user' | 'namespaced';

export interface Attempt {
  /** As test/native/intruder calls it. */
  readonly name: string;
  /** Who can go this way at all; everybody by default. */
  readonly by?: readonly Who[];
  /** Both by default. */
  readonly verbs?: readonly ('open' | 'run')[];
  /**
   * The file has no path at the time. A deny on a path holds then if it could, for the neighbour, too; on a filesystem that
   * is not guarded the way leads to the file.
   */
  readonly unresolved?: boolean;
  /** What the file must be for it, where the harmless program won't do. */
  readonly dynamic?: boolean;
  readonly script?: boolean;
  /** Only on this filesystem. */
  readonly on?: 'ext4' | 'tmpfs';
}

export interface Way {
  readonly way: string;
  readonly answer: Answer;
  /** Tried one by one; a way without them has a test of its own, which `test` names. */
  readonly attempts?: readonly Attempt[];
  readonly test?: string;
  /** How its line in docs/limits.md begins. */
  readonly limit?: string;
}

const OPEN = ['open'] as const;
const RUN = ['run'] as const;
/** Who may mount. */
const MOUNTERS = ['root', 'namespaced'] as const;
const ROOT = ['root'] as const;
/** The file's owner, too, while he may still name it by its real user. */
const OWNERS = ['root', 'user'] as const;

export const ways: readonly Way[] = [
  {
    way: 'its path, spelled in another way or from the working folder',
    answer: 'denied',
    attempts: [{ name: 'plain' }, { name: 'spelled' }, { name: 'relative' }],
  },
  {
    way: 'symbolic links to it and to its folder',
    answer: 'denied',
    attempts: [{ name: 'symbolic-link' }, { name: 'symbolic-folder' }],
  },
  {
    way: '`/proc/PID/root`, `/proc/PID/cwd`',
    answer: 'denied',
    attempts: [{ name: 'proc-root' }, { name: 'proc-cwd' }, { name: 'root-of-other', by: MOUNTERS }],
  },
  {
    way: '`/proc/self/fd`, `/dev/fd` of a descriptor opened with `O_PATH`',
    answer: 'denied',
    attempts: [{ name: 'proc-fd' }, { name: 'dev-fd' }],
  },
  {
    way: '`execveat` with an empty path, `fexecve`',
    answer: 'denied',
    attempts: [{ name: 'execveat-empty', verbs: RUN }],
  },
  {
    way: '`openat2` with `RESOLVE_*`',
    answer: 'denied',
    attempts: ['openat2-in-root', 'openat2-beneath', 'openat2-cached'].map((name) => ({ name, verbs: OPEN })),
  },
  {
    way: '`open_by_handle_at`',
    answer: 'denied',
    attempts: [{ name: 'by-handle', by: ROOT }],
  },
  {
    way: '`io_uring`, with and without a thread of the kernel',
    answer: 'denied',
    attempts: ['ring-openat', 'ring-openat2', 'ring-polled'].map((name) => ({ name, verbs: OPEN })),
  },
  { way: '32-bit system calls', answer: 'denied', attempts: [{ name: 'compat' }] },
  {
    way: 'opening for writing, `O_TRUNC`, `O_CREAT`',
    answer: 'denied',
    attempts: ['write-only', 'read-write', 'truncating', 'creating'].map((name) => ({
      name,
      verbs: OPEN,
      by: OWNERS,
    })),
  },
  {
    way: 'a bind mount of it or of its folder, moved or not',
    answer: 'denied',
    attempts: [
      { name: 'bind-folder', by: MOUNTERS },
      { name: 'bind-file', by: MOUNTERS },
      { name: 'bind-folder-in-sight', by: ROOT },
      { name: 'move', by: MOUNTERS },
    ],
  },
  {
    way: 'a new mount namespace, a user namespace',
    answer: 'denied',
    attempts: [
      { name: 'namespace', by: MOUNTERS },
      { name: 'plain', by: ['namespaced'] },
    ],
  },
  {
    way: '`chroot`, `pivot_root`',
    answer: 'denied',
    attempts: [
      { name: 'chroot', by: MOUNTERS },
      { name: 'pivot-root', by: MOUNTERS },
    ],
  },
  {
    way: 'a mount that is attached nowhere, an idmapped mount',
    answer: 'denied',
    attempts: [
      { name: 'detached', by: MOUNTERS },
      { name: 'idmapped', by: ROOT },
    ],
  },
  {
    way: 'the same device mounted a second time',
    answer: 'denied',
    attempts: [{ name: 'second-mount', by: ROOT, on: 'ext4' }],
  },
  {
    way: 'from within a folder over which something else was mounted',
    answer: 'denied',
    attempts: [{ name: 'covered', by: ROOT }],
  },
  {
    way: 'a script with it as interpreter, a format of `binfmt_misc`',
    answer: 'denied',
    attempts: [
      { name: 'interpreter', verbs: RUN },
      { name: 'miscellaneous-format', verbs: RUN, by: OWNERS },
    ],
  },
  {
    way: 'the kernel opens it for a program (`acct`)',
    answer: 'denied',
    attempts: [{ name: 'accounting', verbs: OPEN, by: ROOT }],
  },
  {
    way: 'a copy of it in memory (`memfd`) or elsewhere',
    answer: 'denied',
    attempts: [{ name: 'copied-to-memory', verbs: RUN }],
  },
  {
    way: 'another file renamed to its name, or given its name late (`O_TMPFILE`)',
    answer: 'denied',
    attempts: [
      { name: 'renamed-over', by: OWNERS },
      { name: 'named-late', by: OWNERS },
    ],
  },
  {
    way: 'a deleted file, through a descriptor opened with `O_PATH`',
    answer: 'denied',
    attempts: [{ name: 'deleted', by: OWNERS, unresolved: true }],
  },
  {
    way: 'a path longer than 4,095 bytes, by folders one below the other',
    answer: 'denied',
    attempts: [{ name: 'deep', by: OWNERS, unresolved: true }],
  },
  { way: 'a path of 4,095 bytes', answer: 'denied', test: 'names.test.ts' },
  { way: 'a name that is no UTF-8', answer: 'denied', test: 'names.test.ts' },
  {
    way: 'a process older than the bridge: its working folder, its open folders',
    answer: 'denied',
    test: 'early.test.ts',
  },
  {
    way: 'a mount namespace that keeps a filesystem which was unmounted elsewhere',
    answer: 'denied',
    test: 'early.test.ts',
  },
  {
    way: 'a file that was open before, opened again through `/proc`',
    answer: 'denied',
    test: 'early.test.ts',
  },
  {
    way: "a program that shows itself under an allowed program's path",
    answer: 'denied',
    test: 'actor.test.ts',
  },
  {
    way: '`ld.so FILE`, `sh FILE`',
    answer: 'denied',
    attempts: [
      { name: 'by-loader', verbs: RUN, dynamic: true },
      { name: 'by-shell', verbs: RUN, script: true },
    ],
  },
  {
    way: '`ld.so FILE`, `sh FILE`, where the rule is for `auth.exec` alone',
    answer: 'limit',
    test: 'limits.test.ts',
    limit: '`ld.so ./program` runs a program without an exec of it.',
  },
  {
    way: 'a hard link to a file that a rule names by its whole path',
    answer: 'denied',
    test: 'links.test.ts',
  },
  {
    way: 'a hard link out of a folder that a rule denies, or of a file that it names by a part of the path',
    answer: 'limit',
    test: 'links.test.ts',
    limit: 'A hard link is another name of the same file',
  },
  {
    way: 'renaming it or a folder above it',
    answer: 'told',
    attempts: [
      { name: 'renamed', by: OWNERS },
      { name: 'renamed-folder', by: OWNERS },
    ],
    test: 'limits.test.ts',
    limit: "A rename moves a file out of a rule's reach",
  },
  {
    way: 'a file that was open before, or a descriptor that another process hands over',
    answer: 'limit',
    test: 'early.test.ts',
    limit: 'Reads and writes through a file that is already open',
  },
  {
    way: '`truncate(2)`, `stat`, `access`, `readlink`',
    answer: 'limit',
    attempts: [
      { name: 'truncate-by-name', verbs: OPEN, by: OWNERS },
      { name: 'look-at', verbs: OPEN },
    ],
    limit: 'Changes without an open',
  },
  {
    way: 'listing the folder it lies in',
    answer: 'limit',
    attempts: [{ name: 'list-folder', verbs: OPEN }],
    limit: 'Folders, devices, pipes and sockets',
  },
  {
    way: 'a FUSE server that shows it again',
    answer: 'denied',
    attempts: [{ name: 'served', by: ROOT }],
  },
  { way: 'a memfd that holds another program', answer: 'told', test: '../unasked.test.ts' },
  {
    way: 'a private tmpfs in a user namespace, a filesystem mounted later',
    answer: 'told',
    test: '../new-mounts.test.ts',
  },
  { way: 'overlayfs on top of it and below it', answer: 'denied', test: '../overlay.test.ts' },
];
