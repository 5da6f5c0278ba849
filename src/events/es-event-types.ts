// The 148 Endpoint Security event types as of macOS 26, by number, with the first macOS that has each. The
// enumeration only grows: a number that is not here is data, never an error.

export interface EsEventType {
  readonly number: number;
  readonly name: string;
  readonly kind: 'auth' | 'notify';
  /** First macOS. */
  readonly since: string;
}

// biome-ignore format: one type a line reads as the table it is
const TABLE: readonly (readonly [number, string, 'auth' | 'notify', string])[] = [
  [0, 'exec', 'auth', '10.15.0'],
  [1, 'open', 'auth', '10.15.0'],
  [2, 'kextload', 'auth', '10.15.0'],
  [3, 'mmap', 'auth', '10.15.0'],
  [4, 'mprotect', 'auth', '10.15.0'],
  [5, 'mount', 'auth', '10.15.0'],
  [6, 'rename', 'auth', '10.15.0'],
  [7, 'signal', 'auth', '10.15.0'],
  [8, 'unlink', 'auth', '10.15.0'],
  [9, 'exec', 'notify', '10.15.0'],
  [10, 'open', 'notify', '10.15.0'],
  [11, 'fork', 'notify', '10.15.0'],
  [12, 'close', 'notify', '10.15.0'],
  [13, 'create', 'notify', '10.15.0'],
  [14, 'exchangedata', 'notify', '10.15.0'],
  [15, 'exit', 'notify', '10.15.0'],
  [16, 'get_task', 'notify', '10.15.0'],
  [17, 'kextload', 'notify', '10.15.0'],
  [18, 'kextunload', 'notify', '10.15.0'],
  [19, 'link', 'notify', '10.15.0'],
  [20, 'mmap', 'notify', '10.15.0'],
  [21, 'mprotect', 'notify', '10.15.0'],
  [22, 'mount', 'notify', '10.15.0'],
  [23, 'unmount', 'notify', '10.15.0'],
  [24, 'iokit_open', 'notify', '10.15.0'],
  [25, 'rename', 'notify', '10.15.0'],
  [26, 'setattrlist', 'notify', '10.15.0'],
  [27, 'setextattr', 'notify', '10.15.0'],
  [28, 'setflags', 'notify', '10.15.0'],
  [29, 'setmode', 'notify', '10.15.0'],
  [30, 'setowner', 'notify', '10.15.0'],
  [31, 'signal', 'notify', '10.15.0'],
  [32, 'unlink', 'notify', '10.15.0'],
  [33, 'write', 'notify', '10.15.0'],
  [34, 'file_provider_materialize', 'auth', '10.15.0'],
  [35, 'file_provider_materialize', 'notify', '10.15.0'],
  [36, 'file_provider_update', 'auth', '10.15.0'],
  [37, 'file_provider_update', 'notify', '10.15.0'],
  [38, 'readlink', 'auth', '10.15.0'],
  [39, 'readlink', 'notify', '10.15.0'],
  [40, 'truncate', 'auth', '10.15.0'],
  [41, 'truncate', 'notify', '10.15.0'],
  [42, 'link', 'auth', '10.15.0'],
  [43, 'lookup', 'notify', '10.15.0'],
  [44, 'create', 'auth', '10.15.0'],
  [45, 'setattrlist', 'auth', '10.15.0'],
  [46, 'setextattr', 'auth', '10.15.0'],
  [47, 'setflags', 'auth', '10.15.0'],
  [48, 'setmode', 'auth', '10.15.0'],
  [49, 'setowner', 'auth', '10.15.0'],
  [50, 'chdir', 'auth', '10.15.1'],
  [51, 'chdir', 'notify', '10.15.1'],
  [52, 'getattrlist', 'auth', '10.15.1'],
  [53, 'getattrlist', 'notify', '10.15.1'],
  [54, 'stat', 'notify', '10.15.1'],
  [55, 'access', 'notify', '10.15.1'],
  [56, 'chroot', 'auth', '10.15.1'],
  [57, 'chroot', 'notify', '10.15.1'],
  [58, 'utimes', 'auth', '10.15.1'],
  [59, 'utimes', 'notify', '10.15.1'],
  [60, 'clone', 'auth', '10.15.1'],
  [61, 'clone', 'notify', '10.15.1'],
  [62, 'fcntl', 'notify', '10.15.1'],
  [63, 'getextattr', 'auth', '10.15.1'],
  [64, 'getextattr', 'notify', '10.15.1'],
  [65, 'listextattr', 'auth', '10.15.1'],
  [66, 'listextattr', 'notify', '10.15.1'],
  [67, 'readdir', 'auth', '10.15.1'],
  [68, 'readdir', 'notify', '10.15.1'],
  [69, 'deleteextattr', 'auth', '10.15.1'],
  [70, 'deleteextattr', 'notify', '10.15.1'],
  [71, 'fsgetpath', 'auth', '10.15.1'],
  [72, 'fsgetpath', 'notify', '10.15.1'],
  [73, 'dup', 'notify', '10.15.1'],
  [74, 'settime', 'auth', '10.15.1'],
  [75, 'settime', 'notify', '10.15.1'],
  [76, 'uipc_bind', 'notify', '10.15.1'],
  [77, 'uipc_bind', 'auth', '10.15.1'],
  [78, 'uipc_connect', 'notify', '10.15.1'],
  [79, 'uipc_connect', 'auth', '10.15.1'],
  [80, 'exchangedata', 'auth', '10.15.1'],
  [81, 'setacl', 'auth', '10.15.1'],
  [82, 'setacl', 'notify', '10.15.1'],
  [83, 'pty_grant', 'notify', '10.15.4'],
  [84, 'pty_close', 'notify', '10.15.4'],
  [85, 'proc_check', 'auth', '10.15.4'],
  [86, 'proc_check', 'notify', '10.15.4'],
  [87, 'get_task', 'auth', '10.15.4'],
  [88, 'searchfs', 'auth', '11.0'],
  [89, 'searchfs', 'notify', '11.0'],
  [90, 'fcntl', 'auth', '11.0'],
  [91, 'iokit_open', 'auth', '11.0'],
  [92, 'proc_suspend_resume', 'auth', '11.0'],
  [93, 'proc_suspend_resume', 'notify', '11.0'],
  [94, 'cs_invalidated', 'notify', '11.0'],
  [95, 'get_task_name', 'notify', '11.0'],
  [96, 'trace', 'notify', '11.0'],
  [97, 'remote_thread_create', 'notify', '11.0'],
  [98, 'remount', 'auth', '11.0'],
  [99, 'remount', 'notify', '11.0'],
  [100, 'get_task_read', 'auth', '11.3'],
  [101, 'get_task_read', 'notify', '11.3'],
  [102, 'get_task_inspect', 'notify', '11.3'],
  [103, 'setuid', 'notify', '12.0'],
  [104, 'setgid', 'notify', '12.0'],
  [105, 'seteuid', 'notify', '12.0'],
  [106, 'setegid', 'notify', '12.0'],
  [107, 'setreuid', 'notify', '12.0'],
  [108, 'setregid', 'notify', '12.0'],
  [109, 'copyfile', 'auth', '12.0'],
  [110, 'copyfile', 'notify', '12.0'],
  [111, 'authentication', 'notify', '13.0'],
  [112, 'xp_malware_detected', 'notify', '13.0'],
  [113, 'xp_malware_remediated', 'notify', '13.0'],
  [114, 'lw_session_login', 'notify', '13.0'],
  [115, 'lw_session_logout', 'notify', '13.0'],
  [116, 'lw_session_lock', 'notify', '13.0'],
  [117, 'lw_session_unlock', 'notify', '13.0'],
  [118, 'screensharing_attach', 'notify', '13.0'],
  [119, 'screensharing_detach', 'notify', '13.0'],
  [120, 'openssh_login', 'notify', '13.0'],
  [121, 'openssh_logout', 'notify', '13.0'],
  [122, 'login_login', 'notify', '13.0'],
  [123, 'login_logout', 'notify', '13.0'],
  [124, 'btm_launch_item_add', 'notify', '13.0'],
  [125, 'btm_launch_item_remove', 'notify', '13.0'],
  [126, 'profile_add', 'notify', '14.0'],
  [127, 'profile_remove', 'notify', '14.0'],
  [128, 'su', 'notify', '14.0'],
  [129, 'authorization_petition', 'notify', '14.0'],
  [130, 'authorization_judgement', 'notify', '14.0'],
  [131, 'sudo', 'notify', '14.0'],
  [132, 'od_group_add', 'notify', '14.0'],
  [133, 'od_group_remove', 'notify', '14.0'],
  [134, 'od_group_set', 'notify', '14.0'],
  [135, 'od_modify_password', 'notify', '14.0'],
  [136, 'od_disable_user', 'notify', '14.0'],
  [137, 'od_enable_user', 'notify', '14.0'],
  [138, 'od_attribute_value_add', 'notify', '14.0'],
  [139, 'od_attribute_value_remove', 'notify', '14.0'],
  [140, 'od_attribute_set', 'notify', '14.0'],
  [141, 'od_create_user', 'notify', '14.0'],
  [142, 'od_create_group', 'notify', '14.0'],
  [143, 'od_delete_user', 'notify', '14.0'],
  [144, 'od_delete_group', 'notify', '14.0'],
  [145, 'xpc_connect', 'notify', '14.0'],
  [146, 'gatekeeper_user_override', 'notify', '15.0'],
  [147, 'tcc_modify', 'notify', '15.4'],
];

