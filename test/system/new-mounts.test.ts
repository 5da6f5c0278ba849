// Filesystems that are mounted later, here or in a mount namespace of anybody's own: reported, guarded or ignored as the
// operator says, and never a way to hang the bridge.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { askBridge } from '../../src/control/ask-bridge.ts';
import { picket } from '../../src/events/proto/picket.js';
import { long, TestAgent } from '../bridge/test-agent.ts';
import { type RunningBridge, socketOf, startBridge } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import { contentOf, namesIn, targetOf, threadsOf } from './harness/proc.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { type Shell, startShell } from './harness/shell.ts';
import { waitFor } from './harness/wait.ts';

const { NewMounts, EventKind, Verdict, StaticTest } = picket.v1;
const EPERM = 126; // what a shell makes of it

let cleanup: Cleanup;
let scratch: Scratch;
/** The folder that all of the test's mounts lie below. */
let root: string;

beforeEach(() => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
  root = dirname(scratch.folder);
});

afterEach(() => cleanup.run());

function policy(newMounts: picket.v1.NewMounts, more: picket.v1.IPolicy = {}): picket.v1.IPolicy {
  return {
    epoch: long(1),
    guardedFilesystems: [{ path: Buffer.from(scratch.mount) }],
    newMounts,
    subscriptions: [
      { kind: EventKind.EVENT_KIND_AUTH, action: 'exec' },
      { kind: EventKind.EVENT_KIND_AUTH, action: 'open' },
    ],
    staticVerdicts: ['exec', 'open'].map((action) => ({
      action,
      verdict: Verdict.VERDICT_DENY,
      rule: 'deny',
      tests: [
        {
          subject: StaticTest.Subject.SUBJECT_FILE_PATH,
          operator: StaticTest.Operator.OPERATOR_SUFFIX,
          values: [Buffer.from('/denied')],
        },
      ],
    })),
    ...more,
  };
}

let bridge: RunningBridge;

async function startGuard(given: picket.v1.IPolicy): Promise<TestAgent> {
  // Whatever is guarded here, it is nothing of the machine's.
  bridge = await startBridge(cleanup, scratch, { args: ['--only-below', root] });
  const agent = new TestAgent(socketOf(scratch));
  cleanup.add(() => agent.kill());
  return agent.start(given);
}

function makeMount(name: string, type: 'tmpfs' | 'ext4', options = 'size=16m'): string {
  const mount = join(root, name);
  mkdirSync(mount);
  if (type === 'tmpfs') {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'picket-test', mount]);
  } else {
    const image = join(scratch.folder, `${name}.img`);
    execFileSync('truncate', ['-s', '16M', image]);
    execFileSync('/sbin/mkfs.ext4', ['-q', '-F', image]);
    execFileSync('mount', ['-o', 'loop', image, mount]);
  }
  cleanup.add(() => {
    execFileSync('umount', ['-l', mount]);
  });
  return mount;
}

const mountEvents = (agent: TestAgent, type: string): picket.v1.Event[] =>
  agent.events.filter(({ action, mount }) => action === 'mount' && mount?.type === type && isOurs(mount));

/** Other tests mount, too. */
const isOurs = (mount: picket.v1.IMount): boolean => pathOf(mount).startsWith(`${root}/`);
const pathOf = (mount: picket.v1.IMount | null | undefined): string =>
  Buffer.from(mount?.path ?? []).toString();

function addProgram(folder: string, name: string): string {
  const path = join(folder, name);
  copyFileSync('/bin/true', path);
  chmodSync(path, 0o755);
  return path;
}

let shell: Shell;

beforeEach(() => {
  shell = startShell(cleanup);
});

async function statusOf(path: string): Promise<string> {
  const code = await shell.run(path);
  return code === 0 ? 'ran' : code === EPERM ? 'denied' : `exit ${code}`;
}

test.each(['tmpfs', 'ext4'] as const)(
  'a %s mounted later is reported once, with an alert, and what is below stays unasked',
  async (type) => {
    const agent = await startGuard(policy(NewMounts.NEW_MOUNTS_REPORT));
    const mount = makeMount('later', type);
    const [event] = await waitFor('the event', () => {
      const found = mountEvents(agent, type);
      return found.length > 0 && found;
    });
    expect(pathOf(event?.mount)).toBe(mount);
    expect(event?.mount).toMatchObject({
      guarded: false,
      pid: 0,
      reason: 'guard.filesystems does not name it',
    });
    expect(event?.alerts).toMatchObject([{ rule: 'picket-mount', severity: 'medium' }]);
    expect(event?.alerts[0]?.message).toContain(`A filesystem (${type}) was mounted`);
    expect(await statusOf(addProgram(mount, 'denied'))).toBe('ran');
    // A bind mount of it is no other filesystem; the next mount is one, and comes after whatever that would have brought.
    const bound = join(root, 'bound');
    mkdirSync(bound);
    execFileSync('mount', ['--bind', mount, bound]);
    cleanup.add(() => {
      execFileSync('umount', ['-l', bound]);
    });
    makeMount('last', 'tmpfs');
    await waitFor('the last', () =>
      mountEvents(agent, 'tmpfs').some((one) => pathOf(one.mount).endsWith('/last')),
    );
    expect(mountEvents(agent, type).filter((one) => !pathOf(one.mount).endsWith('/last'))).toHaveLength(1);
  },
);

