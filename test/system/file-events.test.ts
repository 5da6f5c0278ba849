// What happens to files, as the kernel names it: each act is told once, by the canonical path, with who did it; a flood that
// the kernel had to drop is a loss; and without a rule the kernel is asked for nothing.
import { chmodSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { picket } from '../../src/events/proto/picket.js';
import { textOfBytes } from '../../src/events/text.ts';
import { long, TestAgent } from '../bridge/test-agent.ts';
import { type RunningBridge, socketOf, startBridge } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import { contentOf, namesIn } from './harness/proc.ts';
import { type Running, start } from './harness/process.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { startShell } from './harness/shell.ts';
import { waitFor } from './harness/wait.ts';

const changer = join(import.meta.dirname, '../native/build/changer');
const { EVENT_KIND_NOTIFY } = picket.v1.EventKind;
const ACTIONS = ['create', 'attrib', 'close', 'rename', 'unlink'] as const;

let cleanup: Cleanup;
let scratch: Scratch;
let bridge: RunningBridge;
let agent: TestAgent;
let actor: Running;
let acts: string[];
let wanted: readonly string[];

beforeEach(() => {
  cleanup = new Cleanup();
  acts = [];
});

afterEach(() => cleanup.run());

async function watch(type: 'tmpfs' | 'ext4', actions: readonly string[] = ACTIONS): Promise<void> {
  wanted = actions;
  scratch = makeScratch(cleanup, type);
  bridge = await startBridge(cleanup, scratch);
  agent = new TestAgent(socketOf(scratch));
  cleanup.add(() => agent.kill());
  await agent.start(policy(1, actions));
  actor = start(cleanup, changer, [], { stdin: 'pipe' });
}

const policy = (epoch: number, actions: readonly string[]): picket.v1.IPolicy => ({
  epoch: long(epoch),
  guardedFilesystems: [{ path: Buffer.from(scratch.mount) }],
  subscriptions: actions.map((action) => ({ kind: EVENT_KIND_NOTIFY, action })),
});

type Name = string | Buffer;

/** Below the mount, byte by byte. */
const pathOf = (name: Name): Buffer => Buffer.concat([Buffer.from(`${scratch.mount}/`), Buffer.from(name)]);

function send(verb: string, ...words: readonly string[]): void {
  acts.push(verb);
  actor.child.stdin?.write(`${[verb, ...words].join(' ')}\n`);
}

/** Until all that was sent is done. */
async function done(): Promise<void> {
  const codes = (): string[] => [...actor.stdout().matchAll(/^done (\d+)$/gm)].map(([, code = '']) => code);
  await waitFor(
    () => acts.slice(codes().length).join(),
    () => codes().length === acts.length,
  );
  expect(acts.map((verb, i) => `${verb} ${codes()[i]}`)).toEqual(acts.map((verb) => `${verb} 0`));
}

const hex = (name: Name): string =>
  (name === '.' ? Buffer.from(scratch.mount) : pathOf(name)).toString('hex');
const act = (verb: string, ...names: readonly Name[]): void => send(verb, ...names.map(hex));

let marks = 0;

/** What is told of acts that were done since the last call, in the order in which it came. */
async function told(): Promise<picket.v1.Event[]> {
  const mark = `mark-${++marks}`;
  act('create', mark);
  const isMark = (action: string) => (event: picket.v1.Event) =>
    event.action === action && nameOf(event.file?.path) === mark;
  // Its own create and close, whichever of them is wanted, come last.
  await waitFor(mark, () => agent.events.some(isMark(wanted.includes('close') ? 'close' : 'create')));
  await done();
  const all = agent.events.splice(0);
  return all.filter(({ kind, file }) => kind === EVENT_KIND_NOTIFY && nameOf(file?.path) !== mark);
}

/** Below the mount; the whole path where it is elsewhere. */
function nameOf(path: Uint8Array | null | undefined): string {
  const text = textOfBytes(path ?? new Uint8Array());
  const prefix = `${scratch.mount}/`;
  return text.startsWith(prefix) ? text.slice(prefix.length) : text === scratch.mount ? '.' : text;
}

const inWords = ({ action, file }: picket.v1.Event): string =>
  [action, nameOf(file?.path), nameOf(file?.targetPath), ...(file?.pathUnresolved ? ['(unresolved)'] : [])]
    .filter(Boolean)
    .join(' ');

/** Does it, and gives what is told of it. */
async function tells(verb: string, ...names: readonly Name[]): Promise<string[]> {
  act(verb, ...names);
  const events = await told();
  for (const { process } of events) {
    expect(process?.pid).toBe(actor.pid);
    expect(textOfBytes(process?.executable ?? new Uint8Array())).toBe(changer);
    expect(process?.executableUnresolved).toBe(false);
  }
  return events.map(inWords);
}

describe.each(['tmpfs', 'ext4'] as const)('on %s', (type) => {
  test('what happens to files and folders is told once each, by its names', async () => {
    await watch(type);
    expect(await tells('create', 'a')).toEqual(['create a', 'close a']);
    expect(await tells('write', 'a')).toEqual(['close a']);
    expect(await tells('open-for-writing', 'a')).toEqual(['close a']);
    expect(await tells('read', 'a')).toEqual([]);
    expect(await tells('chmod', 'a')).toEqual(['attrib a']);
    expect(await tells('chown', 'a')).toEqual(['attrib a']);
    expect(await tells('utimes', 'a')).toEqual(['attrib a']);
    expect(await tells('setxattr', 'a')).toEqual(['attrib a']);
    expect(await tells('mkdir', 'd')).toEqual(['create d']);
    expect(await tells('chmod', 'd')).toEqual(['attrib d']);
    expect(await tells('chmod', '.')).toEqual(['attrib .']);
    expect(await tells('rename', 'a', 'd/b')).toEqual(['rename a d/b']);
    expect(await tells('create', 'over')).toEqual(['create over', 'close over']);
    expect(await tells('rename', 'd/b', 'over')).toEqual(['rename d/b over']);
    expect(await tells('create', 'd/c')).toEqual(['create d/c', 'close d/c']);
    expect(await tells('exchange', 'over', 'd/c')).toEqual(['rename over d/c', 'rename d/c over']);
    expect(await tells('link', 'over', 'd/second')).toEqual(['create d/second']);
    expect(await tells('unlink', 'over')).toEqual(['unlink over']);
    expect(await tells('chmod', 'd/second')).toEqual(['attrib d/second']);
    expect(await tells('symlink', 'd/second', 's')).toEqual(['create s']);
    expect(await tells('lchown', 's')).toEqual(['attrib s']);
    expect(await tells('chown', 's')).toEqual(['attrib d/second']);
    expect(await tells('mkfifo', 'p')).toEqual(['create p']);
    expect(await tells('name-late', '.', 'late')).toEqual([
      expect.stringMatching(/^create late$/),
      expect.stringMatching(/^close (late|#\d+)$/),
    ]);
    expect(await tells('rename', 'd', 'e')).toEqual(['rename d e']);
    expect(await tells('unlink', 'e/second')).toEqual(['unlink e/second']);
    expect(await tells('unlink', 'e/c')).toEqual(['unlink e/c']);
    expect(await tells('rmdir', 'e')).toEqual(['unlink e']);
  });

  test('a name is told byte by byte, however long, deep or odd it is', async () => {
    await watch(type);
    const odd = [
      Buffer.from([0x66, 0xff, 0xfe, 0x80]),
      Buffer.from('line\nbreak and \\ and "quotes"'),
      Buffer.from('seems (deleted)'),
      Buffer.from('n'.repeat(255)),
      Buffer.from([...Buffer.alloc(254, 0xe4), 0x20]),
    ];
    for (const name of odd) {
      const text = textOfBytes(name);
      expect(await tells('create', name)).toEqual([`create ${text}`, `close ${text}`]);
      expect(await tells('unlink', name)).toEqual([`unlink ${text}`]);
    }
    const file = scratch.deepFile(15, 240);
    await told();
    const deep = file.slice(scratch.mount.length + 1);
    expect(await tells('chmod', deep)).toEqual([`attrib ${deep}`]);
    expect(await tells('unlink', deep)).toEqual([`unlink ${deep}`]);
  });

  test('a file that has no name any more is told by its last one, as unresolved', async () => {
    await watch(type);
    scratch.file('held');
    act('hold', 'held');
    await told();
    expect(await tells('unlink', 'held')).toEqual(['unlink held']);
    expect(await tells('chmod-held')).toEqual(['attrib held (unresolved)']);
    expect(await tells('close-held')).toEqual(['close held (unresolved)']);
  });
});

test('a process that is gone at once is told as who it was, or as unresolved, and never as another', async () => {
  await watch('tmpfs');
  const shell = startShell(cleanup);
  const LIVES = 60;
  writeFileSync(
    join(scratch.folder, 'lives'),
    `i=100; while [ $i -lt ${100 + LIVES} ]; do sh -c 'echo pid $$ $1; : > $2/life-$1' sh $i ${scratch.mount}; i=$((i+1)); done`,
  );
  expect(await shell.run(`sh ${join(scratch.folder, 'lives')}`)).toBe(0);
  const pids = new Map(
    [...shell.running.stdout().matchAll(/^pid (\d+) (\d+)$/gm)].map(([, pid, i]) => [i, pid]),
  );
  expect(pids.size).toBe(LIVES);
  const created = (await told()).filter(({ action }) => action === 'create');
  expect(created).toHaveLength(LIVES);
  for (const { file, process } of created) {
    expect(`${process?.pid}`).toBe(pids.get(nameOf(file?.path).slice('life-'.length)));
    const executable = textOfBytes(process?.executable ?? new Uint8Array());
    if (process?.executableUnresolved === false) expect(executable).toBe(realpathSync('/bin/sh'));
  }
});

test('what a process did is never told of the next one with its pid, though both have ended', async () => {
  await watch('tmpfs', ['open', 'exit']);
  const file = scratch.file('opened');
  chmodSync(dirname(scratch.mount), 0o711);
  chmodSync(file, 0o644);
  // Who opens it is user 1111, and who has the pid next is user 2222; the bridge hears of all of it afterwards.
  await bridge.freeze();
  const lives = start(cleanup, join(dirname(changer), 'actor'), ['reuse', file, '/bin/true']);
  expect(await lives.ended()).toBe(0);
  bridge.thaw();
  const open = await waitFor('the open', () =>
    agent.events.find(
      ({ action, process: who, file: of }) =>
        action === 'open' && nameOf(of?.path) === 'opened' && who?.pid !== process.pid,
    ),
  );
  const [first, second] = await waitFor('both ends', () => {
    const ends = agent.events.filter(
      ({ action, process: who }) => action === 'exit' && who?.pid === open.process?.pid,
    );
    return ends.length === 2 && ends;
  });
  const entityOf = (event: picket.v1.Event | undefined): string => event?.process?.entityId ?? '';
  expect(entityOf(first)).not.toBe(entityOf(second));
  expect([entityOf(first), '']).toContain(entityOf(open));
  if (open.process?.user) expect(open.process.user.id).toBe(1111);
});

test('what the kernel had to drop is a loss, and what comes after it is told again', async () => {
  await watch('tmpfs', ['create']);
  const room = Number(readFileSync('/proc/sys/fs/fanotify/max_queued_events', 'utf8'));
  await bridge.freeze();
  send('flood', hex('.'), `${room + 1_000}`);
  await done();
  bridge.thaw();
  await waitFor('the loss', () =>
    agent.losses.some(({ cause, kind }) => cause === 'kernel_overflow' && kind === EVENT_KIND_NOTIFY),
  );
  const names = (await told()).map(({ file }) => nameOf(file?.path));
  expect(names.length).toBeLessThanOrEqual(room);
  expect(names).toEqual(names.map((_, i) => `${i}`));
  expect(await tells('create', 'after')).toEqual(['create after']);
}, 120_000);

const EVENT_ON_CHILD = 0x08000000; // the kernel adds it

/** What the groups of the bridge are marked for, a number for each mark. */
function marksOfBridge(): number[] {
  const folder = `/proc/${bridge.guardPid()}/fdinfo`;
  return namesIn(folder)
    .flatMap((fd) => [...contentOf(`${folder}/${fd}`).matchAll(/^fanotify sdev:.* mask:(\w+) /gm)])
    .map(([, mask = '']) => Number.parseInt(mask, 16) & ~EVENT_ON_CHILD);
}

test('the kernel is asked for what a rule wants to know, and for nothing else', async () => {
  const [CREATE, ATTRIB, CLOSE_WRITE, ONDIR] = [0x100, 0x4, 0x8, 0x40000000];
  await watch('tmpfs', []);
  expect(marksOfBridge()).toEqual([]);
  let epoch = 1;
  for (const [actions, mask] of [
    [['attrib'], ATTRIB | ONDIR],
    [['close'], CLOSE_WRITE],
    [['create', 'close'], CREATE | CLOSE_WRITE | ONDIR],
    [['create'], CREATE | ONDIR],
  ] as const) {
    await agent.policy(policy(++epoch, actions));
    expect(marksOfBridge(), actions.join()).toEqual([mask]);
  }
  await agent.policy(policy(++epoch, []));
  expect(marksOfBridge()).toEqual([]);
});
