// A program that ran although nobody was asked about it is an alert; one that was asked about, or that runs from where the
// operator chose to ask nobody, is none.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { picket } from '../../src/events/proto/picket.js';
import { long, TestAgent } from '../bridge/test-agent.ts';
import { socketOf, startBridge } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import { start } from './harness/process.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { type Shell, startShell } from './harness/shell.ts';
import { waitFor } from './harness/wait.ts';

const { NewMounts, EventKind } = picket.v1;
const fromMemory = join(import.meta.dirname, '../native/build/memfd_exec');

let cleanup: Cleanup;
let scratch: Scratch;
let root: string;
let shell: Shell;

beforeEach(() => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
  root = dirname(scratch.folder);
  shell = startShell(cleanup);
});

afterEach(() => cleanup.run());

function policy(newMounts = NewMounts.NEW_MOUNTS_REPORT): picket.v1.IPolicy {
  return {
    epoch: long(1),
    guardedFilesystems: [{ path: Buffer.from(scratch.mount) }],
    newMounts,
    // No rule reads notify.exec: the alert comes all the same. Mutes are for what nobody needs to see.
    subscriptions: [{ kind: EventKind.EVENT_KIND_AUTH, action: 'exec' }],
    mutes: [{ executablePrefix: Buffer.from('/') }],
  };
}

async function startGuard(given = policy()): Promise<TestAgent> {
  await startBridge(cleanup, scratch, { args: ['--only-below', root] });
  const agent = new TestAgent(socketOf(scratch));
  cleanup.add(() => agent.kill());
  return agent.start(given);
}

interface Unasked {
  readonly pid: number;
  readonly message: string;
  readonly severity: string;
}

const unasked = (agent: TestAgent): Unasked[] =>
  agent.events.flatMap(({ kind, action, process, alerts }) =>
    kind === EventKind.EVENT_KIND_NOTIFY && action === 'exec'
      ? alerts
          .filter(({ rule }) => rule === 'picket-unasked')
          .map(({ message, severity }) => ({
            pid: process?.pid ?? 0,
            message: message ?? '',
            severity: severity ?? '',
          }))
      : [],
  );

const alertOf = (agent: TestAgent, pid: number): Promise<Unasked> =>
  waitFor(`an alert about ${pid}`, () => unasked(agent).find((one) => one.pid === pid));

/** Events are told in their order: all that came before this one's alert has been judged. */
async function allIsTold(agent: TestAgent): Promise<number> {
  const pid = await shell.begin(`${fromMemory} /bin/cat`);
  await alertOf(agent, pid);
  return pid;
}

function addProgram(folder: string, name = 'program', from = '/bin/cat'): string {
  const path = join(folder, name);
  copyFileSync(from, path);
  chmodSync(path, 0o755);
  return path;
}

test('a program from memory', async () => {
  const agent = await startGuard();
  const pid = await shell.begin(`${fromMemory} /bin/cat -u`);
  const alert = await alertOf(agent, pid);
  expect(alert.severity).toBe('high');
  expect(alert.message).toContain('it runs from memory, or from a filesystem that is mounted nowhere');
});

test.each(['report', 'ignore'] as const)(
  'a program on a filesystem that was mounted later: %s',
  async (order) => {
    const agent = await startGuard(
      policy(order === 'report' ? NewMounts.NEW_MOUNTS_REPORT : NewMounts.NEW_MOUNTS_IGNORE),
    );
    const later = join(root, 'later');
    mkdirSync(later);
    execFileSync('mount', ['-t', 'tmpfs', 'picket-test', later]);
    cleanup.add(() => {
      execFileSync('umount', ['-l', later]);
    });
    const pid = await shell.begin(addProgram(later));
    if (order === 'report') expect((await alertOf(agent, pid)).message).toContain('mounted later');
    const last = await allIsTold(agent);
    expect(unasked(agent).map((one) => one.pid)).toEqual(order === 'report' ? [pid, last] : [last]);
  },
);

test('a program on a private tmpfs in a user namespace', async () => {
  const agent = await startGuard();
  const other = startShell(cleanup, 'user-namespace');
  mkdirSync(join(root, 'private'));
  expect(await other.run(`mount -t tmpfs none ${root}/private && cp /bin/cat ${root}/private/program`)).toBe(
    0,
  );
  const pid = await other.begin(`${root}/private/program`);
  expect((await alertOf(agent, pid)).message).toContain('in another mount namespace');
});

