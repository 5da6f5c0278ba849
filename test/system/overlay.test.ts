// Overlays: a deny holds by the overlay's path and by the layer's, guarding both hangs nobody, a container's paths are those
// of the overlay's mount, and names that change are told by them.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { picket } from '../../src/events/proto/picket.js';
import { long, TestAgent } from '../bridge/test-agent.ts';
import { socketOf, startBridge } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import { errorOfOpen, startOpener } from './harness/opener.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { type Shell, startShell } from './harness/shell.ts';
import { waitFor } from './harness/wait.ts';

const { EventKind, NewMounts, StaticTest, Verdict } = picket.v1;
const { EVENT_KIND_AUTH, EVENT_KIND_NOTIFY } = EventKind;

interface Overlay {
  readonly merged: string;
  readonly lower: string;
  readonly upper: string;
}

let cleanup: Cleanup;
let scratch: Scratch;
let shell: Shell;

beforeEach(() => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
  shell = startShell(cleanup);
});

afterEach(() => cleanup.run());

/** Its layers lie on the scratch filesystem, it itself beside that. */
function makeOverlay(name = 'overlay'): Overlay {
  const [lower, upper, work] = ['lower', 'upper', 'work'].map((part) =>
    join(scratch.mount, `${name}-${part}`),
  );
  const merged = join(dirname(scratch.folder), name);
  if (lower === undefined || upper === undefined || work === undefined) throw new Error('no folders');
  for (const folder of [lower, upper, work, merged]) mkdirSync(folder);
  for (const file of ['denied', 'plain', 'gone', 'moved']) writeFileSync(join(lower, file), file);
  for (const program of ['denied-program', 'program']) {
    copyFileSync('/bin/true', join(lower, program));
    chmodSync(join(lower, program), 0o755);
  }
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  execFileSync('mount', ['-t', 'overlay', '-o', options, 'picket-test', merged]);
  cleanup.add(() => {
    execFileSync('umount', ['-l', merged]);
  });
  return { merged, lower, upper };
}

function policy(filesystems: readonly string[], prefixes: readonly string[], notify: readonly string[] = []) {
  return {
    epoch: long(1),
    guardedFilesystems: filesystems.map((path) => ({ path: Buffer.from(path) })),
    newMounts: NewMounts.NEW_MOUNTS_IGNORE,
    subscriptions: [
      ...['exec', 'open'].map((action) => ({ kind: EVENT_KIND_AUTH, action })),
      ...notify.map((action) => ({ kind: EVENT_KIND_NOTIFY, action })),
    ],
    staticVerdicts: ['exec', 'open'].map((action) => ({
      action,
      verdict: Verdict.VERDICT_DENY,
      rule: 'deny',
      tests: [
        {
          subject: StaticTest.Subject.SUBJECT_FILE_PATH,
          operator: StaticTest.Operator.OPERATOR_PREFIX,
          values: prefixes.map((prefix) => Buffer.from(prefix)),
        },
      ],
    })),
  };
}

async function startGuard(given: picket.v1.IPolicy): Promise<TestAgent> {
  await startBridge(cleanup, scratch, { args: ['--only-below', dirname(scratch.folder)] });
  const agent = new TestAgent(socketOf(scratch));
  cleanup.add(() => agent.kill());
  await agent.start(given);
  return agent;
}

const EPERM = 126;
const path = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString();

test.each([
  ['the overlay', ({ merged }: Overlay) => [merged], ({ merged }: Overlay) => `${merged}/denied`],
  ['its lower layer', () => [scratch.mount], ({ lower }: Overlay) => `${lower}/denied`],
  [
    'both, denied by the overlay',
    ({ merged }: Overlay) => [merged, scratch.mount],
    ({ merged }: Overlay) => `${merged}/denied`,
  ],
  [
    'both, denied by the layer',
    ({ merged }: Overlay) => [merged, scratch.mount],
    ({ lower }: Overlay) => `${lower}/denied`,
  ],
] as const)('guarded is %s: a deny by that path holds through the overlay', async (_, guarded, denied) => {
  const overlay = makeOverlay();
  await startGuard(policy(guarded(overlay), [denied(overlay)]));
  expect(await shell.run(`cat ${overlay.merged}/denied`)).toBe(1);
  expect(await shell.run(`${overlay.merged}/denied-program`)).toBe(EPERM);
  expect(await shell.run(`cat ${overlay.merged}/plain && ${overlay.merged}/program`)).toBe(0);
  // Written to, a file moves to the upper layer, which is no way around the overlay's path.
  if (denied(overlay).startsWith(overlay.merged)) {
    expect(await shell.run(`echo more >>${overlay.merged}/denied`)).not.toBe(0);
    expect(await shell.run(`cp ${overlay.merged}/plain ${overlay.merged}/denied-too`)).toBe(1);
  }
});

test('an overlay and its layers are guarded at once, and many opens of both are all answered', async () => {
  const overlay = makeOverlay();
  await startGuard(policy([overlay.merged, scratch.mount], [`${overlay.merged}/denied`]));
  const paths = ['denied', 'plain', 'gone'].map((name) => join(overlay.merged, name));
  const openers = [
    startOpener(cleanup, { paths, threads: 6, count: 600 }),
    startOpener(cleanup, { paths: [join(overlay.lower, 'plain')], threads: 4, count: 400 }),
  ];
  const [above, below] = await Promise.all(openers.map((opener) => opener.report()));
  expect([above?.calls, above?.denied, above?.other]).toEqual([3_600, 1_200, 0]);
  expect([below?.calls, below?.ok]).toEqual([1_600, 1_600]);
});

