// Filesystem by filesystem: what is guarded, what could be, what can't be and why. What a filesystem is able to do the
// bridge says (`picket-bridge --filesystems`); what is permitted stands in `guard.filesystems`.
import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { type Check, type Finding, not } from './check.ts';

const LIST_TIMEOUT_MS = 10_000;

/** One line of `picket-bridge --filesystems`, tabs between: mount point, type, device, answer, sentence. */
export interface ListedFilesystem {
  readonly mountPoint: string;
  readonly type: string;
  readonly device: string;
  /** all: every event · some: not all of them · none: it can't be guarded */
  readonly answer: 'all' | 'some' | 'none';
  readonly sentence: string;
}

export const checkFilesystems: Check = async ({ platform, isRoot, bridgeBinary, guard }) => {
  if (platform !== 'linux') return [];
  if (!isRoot) {
    return not(
      'unseen',
      'filesystems',
      'not root: what a filesystem can do cannot be looked at by this user',
      'run doctor as root: sudo picket doctor',
    );
  }
  const listed = await listFilesystems(bridgeBinary);
  if (listed === undefined) {
    return not(
      'unseen',
      'filesystems',
      `${bridgeBinary} could not be asked`,
      "build the bridge: 'make -C native-bridge'",
    );
  }
  const named = guard.filesystems.filter((name) => name !== 'local');
  const devices = new Map<string, string | undefined>();
  for (const name of named) devices.set(name, await deviceOf(name));
  return judgeFilesystems(listed, {
    isLocalGuarded: guard.filesystems.includes('local'),
    named: devices,
  });
};

export interface PermittedFilesystems {
  /** `guard.filesystems` has `local`. */
  readonly isLocalGuarded: boolean;
  /** What else it names, with the device behind each: `major:minor`, undefined where there is no such file. */
  readonly named: ReadonlyMap<string, string | undefined>;
}

/** One finding a filesystem, and one for each name without a filesystem. */
export function judgeFilesystems(
  listed: readonly ListedFilesystem[],
  { isLocalGuarded, named }: PermittedFilesystems,
): readonly Finding[] {
  const findings: Finding[] = [];
  const wanted = new Set(named.values());
  for (const { mountPoint, type, device, answer, sentence } of listed) {
    const what = `${mountPoint} (${type})`;
    // By mount point, too: what stat says of btrfs is a subvolume's own device.
    const isNamed = wanted.has(device) || named.has(mountPoint);
    if (answer === 'none') {
      if (isNamed) findings.push(...not('warn', 'filesystem', `${what} is not guarded: ${sentence}`, REMOVE));
      else
        findings.push({ check: 'filesystem', state: 'ok', found: `${what} can't be guarded: ${sentence}` });
      continue;
    }
    const but = answer === 'some' ? `, but ${sentence}` : '';
    if (isNamed || isLocalGuarded) {
      const found = `${what} may be guarded${but}`;
      if (answer === 'some') findings.push(...not('warn', 'filesystem', found, SOME));
      else findings.push({ check: 'filesystem', state: 'ok', found });
    } else {
      const found = `${what} is not guarded: guard.filesystems does not name it${but}`;
      findings.push({ check: 'filesystem', state: 'ok', found });
    }
  }
  for (const [name, device] of named) {
    if (listed.some((filesystem) => filesystem.device === device || filesystem.mountPoint === name)) continue;
    findings.push(
      ...not('warn', 'filesystem', `${name} of guard.filesystems is on no mounted filesystem`, MOUNT),
    );
  }
  return findings;
}

const REMOVE = 'take it out of guard.filesystems, or move what needs guarding to a local filesystem';
const SOME = 'write rules on the events that it has';
const MOUNT = 'mount it before the agent starts, or correct the name';

async function listFilesystems(binary: string): Promise<readonly ListedFilesystem[] | undefined> {
  try {
    const { stdout } = await promisify(execFile)(binary, ['--filesystems'], {
      timeout: LIST_TIMEOUT_MS,
      maxBuffer: 16 * 1024 * 1024,
    });
    return parseFilesystems(stdout);
  } catch {
    return undefined;
  }
}

export function parseFilesystems(text: string): readonly ListedFilesystem[] {
  return text.split('\n').flatMap((line) => {
    const [mountPoint, type, device, answer, sentence] = line.split('\t');
    if (mountPoint === undefined || type === undefined || device === undefined || sentence === undefined)
      return [];
    if (answer !== 'all' && answer !== 'some' && answer !== 'none') return [];
    return [{ mountPoint, type, device, answer, sentence }];
  });
}

/** `major:minor`, of st_dev as Linux packs it. */
async function deviceOf(path: string): Promise<string | undefined> {
  try {
    const { dev } = await stat(path, { bigint: true });
    const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
    const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
    return `${major}:${minor & 0xffffffffn}`;
  } catch {
    return undefined;
  }
}