export const ES_EVENT_TYPES: readonly EsEventType[] = TABLE.map(([number, name, kind, since]) => ({
  number,
  name,
  kind,
  since,
}));

/** undefined: newer than this code. */
export function esEventType(number: number): EsEventType | undefined {
  return ES_EVENT_TYPES[number];
}

// ECS categories of actions; the rest act on files.
const CATEGORIES = {
  process:
    'chdir chroot cs_invalidated dup exec exit fork get_task get_task_inspect get_task_name get_task_read iokit_open mprotect proc_check proc_suspend_resume pty_close pty_grant remote_thread_create setegid seteuid setgid setregid setreuid setuid signal trace xpc_connect',
  driver: 'kextload kextunload',
  library: 'mmap',
  authentication:
    'authentication authorization_judgement authorization_petition login_login openssh_login su sudo',
  session:
    'login_logout lw_session_lock lw_session_login lw_session_logout lw_session_unlock openssh_logout screensharing_attach screensharing_detach',
  malware: 'xp_malware_detected xp_malware_remediated',
  iam: 'od_attribute_set od_attribute_value_add od_attribute_value_remove od_create_group od_create_user od_delete_group od_delete_user od_disable_user od_enable_user od_group_add od_group_remove od_group_set od_modify_password',
  configuration:
    'btm_launch_item_add btm_launch_item_remove gatekeeper_user_override profile_add profile_remove tcc_modify',
  file: 'attrib', // of Linux alone
  network: 'uipc_bind uipc_connect',
  host: 'settime',
};

const byAction = new Map<string, readonly string[]>();
for (const { name } of ES_EVENT_TYPES) byAction.set(name, ['file']);
for (const [category, names] of Object.entries(CATEGORIES)) {
  const list = [category];
  for (const name of names.split(' ')) byAction.set(name, list);
}

/** event.category of an action; undefined for one that this code does not know. */
export function categoryOfAction(action: string): readonly string[] | undefined {
  return byAction.get(action);
}