test.each([
  ['new_mounts: guard', { newMounts: NewMounts.NEW_MOUNTS_GUARD }],
  ['local', { guardLocal: true }],
])('with %s, a filesystem mounted later is guarded, and can be unmounted again', async (_, more) => {
  const agent = await startGuard(policy(NewMounts.NEW_MOUNTS_REPORT, more));
  for (const type of ['tmpfs', 'ext4'] as const) {
    const mount = makeMount(`later-${type}`, type);
    const [event] = await waitFor('the event', () => {
      const found = mountEvents(agent, type);
      return found.length > 0 && found;
    });
    expect(event?.mount).toMatchObject({ guarded: true, reason: '' });
    expect(event?.alerts).toEqual([]);
    const denied = addProgram(mount, 'denied');
    expect(await statusOf(denied)).toBe('denied');
    expect(await statusOf(addProgram(mount, 'other'))).toBe('ran');
    await waitFor('the question', () =>
      agent.requests.some(({ event: bytes }) =>
        Buffer.from(picket.v1.Event.decode(bytes).file?.path ?? []).equals(Buffer.from(join(mount, 'other'))),
      ),
    );
    // A stick must come out: the bridge keeps nothing open on what nobody named.
    await waitFor('umount', () => spawnSync('umount', [mount]).status === 0);
    execFileSync('mount', ['-t', 'tmpfs', 'picket-test', mount]);
  }
});

test('ignored, nothing is told of it', async () => {
  const agent = await startGuard(policy(NewMounts.NEW_MOUNTS_IGNORE));
  const mount = makeMount('later', 'tmpfs');
  expect(await statusOf(addProgram(mount, 'denied'))).toBe('ran');
  // The order of events: what the next policy brings comes after.
  await agent.policy({ ...policy(NewMounts.NEW_MOUNTS_REPORT), epoch: long(2) });
  makeMount('next', 'tmpfs');
  await waitFor('the next', () => mountEvents(agent, 'tmpfs').length > 0);
  expect(mountEvents(agent, 'tmpfs').map((event) => pathOf(event.mount))).toEqual([join(root, 'next')]);
});

test('a private tmpfs in a user namespace is reported with a process that sees it', async () => {
  const agent = await startGuard(policy(NewMounts.NEW_MOUNTS_REPORT));
  const other = startShell(cleanup, 'user-namespace');
  const mount = join(root, 'private');
  mkdirSync(mount);
  expect(await other.run(`mount -t tmpfs none ${mount}`)).toBe(0);
  const event = await waitFor('the event', () => mountEvents(agent, 'tmpfs')[0]);
  expect(pathOf(event.mount)).toBe(mount);
  expect(event.mount).toMatchObject({ guarded: false, pid: other.running.pid });
  expect(event.alerts).toMatchObject([{ rule: 'picket-mount' }]);
});

test.each([
  ['a user namespace', 'user-namespace'],
  ["root's mount namespace", 'mount-namespace'],
] as const)(
  'a private tmpfs in %s is guarded, by a path that is no path of a file here',
  async (_, place) => {
    const agent = await startGuard(policy(NewMounts.NEW_MOUNTS_GUARD));
    const other = startShell(cleanup, place);
    const mount = join(root, 'private');
    mkdirSync(mount);
    expect(await other.run(`mount -t tmpfs none ${mount}`)).toBe(0);
    await waitFor('the event', () =>
      mountEvents(agent, 'tmpfs').some((event) => event.mount?.guarded === true),
    );
    expect(await other.run(`cp /bin/true ${mount}/denied && cp /bin/true ${mount}/other`)).toBe(EPERM_OF_CP);
    expect(await other.run(`cp /bin/true ${mount}/other && ${mount}/other`)).toBe(0);
    const paths = agent.requests.map(({ event }) =>
      Buffer.from(picket.v1.Event.decode(event).file?.path ?? []).toString(),
    );
    expect(paths).toContain(`/proc/${other.running.pid}/root${mount}/other`);
    expect(paths.filter((path) => path.startsWith(mount))).toEqual([]);
  },
);