test('in a container the path is that of the overlay, and the one that the container sees stands beside it', async () => {
  const overlay = makeOverlay();
  const libraries = execFileSync('sh', ['-c', "ldd /bin/cat /bin/sh | grep -o '/[^ ]*' | grep -v :"], {
    encoding: 'utf8',
  });
  for (const file of ['/bin/cat', '/bin/sh', ...libraries.trim().split('\n')])
    execFileSync('cp', ['-L', '--parents', file, overlay.merged]);
  const agent = await startGuard(policy([overlay.merged], [`${overlay.merged}/denied`], ['create']));
  const container = startShell(cleanup, 'mount-namespace');
  mkdirSync(join(overlay.merged, 'old'));
  expect(await container.run(`cd ${overlay.merged} && pivot_root . old && cd /`)).toBe(0);
  expect(await container.run('cat /plain')).toBe(0);
  expect(await container.run('cat /denied')).toBe(1);
  const asked = agent.requests.map(({ event }) => picket.v1.Event.decode(event).file);
  expect(asked.find((file) => path(file?.path) === `${overlay.merged}/plain`)?.pathUnresolved).toBe(false);
  expect(asked.filter((file) => path(file?.path) === '/plain')).toEqual([]);
  const plain = asked.find((file) => path(file?.path) === `${overlay.merged}/plain`);
  expect(path(plain?.containerPath)).toBe('/plain');
  // So is a name that changes, told while who did it is there; the host's own acts have no second path.
  expect(await container.run(': >/made')).toBe(0);
  expect(await shell.run(`: >${overlay.merged}/made-outside`)).toBe(0);
  const made = (name: string): picket.v1.IFile | null | undefined =>
    agent.events.find(
      ({ action, file }) => action === 'create' && path(file?.path) === join(overlay.merged, name),
    )?.file;
  await waitFor('both to be told', () => made('made') && made('made-outside'));
  expect(path(made('made')?.containerPath)).toBe('/made');
  expect(path(made('made-outside')?.containerPath)).toBe('');
});

test('names that change in an overlay are told by its path, and what it does in its layers is not', async () => {
  const overlay = makeOverlay();
  const agent = await startGuard(
    policy([overlay.merged], ['/none'], ['create', 'attrib', 'close', 'rename', 'unlink']),
  );
  const at = (name: string): string => join(overlay.merged, name);
  const commands = [
    `echo x >${at('new')}`,
    `mv ${at('new')} ${at('newer')}`,
    `rm ${at('newer')}`,
    `rm ${at('gone')}`,
    `echo again >${at('gone')}`,
    `echo more >>${at('plain')}`,
    `mkdir ${at('folder')}`,
    `mv ${at('moved')} ${at('folder/moved')}`,
    `chmod 600 ${at('gone')}`,
    `chmod 700 ${at('program')}`,
    `echo x >${join(scratch.mount, 'beside')}`,
    `echo x >${at('last')}`,
  ];
  for (const command of commands) expect(await shell.run(command), command).toBe(0);
  const told = (): string[] =>
    agent.events
      .filter(({ kind }) => kind === EVENT_KIND_NOTIFY)
      .map(({ action, file }) =>
        [action, path(file?.path), path(file?.targetPath)].filter(Boolean).join(' '),
      );
  await waitFor('the last', () =>
    ['create', 'close'].every((action) => told().includes(`${action} ${at('last')}`)),
  );
  // Closed files come by a group of their own; and what an overlay notes of its folders is an attribute, too.
  const isClose = (line: string): boolean => line.startsWith('close ');
  expect(told().filter(isClose)).toEqual(['new', 'gone', 'plain', 'last'].map((name) => `close ${at(name)}`));
  expect(told().filter((line) => !isClose(line) && line !== `attrib ${at('folder')}`)).toEqual([
    `create ${at('new')}`,
    `rename ${at('new')} ${at('newer')}`,
    `unlink ${at('newer')}`,
    `unlink ${at('gone')}`,
    `create ${at('gone')}`,
    `create ${at('folder')}`,
    `rename ${at('moved')} ${at('folder/moved')}`,
    `attrib ${at('gone')}`,
    `attrib ${at('program')}`,
    `create ${at('last')}`,
  ]);
});

test('an overlay on an overlay is not guarded and says so: its reader would wait for itself', async () => {
  const overlay = makeOverlay();
  const second = join(dirname(scratch.folder), 'second');
  mkdirSync(second);
  execFileSync('mount', [
    '-t',
    'overlay',
    '-o',
    `lowerdir=${overlay.merged}:${overlay.lower}`,
    'picket-test',
    second,
  ]);
  cleanup.add(() => {
    execFileSync('umount', ['-l', second]);
  });
  const agent = await startGuard(
    policy([second, overlay.merged, scratch.mount], [`${overlay.merged}/denied`]),
  );
  expect(agent.applied[0]?.unguarded).toContain(
    `${second} is not guarded: one of its layers lies on another overlay`,
  );
  expect(await shell.run(`cat ${second}/plain`)).toBe(0);
  // What lies below is asked about.
  expect(await shell.run(`cat ${second}/denied`)).toBe(1);
  expect(errorOfOpen(join(second, 'denied'))).toBe('none'); // by the agent, who is never asked
});