test('a program of a filesystem that is guarded only after it ran', async () => {
  const agent = await startGuard(policy(NewMounts.NEW_MOUNTS_GUARD));
  const other = startShell(cleanup, 'user-namespace');
  mkdirSync(join(root, 'private'));
  // All of it in one go, so that the mark may come too late: then there is an alert. Else the question came.
  const pid = await other.begin(
    `mount -t tmpfs none ${root}/private && cp /bin/cat ${root}/private/program && exec ${root}/private/program`,
  );
  // The shell says the pid before that has run.
  await waitFor(
    'a question or an alert',
    () =>
      agent.requests.some(({ event }) => picket.v1.Event.decode(event).process?.pid === pid) ||
      unasked(agent).some((one) => one.pid === pid),
  );
});

test('none: programs that were asked about, scripts, deleted ones, and those of filesystems that nobody named', async () => {
  const agent = await startGuard();
  const program = addProgram(scratch.mount);
  await shell.begin(program);
  const interpreter = addProgram(scratch.mount, 'sh', '/bin/sh');
  for (const folder of [scratch.mount, scratch.folder]) {
    const script = join(folder, 'script');
    writeFileSync(script, `#!${interpreter} -e\nread line\n`, { mode: 0o755 });
    await shell.begin(script);
  }
  await shell.begin(addProgram(scratch.folder));
  addProgram(scratch.mount, 'deleted');
  await shell.begin(`exec 9<${scratch.mount}/deleted && rm ${scratch.mount}/deleted && exec /proc/self/fd/9`);
  await shell.begin(`exec ${program}`);
  // Four programs and a shell, a shell alone.
  await waitFor('all to be asked about', () => agent.requests.length >= 6);
  const last = await allIsTold(agent);
  expect(unasked(agent).map((one) => one.pid)).toEqual([last]);
});

test('none: what ran before the bridge, and while its policy came', async () => {
  const program = addProgram(scratch.mount);
  await shell.begin(program);
  const loop = start(cleanup, 'sh', ['-c', 'while :; do "$1" </dev/null; done', 'sh', program]);
  const agent = await startGuard();
  for (let epoch = 2; epoch < 6; epoch++) await agent.policy({ ...policy(), epoch: long(epoch) });
  await waitFor('the loop to be asked about', () => agent.requests.length > 20);
  const last = await allIsTold(agent);
  loop.signal('SIGKILL');
  expect(unasked(agent).map((one) => one.pid)).toEqual([last]);
});

test('none: a build of many programs at once, on the guarded filesystem and beside it', async () => {
  const agent = await startGuard();
  for (const name of ['sh', 'true', 'cat', 'cp', 'env']) addProgram(scratch.mount, name, `/bin/${name}`);
  const rules = Array.from(
    { length: 300 },
    (_, number) =>
      `${number}:\n\t@${scratch.mount}/env ${scratch.mount}/sh -c 'echo ${number} | ${scratch.mount}/cat >$@.o; ${scratch.mount}/cp $@.o $@.s; /bin/true; ${scratch.mount}/true'`,
  );
  const names = rules.map((_, number) => number).join(' ');
  writeFileSync(
    join(scratch.mount, 'Makefile'),
    `SHELL := ${scratch.mount}/sh\nall: ${names}\n${rules.join('\n')}\n`,
  );
  const made = spawnChild('make', ['-s', '-j8', '-C', scratch.mount]);
  expect(await made).toBe(0);
  const last = await allIsTold(agent);
  expect(agent.requests.length).toBeGreaterThan(1_000);
  expect(unasked(agent).map((one) => one.pid)).toEqual([last]);
});

/** Not by spawnSync, which would keep this agent from answering. */
const spawnChild = (program: string, args: readonly string[]): Promise<number | NodeJS.Signals> =>
  start(cleanup, program, args).ended(100_000);

test('none: a container, whose overlay has its layers on the guarded filesystem', async () => {
  const agent = await startGuard();
  const [lower, upper, work, merged] = ['lower', 'upper', 'work', 'merged'].map((name) =>
    join(scratch.mount, name),
  );
  for (const folder of [lower, upper, work, merged]) if (folder !== undefined) mkdirSync(folder);
  const libraries = spawnSync('sh', ['-c', "ldd /bin/cat /bin/sh | grep -o '/[^ ]*' | grep -v :"], {
    encoding: 'utf8',
  });
  for (const file of ['/bin/cat', '/bin/sh', ...libraries.stdout.trim().split('\n')])
    execFileSync('cp', ['-L', '--parents', file, lower ?? '']);
  const other = startShell(cleanup, 'mount-namespace');
  expect(
    await other.run(`mount -t overlay -o lowerdir=${lower},upperdir=${upper},workdir=${work} none ${merged}`),
  ).toBe(0);
  await other.begin(`chroot ${merged} /bin/sh -c 'exec /bin/cat'`);
  const last = await allIsTold(agent);
  expect(unasked(agent).map((one) => one.pid)).toEqual([last]);
});
