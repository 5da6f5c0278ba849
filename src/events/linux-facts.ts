// Which facts the events of the Linux bridge have (native-bridge/linux). What it never sends no rule may read: such a
// rule would be silent for ever. A test on the kernel holds both together.
import { FILE_ACTIONS, TARGET_ACTIONS } from './trigger-actions.ts';

/** Of a process, its parent and the image before. */
const OF_EVERY_PROCESS: ReadonlySet<string> = new Set([
  'executable',
  'executable_unresolved',
  'name',
  'pid',
  'entity_id',
  'start',
  'user.id',
  'user.name',
  'real_user.id',
  'real_user.name',
  'group.id',
]);

const ARGUMENTS: ReadonlySet<string> = new Set(['args', 'command_line']);

const PATHS: ReadonlySet<string> = new Set(['path', 'path_unresolved', 'name', 'extension', 'directory']);

const STAT: ReadonlySet<string> = new Set([
  'type',
  'inode',
  'device',
  'size',
  'mode',
  'uid',
  'gid',
  'links',
  'mtime',
  'ctime',
  'owner',
]);

/** A removed file can't be looked at any more, and whoever serves a filesystem may never answer. */
const NOT_LOOKED_AT: ReadonlySet<string> = new Set(['unlink', 'mount', 'unmount']);

/** Told after the fact of a program, or by the bridge's own namespace. */
const WITHOUT_CONTAINER_PATH: ReadonlySet<string> = new Set(['exec', 'mount', 'unmount']);

/** Whose events have `es.statfs`, as those of Endpoint Security do. */
const WITH_STATFS: ReadonlySet<string> = new Set(['mount', 'unmount']);
const STATFS = /^es\.statfs(?:\.(?:f_mntonname|f_mntfromname|f_fstypename))?$/;

/** Of `es.…`, where the trigger has `es`. */
export function isEsFactSent(name: string): boolean {
  return STATFS.test(name);
}

/** Of what an auth event asks about; computed while the caller waits, by its own descriptor, which no other event has. */
const HASHES: ReadonlySet<string> = new Set(['hash.sha256', 'hash.unstable', 'hash.state']);

/** Of `process.…`, `file.…`, `exec.…`, `event.…`, `container.…` and `es`. */
export function isSentByLinux(name: string, kind: string, action: string): boolean {
  const isAuth = kind === 'auth';
  if (name.startsWith('process.')) return isProcessFactSent(name.slice(8), isAuth, action);
  if (name.startsWith('file.'))
    return FILE_ACTIONS.has(action) && isFileFactSent(name.slice(5), isAuth, action);
  if (name.startsWith('container.')) return true;
  if (name === 'es') return WITH_STATFS.has(action);
  if (name.startsWith('exec.')) return isAuth && action === 'exec';
  // The code is Apple's. An auth event gets its number when it has been answered, after the rules were asked.
  if (name === 'event.code') return false;
  return !isAuth || (name !== 'event.outcome' && name !== 'event.sequence');
}

/** No event lacks it, however little could be learnt of who acted on what. */
export function isAlwaysSentByLinux(name: string, kind: string): boolean {
  if (name === 'event.provider' || name === 'event.category') return true;
  return kind === 'notify' && (name === 'event.outcome' || name === 'event.sequence');
}

function isProcessFactSent(name: string, isAuth: boolean, action: string): boolean {
  const relative = /^(parent|previous)\.(.+)$/.exec(name);
  if (relative !== null) {
    const [, whose, fact = ''] = relative;
    if (whose === 'previous' && action !== 'exec') return false;
    return OF_EVERY_PROCESS.has(fact) || ARGUMENTS.has(fact);
  }
  if (OF_EVERY_PROCESS.has(name)) return true;
  if (HASHES.has(name)) return isAuth;
  // auth.exec is asked before the new arguments exist; the folder is the caller's and stays.
  if (ARGUMENTS.has(name)) return !(isAuth && action === 'exec');
  if (name === 'linux.cgroup') return true;
  if (name === 'working_directory') return action !== 'exit';
  if (name === 'env_vars') return !isAuth && action === 'exec';
  return name === 'exit_code' && action === 'exit';
}

function isFileFactSent(name: string, isAuth: boolean, action: string): boolean {
  if (HASHES.has(name)) return isAuth;
  if (name === 'target_path') return TARGET_ACTIONS.has(action);
  if (name === 'container_path') return isAuth || !WITHOUT_CONTAINER_PATH.has(action);
  return PATHS.has(name) || (STAT.has(name) && !NOT_LOOKED_AT.has(action));
}
