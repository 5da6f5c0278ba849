// `picket demo` as a person starts it: on the real kernel, without privilege, and broken off at any moment.
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodeProgram, picketProgram } from './harness/agent.ts';
import { Cleanup } from './harness/cleanup.ts';
import { type Running, start } from './harness/process.ts';
import { waitFor } from './harness/wait.ts';

const NOBODY = 65_534;
const BOUND_MS = 150_000;
const isRoot = process.platform === 'linux' && process.getuid?.() === 0;

let cleanup: Cleanup;
let folder: string;

beforeEach(() => {
  cleanup = new Cleanup();
  folder = mkdtempSync(join(tmpdir(), 'picket-demo-test-'));
  chmodSync(folder, 0o1777); // as /tmp is: the bridge refuses a folder below one in which others could replace it
  cleanup.add(() => rmSync(folder, { recursive: true, force: true }));
});

afterEach(() => cleanup.run());

/** Its temporary folder is ours, so that what it leaves behind can be told from what others have. */
function demo(args: readonly string[] = []): Running {
  return start(cleanup, nodeProgram, [picketProgram, 'demo', ...args], {
    env: { ...process.env, TMPDIR: folder, NO_COLOR: '1' },
  });
}

async function shown(running: Running, text: string): Promise<void> {
  const output = (): string => running.stdout() + running.stderr();
  await waitFor(
    () => `'${text}' in the output, which was ${output()}`,
    () => {
      if (running.stdout().includes(text)) return true;
      if (running.child.exitCode !== null) throw new Error(`it ended without '${text}': ${output()}`);
      return false;
    },
    BOUND_MS,
  );
}

function leftBehind(): string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n').filter(isOurs);
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => isOurs(readOrEmpty(`/proc/${pid}/cmdline`)));
  return [
    ...readdirSync(folder).map((name) => `file ${name}`),
    ...mounts.map((mount) => `mount ${mount}`),
    ...processes.map((pid) => `process ${pid}`),
  ];
}

function isOurs(text: string): boolean {
  return text.includes(`${folder}/`);
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** As nobody, who may have no way into the folders above this checkout: it is bound to where everybody can see it. */
function demoAsNobody(): Running {
  const seen = join(folder, 'checkout');
  mkdirSync(seen);
  const script = [
    'mount --bind "$1" "$2" && cd "$2" || exit 99',
    `exec setpriv --reuid ${NOBODY} --regid ${NOBODY} --clear-groups node_modules/.bin/node src/cli/main.ts demo`,
  ].join('\n');
  const checkout = join(import.meta.dirname, '../..');
  return start(cleanup, 'unshare', ['--mount', 'sh', '-c', script, 'sh', checkout, seen], {
    env: { ...process.env, TMPDIR: folder, NO_COLOR: '1' },
  });
}

describe.skipIf(!isRoot)('on the real kernel (needs root on Linux)', () => {
  test('everything that it claims is true, and nothing is left behind', async () => {
    const running = demo();
    expect(await running.ended(BOUND_MS), running.stdout() + running.stderr()).toBe(0);
    expect(running.stdout()).toContain('All of it is true');
    expect(running.stdout()).toMatch(/auth\.open +deny +secrets\/payroll\.csv/);
    expect(running.stdout()).toMatch(/auth\.exec +deny +downloads\/invoice/);
    expect(running.stdout()).toContain('7 of 7 acts; 3,000 of 3,000 opens');
    expect(leftBehind()).toEqual([]);
  });

  test.each([
    ['SIGINT', 'at once', ''],
    ['SIGTERM', 'once the scratch mount is there', 'scratch mount'],
    ['SIGINT', 'once the bridge listens', 'picket-bridge'],
    ['SIGTERM', 'once the agent guards', 'picket run'],
    ['SIGINT', 'between acts', '4. '],
    ['SIGHUP', 'under load', '3,000 opens'],
    ['SIGTERM', 'while the agent drains', 'The end of the agent'],
  ] as const)('broken off by %s %s, it leaves nothing behind', async (signal, _when, text) => {
    const running = demo();
    if (text !== '') await shown(running, text);
    running.signal(signal);
    await running.ended(BOUND_MS);
    expect(leftBehind()).toEqual([]);
  });

  test('started in the background of a shell, where Ctrl-C is ignored, it ends by SIGTERM', async () => {
    const command = `"${nodeProgram}" "${picketProgram}" demo & echo "pid $!"; wait`;
    const shell = start(cleanup, 'sh', ['-c', command], { env: { ...process.env, TMPDIR: folder } });
    await shown(shell, '2. ');
    const pid = Number(/pid (\d+)/.exec(shell.stdout())?.[1]);
    process.kill(pid, 'SIGTERM');
    await shell.ended(BOUND_MS);
    expect(leftBehind()).toEqual([]);
  });
});

describe.skipIf(process.platform !== 'linux')('where the kernel may not be guarded', () => {
  test.skipIf(!isRoot)(
    'an ordinary user sees recorded events, and what could not be shown (needs root to become that user)',
    async () => {
      const running = demoAsNobody();
      expect(await running.ended(BOUND_MS), running.stdout() + running.stderr()).toBe(0);
      expect(running.stdout()).toContain('guarding a filesystem needs root');
      expect(running.stdout()).toContain('cannot show');
      expect(running.stdout()).toContain('All of it is true');
      expect(leftBehind()).toEqual(['file checkout']);
    },
  );

  test('broken off, the recording leaves nothing behind either', async () => {
    const running = demo(['--recorded']);
    await shown(running, 'auth.open');
    running.signal('SIGTERM');
    expect(await running.ended(BOUND_MS)).toBe(1);
    expect(leftBehind()).toEqual([]);
  });
});
