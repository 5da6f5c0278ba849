// Which actions there are on Linux, and which act on a file. On macOS every Endpoint Security type is an action.

/** What the Linux bridge sends (native-bridge/linux); a test on the kernel holds the two together. */
export const LINUX_ACTIONS: { readonly auth: readonly string[]; readonly notify: readonly string[] } = {
  auth: ['exec', 'open'],
  notify: [
    'exec',
    'fork',
    'exit',
    'open',
    'close',
    'create',
    'attrib',
    'rename',
    'unlink',
    'mount',
    'unmount',
  ],
};

/** Actions whose events have `file.target_path`: a second name. */
export const TARGET_ACTIONS: ReadonlySet<string> = new Set([
  'rename',
  'link',
  'clone',
  'copyfile',
  'exchangedata',
  'file_provider_materialize',
  'file_provider_update',
]);

/** Actions whose events have `file`. */
export const FILE_ACTIONS: ReadonlySet<string> = new Set([
  ...TARGET_ACTIONS,
  'access',
  'attrib',
  'chdir',
  'chroot',
  'close',
  'create',
  'deleteextattr',
  'dup',
  'exec',
  'fcntl',
  'fsgetpath',
  'getattrlist',
  'getextattr',
  'listextattr',
  'lookup',
  'mmap',
  'mount',
  'open',
  'readdir',
  'readlink',
  'remount',
  'searchfs',
  'setacl',
  'setattrlist',
  'setextattr',
  'setflags',
  'setmode',
  'setowner',
  'stat',
  'truncate',
  'uipc_bind',
  'uipc_connect',
  'unlink',
  'unmount',
  'utimes',
  'write',
  'xp_malware_detected',
  'xp_malware_remediated',
]);