const EPERM_OF_CP = 1;

test('a namespace that was there before the bridge is guarded like one that came later', async () => {
  const other = startShell(cleanup, 'user-namespace');
  const mount = join(root, 'private');
  mkdirSync(mount);
  expect(
    await other.run(
      `mount -t tmpfs none ${mount} && cp /bin/true ${mount}/tool && ln ${mount}/tool ${mount}/denied`,
    ),
  ).toBe(0);
  await startGuard(policy(NewMounts.NEW_MOUNTS_GUARD));
  await waitFor('it to be guarded', async () => (await other.run(`${mount}/denied`)) === EPERM);
  expect(await other.run(`${mount}/tool`)).toBe(0);
});

test('a storm of mounts elsewhere lets nothing pass and denies nothing else', async () => {
  const agent = await startGuard(policy(NewMounts.NEW_MOUNTS_GUARD));
  const [other, stormy] = [startShell(cleanup, 'user-namespace'), startShell(cleanup, 'user-namespace')];
  const [mount, storm] = [join(root, 'private'), join(root, 'storm')];
  for (const folder of [mount, storm]) mkdirSync(folder);
  expect(await other.run(`cp /bin/true ${scratch.folder}/true && mount -t tmpfs none ${mount}`)).toBe(0);
  await waitFor('the event', () =>
    mountEvents(agent, 'tmpfs').some((event) => event.mount?.guarded === true),
  );
  expect(await other.run(`cp /bin/true ${mount}/tool && ln ${mount}/tool ${mount}/denied`)).toBe(0);
  stormy.running.child.stdin?.write(`while mount -t tmpfs none ${storm}; do umount ${storm}; done\n`);
  const command = `i=0; while [ $i -lt 300 ] && ${mount}/tool && ! ${mount}/denied; do i=$((i+1)); done; [ $i = 300 ]`;
  expect(await other.run(command)).toBe(0);
});

test('an overlay in a user namespace is reported and never marked: its layers may be anything', async () => {
  const agent = await startGuard(policy(NewMounts.NEW_MOUNTS_GUARD));
  const other = startShell(cleanup, 'user-namespace');
  const [lower, data, mount] = [
    join(scratch.folder, 'lower'),
    join(scratch.folder, 'data'),
    join(root, 'overlay'),
  ];
  for (const folder of [lower, data, mount]) mkdirSync(folder);
  expect(await other.run(`mount -t overlay -o lowerdir=${lower}:${data} none ${mount}`)).toBe(0);
  const event = await waitFor('the event', () => mountEvents(agent, 'overlay')[0]);
  expect(event.mount?.guarded).toBe(false);
  expect(event.mount?.reason).toContain("a user's own namespace");
});

test('whoever mounts without end gets few events, and the others are counted', async () => {
  const agent = await startGuard(policy(NewMounts.NEW_MOUNTS_REPORT));
  const other = startShell(cleanup, 'user-namespace');
  const COUNT = 60;
  mkdirSync(join(root, 'many'));
  expect(await other.run(`mount -t tmpfs none ${root}/many`)).toBe(0);
  expect(
    await other.run(
      `i=0; while [ $i -lt ${COUNT} ]; do mkdir ${root}/many/$i && mount -t tmpfs none ${root}/many/$i; i=$((i+1)); done`,
    ),
  ).toBe(0);
  const lost = (): number =>
    agent.losses
      .filter(({ cause, action }) => cause === 'rate_limit' && action === 'mount')
      .reduce((sum, { count }) => sum + Number(count), 0);
  // Each is told or counted. Those of other tests count, too.
  await waitFor('all', () => {
    const told = agent.events.filter(({ action }) => action === 'mount').length;
    return told + lost() >= COUNT + 1 && lost();
  });
  expect(mountEvents(agent, 'tmpfs').length).toBeLessThan(COUNT);
});

test('what is mounted outside of --only-below is never marked, whatever the policy says', async () => {
  const outside = makeScratch(cleanup);
  const agent = await startGuard(policy(NewMounts.NEW_MOUNTS_GUARD, { guardLocal: true }));
  const [first] = agent.applied;
  expect(
    first?.unguarded?.find((sentence) => sentence.startsWith(`${outside.mount} (tmpfs) is not guarded`)),
  ).toContain('--only-below');
  expect(
    first?.unguarded?.some((sentence) => /^\/ \(\w+\) is not guarded: .*--only-below/.test(sentence)),
  ).toBe(true);
  expect(await statusOf(outside.program('denied'))).toBe('ran');
  const named = await agent.policy({
    ...policy(NewMounts.NEW_MOUNTS_REPORT),
    epoch: long(2),
    guardedFilesystems: [{ path: Buffer.from(outside.mount) }],
  });
  expect(named.unguarded).toContainEqual(expect.stringContaining('--only-below'));
  expect(await statusOf(join(outside.mount, 'denied'))).toBe('ran');
});

