// In which container somebody acts, by the cgroup: found, none, pending and failed are four answers, and a failure is counted.
// No runtime is needed for it: the test's own cgroups have the names that runtimes give.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { picket } from '../../src/events/proto/picket.js';
import { textOfBytes } from '../../src/events/text.ts';
import { long, TestAgent } from '../bridge/test-agent.ts';
import { socketOf, startBridge } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { type Shell, startShell } from './harness/shell.ts';
import { waitFor } from './harness/wait.ts';

const { EventKind } = picket.v1;
const { LOOKUP_FAILED, LOOKUP_FOUND, LOOKUP_NONE, LOOKUP_PENDING } = picket.v1.Container.Lookup;
const ID = '0123456789abcdef'.repeat(4);

let cleanup: Cleanup;
let scratch: Scratch;
let hierarchy: string;
let shell: Shell;
let agent: TestAgent;

beforeEach(() => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
  const all = join(scratch.folder, 'cgroups');
  mkdirSync(all);
  const { status, stderr } = spawnSync('mount', ['-t', 'cgroup2', 'picket-test', all], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the hierarchy of cgroups can't be mounted: ${stderr}`);
  cleanup.add(() => {
    spawnSync('umount', [all]);
  });
  hierarchy = join(all, basename(dirname(scratch.folder)));
  makeFolder(hierarchy);
});

afterEach(() => cleanup.run());

/** Removed when those in it have ended. */
function makeFolder(folder: string): void {
  mkdirSync(folder);
  cleanup.add(async () => {
    await waitFor('the cgroup to be empty', () => removes(folder));
  });
}

/** The file that moves into it whoever's pid is written there. */
function makeCgroup(name: string): string {
  const folder = join(hierarchy, name);
  makeFolder(folder);
  return join(folder, 'cgroup.procs');
}

function removes(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch {
    return false;
  }
}

async function watch(): Promise<void> {
  shell = startShell(cleanup);
  await startBridge(cleanup, scratch);
  agent = new TestAgent(socketOf(scratch));
  cleanup.add(() => agent.kill());
  const subscriptions = [
    { kind: EventKind.EVENT_KIND_AUTH, action: 'open' },
    ...['exec', 'fork', 'exit', 'create'].map((action) => ({ kind: EventKind.EVENT_KIND_NOTIFY, action })),
  ];
  const guardedFilesystems = [{ path: Buffer.from(scratch.mount) }];
  await agent.start({ epoch: long(1), guardedFilesystems, subscriptions });
}

interface Told {
  readonly lookup: picket.v1.Container.Lookup | null | undefined;
  readonly id: string;
  readonly runtime: string;
  readonly cgroup: string;
}

const text = (bytes: Uint8Array | null | undefined): string => textOfBytes(bytes ?? new Uint8Array());

const toldIn = ({ container, process }: picket.v1.Event): Told => ({
  lookup: container?.lookup,
  id: text(container?.id),
  runtime: container?.runtime ?? '',
  cgroup: text(process?.cgroup),
});

function eventsOf(action: string, name: string): picket.v1.Event[] {
  const all =
    action === 'open' ? agent.requests.map(({ event }) => picket.v1.Event.decode(event)) : agent.events;
  return all.filter((event) => event.action === action && text(event.file?.path).endsWith(`/${name}`));
}

const told = async (action: string, name: string): Promise<Told> =>
  toldIn(await waitFor(`${action} of ${name}`, () => eventsOf(action, name)[0]));

test('who acts in a container is told with its id once a program runs there', async () => {
  const procs = makeCgroup(`docker-${ID}.scope`);
  await watch();
  const there: Told = {
    lookup: LOOKUP_FOUND,
    id: ID,
    runtime: 'docker',
    cgroup: `/${basename(hierarchy)}/docker-${ID}.scope`,
  };
  copyFileSync('/bin/cat', join(scratch.mount, 'cat'));
  chmodSync(join(scratch.mount, 'cat'), 0o755);
  // As a runtime does it: a child moves into the cgroup and then executes. It stays, so that it can be looked at.
  const run = (file: string): Promise<number> =>
    shell.begin(`sh -c 'echo $$ >${procs}; exec ${scratch.mount}/cat ${file} -'`);
  await run('/dev/null');
  expect(await told('exec', 'cat')).toEqual(there);
  // Its first questions may come before its container is known: then that is said.
  for (let i = 0, last: Told | undefined; last?.lookup !== LOOKUP_FOUND; i++) {
    await run(scratch.file(`asked-${i}`));
    last = await told('open', `asked-${i}`);
    if (last.lookup === LOOKUP_PENDING && i < 100) continue;
    expect(last).toEqual(there);
  }
  expect(await shell.run(`: >${scratch.mount}/outside`)).toBe(0);
  expect(await told('create', 'outside')).toMatchObject({ lookup: LOOKUP_NONE, id: '', runtime: '' });
});

test('a process that was there before the bridge, and its children, are told with theirs', async () => {
  const procs = makeCgroup('lxc.payload.web-1');
  const other = startShell(cleanup);
  writeFileSync(procs, `${other.running.pid}`);
  await watch();
  expect(await other.run(`: >${scratch.mount}/by-shell`)).toBe(0);
  const there = { lookup: LOOKUP_FOUND, id: 'web-1', runtime: 'lxc' };
  expect(await told('create', 'by-shell')).toMatchObject(there);
  expect(await other.run(`(: >${scratch.mount}/by-child)`)).toBe(0);
  const child = await told('create', 'by-child');
  // It may have ended before it could be looked at.
  expect([there, { lookup: LOOKUP_FAILED, id: '', runtime: '' }]).toContainEqual({
    lookup: child.lookup,
    id: child.id,
    runtime: child.runtime,
  });
});

test('what can not be looked up is none of the other answers, and is counted', async () => {
  await watch();
  // A child that ends at once, without a program of its own: nobody can look at it any more.
  const LIVES = 200;
  expect(await shell.run(`i=0; while [ $i -lt ${LIVES} ]; do (:); i=$((i+1)); done`)).toBe(0);
  const ofShell = (): picket.v1.Event[] =>
    agent.events.filter(
      ({ action, process: child }) => action === 'exit' && child?.parent?.pid === shell.running.pid,
    );
  await waitFor('their ends', () => ofShell().length >= LIVES);
  const answers = ofShell().map(({ container }) => container?.lookup);
  expect(answers.every((lookup) => lookup === LOOKUP_NONE || lookup === LOOKUP_FAILED)).toBe(true);
  const failed = answers.filter((lookup) => lookup === LOOKUP_FAILED).length;
  const counted = (what: 'gone' | 'none'): number => Number(agent.statistics?.containerLookups?.[what] ?? 0);
  await waitFor('the counts', () => counted('gone') >= failed && counted('none') > 0);
  expect(answers).not.toContain(LOOKUP_PENDING);
});

test('who has a root of its own is told with its path from there, beside the one of the host', async () => {
  await watch();
  copyFileSync(join(import.meta.dirname, '../native/build/harmless'), join(scratch.mount, 'harmless'));
  chmodSync(join(scratch.mount, 'harmless'), 0o755);
  await shell.run(`${scratch.mount}/harmless`);
  await shell.run(`chroot ${scratch.mount} /harmless`);
  await waitFor('both to be asked about', () => eventsOf('open', 'harmless').length >= 2);
  const files = eventsOf('open', 'harmless').map(({ file }) => [text(file?.path), text(file?.containerPath)]);
  const host = join(scratch.mount, 'harmless');
  expect(files).toContainEqual([host, '']);
  expect(files).toContainEqual([host, '/harmless']);
});
