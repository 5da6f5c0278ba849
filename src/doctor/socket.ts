// The bridge's socket: its folder must let in root and the agent's group alone, for whoever connects may be the agent.
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Check, type Finding, not, ok } from './check.ts';

const OTHERS = 0o007;
const GROUP_WRITES = 0o020;

export const checkSocket: Check = async (context) => {
  const { socketPath } = context;
  const folder = dirname(socketPath);
  const [folderStat, socketStat] = await Promise.all([statOf(folder), statOf(socketPath)]);
  if (folderStat === 'hidden' || socketStat === 'hidden') {
    return not(
      'unseen',
      'socket',
      `${folder} is closed to this user, as it should be`,
      'run doctor as root or as the agent',
    );
  }
  if (folderStat === undefined || socketStat === undefined) {
    return not(
      'fail',
      'socket',
      `${socketPath} is not there: no bridge runs`,
      `start it: picket-bridge --backend linux --socket ${socketPath}`,
    );
  }
  const findings: Finding[] = [];
  const mode = folderStat.mode & 0o777;
  if (folderStat.uid !== 0 && folderStat.uid !== process.getuid?.()) {
    findings.push(
      ...not(
        'fail',
        'socket',
        `${folder} belongs to uid ${folderStat.uid}, not to root`,
        `chown root ${folder}`,
      ),
    );
  } else if ((mode & (OTHERS | GROUP_WRITES)) !== 0) {
    findings.push(
      ...not(
        'warn',
        'socket',
        `${folder} has mode ${octal(mode)}: others reach the socket`,
        `chmod 0750 ${folder}`,
      ),
    );
  }
  findings.push(...(await judgeListener(context.platform, socketPath)));
  return findings;
};

/** Read from the kernel's table: connecting, even only to look, could be taken for a new agent. */
async function judgeListener(platform: NodeJS.Platform, socketPath: string): Promise<readonly Finding[]> {
  if (platform !== 'linux')
    return ok('socket', `${socketPath} exists; whether anyone listens was not looked at`);
  if (isListening(await readFile('/proc/net/unix', 'utf8'), socketPath))
    return ok('socket', `a bridge listens at ${socketPath}`);
  return not(
    'fail',
    'socket',
    `${socketPath} exists and nobody listens: the bridge has ended`,
    `start it again: picket-bridge --backend linux --socket ${socketPath}`,
  );
}

/** /proc/net/unix: `Num RefCount Protocol Flags Type St Inode Path`; SO_ACCEPTCON is bit 16 of the flags. */
export function isListening(table: string, socketPath: string): boolean {
  return table.split('\n').some((line) => {
    const fields = line.trim().split(/\s+/);
    return fields[7] === socketPath && (Number.parseInt(fields[3] ?? '0', 16) & 0x10000) !== 0;
  });
}

async function statOf(path: string): Promise<{ uid: number; mode: number } | 'hidden' | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES' ? 'hidden' : undefined;
  }
}

function octal(mode: number): string {
  return `0${mode.toString(8)}`;
}
