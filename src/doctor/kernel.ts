// Which kernel this is, against what the Linux backend asks of one.
import { release } from 'node:os';
import { type Check, not, ok } from './check.ts';

/** FAN_REPORT_PIDFD: without it an event's process can have been replaced by another of the same pid. */
const NEEDED = '5.15';
/** STATX_MNT_ID_UNIQUE: without it mounts are told apart by ids that the kernel uses again. */
const WANTED = '6.8';

export const checkKernel: Check = async ({ platform }) => {
  if (platform === 'darwin') {
    return not(
      'unseen',
      'kernel',
      `macOS (Darwin ${release()}): Endpoint Security needs the signed extension, which doctor cannot look into`,
      'see docs/limits.md; recordings can be replayed here: picket replay, picket demo',
    );
  }
  if (platform !== 'linux') {
    return not('fail', 'kernel', `${platform}: no backend for it`, 'picket replay works everywhere');
  }
  const version = release();
  if (isOlder(version, NEEDED)) {
    return not('fail', 'kernel', `Linux ${version}; the bridge needs ${NEEDED}`, 'update the kernel');
  }
  if (isOlder(version, WANTED)) {
    return not(
      'warn',
      'kernel',
      `Linux ${version}: mounts have no unique ids before ${WANTED}, more paths stay unresolved`,
      `update the kernel to ${WANTED} or newer`,
    );
  }
  return ok('kernel', `Linux ${version}`);
};

export function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split(/[.-]/).map(Number);
  const [thanMajor = 0, thanMinor = 0] = than.split('.').map(Number);
  return major < thanMajor || (major === thanMajor && minor < thanMinor);
}