test('what nobody named is told when a policy is applied', async () => {
  const other = join(root, 'not-named');
  mkdirSync(other);
  execFileSync('mount', ['-t', 'tmpfs', 'picket-test', other]);
  cleanup.add(() => {
    execFileSync('umount', ['-l', other]);
  });
  const agent = await startGuard(policy(NewMounts.NEW_MOUNTS_REPORT));
  const told = agent.applied[0]?.unguarded ?? [];
  expect(told).toEqual([expect.stringMatching(/^guard\.filesystems does not name the filesystems of /)]);
  expect(told[0]?.split(/[ ,]+/)).toContain(other);
  expect(told[0]?.split(/[ ,]+/)).not.toContain(scratch.mount);
  writeFileSync(join(scratch.mount, 'denied'), '');
  expect(spawnSync('cat', [join(scratch.mount, 'denied')]).status).toBe(1);
});

test('a filesystem type that is no text is told as text', async () => {
  const agent = await startGuard(policy(NewMounts.NEW_MOUNTS_REPORT));
  const mount = join(root, 'served');
  mkdirSync(mount);
  // Nobody serves it, and the shell keeps it from ending.
  const options = 'fd=4,rootmode=40000,user_id=0,group_id=0';
  const make = `exec 4<>/dev/fuse && mount -i -t "$(printf 'fuse.a\\377b')" -o ${options} none ${mount}`;
  expect(await shell.run(make)).toBe(0);
  cleanup.add(() => {
    execFileSync('umount', ['-l', mount]);
  });
  const [event] = await waitFor('the event', () => {
    const found = agent.events.filter((one) => one.action === 'mount' && pathOf(one.mount) === mount);
    return found.length > 0 && found;
  });
  expect(event?.mount?.type).toBe('fuse.a?b');
  expect(event?.alerts?.[0]?.message).toContain('(fuse.a?b)');
});

test('more mount namespaces than are followed are a loss, and the status says so', async () => {
  const agent = await startGuard(policy(NewMounts.NEW_MOUNTS_REPORT));
  const count = 130;
  expect(await shell.run(`for i in $(seq ${count}); do unshare -m sh -c 'read x' <&3 & done`)).toBe(0);
  await waitFor('the loss', () => agent.losses.some(({ cause }) => cause === 'too_many_mounts'));
  const { unguarded } = await askBridge({ socketPath: socketOf(scratch), command: 'status' });
  expect(unguarded).toContainEqual(expect.stringContaining('more mounts or mount namespaces'));
});

test('mounts are noticed again after a time in which too little could be open to wait for them', async () => {
  const agent = await startGuard(policy(NewMounts.NEW_MOUNTS_REPORT));
  const pid = bridge.guardPid();
  const count = 40;
  expect(await shell.run(`for i in $(seq ${count}); do unshare -m sh -c 'read x' <&3 & done`)).toBe(0);
  await waitFor('all to be followed', () => {
    const open = namesIn(`/proc/${pid}/fd`).map((fd) => targetOf(`/proc/${pid}/fd/${fd}`));
    return open.filter((target) => /^\/proc\/\d+\/mountinfo$/.test(target)).length >= count;
  });
  // As where there is no memory to wait by: poll(2) refuses so many descriptors.
  const limit = (files: string): void => {
    execFileSync('prlimit', ['--pid', String(pid), `--nofile=${files}:`]);
  };
  const turns = (): number => {
    const thread = threadsOf(pid).find((one) => one('comm').startsWith('picket-mounts'));
    const switches = /^voluntary_ctxt_switches:\t(\d+)$/m.exec(thread?.('status') ?? '');
    return switches === null ? Number.POSITIVE_INFINITY : Number(switches[1]);
  };
  const usual = /^Max open files +(\d+)/m.exec(contentOf(`/proc/${pid}/limits`))?.[1] ?? '';
  limit('64');
  const before = turns();
  await waitFor('it to have tried', () => turns() > before + 2);
  limit(usual);
  const mount = makeMount('later', 'tmpfs');
  await waitFor('the event', () =>
    mountEvents(agent, 'tmpfs').some((event) => pathOf(event.mount) === mount),
  );
}, 90_000);
