// Who tells of processes: an eBPF program and the proc connector say the same of what both see, and the program says it also
// of what is gone before anybody could look.
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { picket } from '../../src/events/proto/picket.js';
import { textOfBytes } from '../../src/events/text.ts';
import { kindOfTrigger } from '../../src/events/triggers.ts';
import { TestAgent } from '../bridge/test-agent.ts';
import { bridgeProgram, type RunningBridge, socketOf, startBridge, waitForStart } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import { start } from './harness/process.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { waitFor } from './harness/wait.ts';

const harmless = join(import.meta.dirname, '../native/build/harmless');
const LIVES = 500;
const LONG = 'x'.repeat(100_000); // more than an eBPF program tells
const KILLED = 137;
const NOTIFY = kindOfTrigger('notify.exec');
const UNREAD = 'arguments_unread';
const WAIT = 'read x; exit 0';

const probed = execFileSync(bridgeProgram, ['--probe'], { encoding: 'utf8' });
const hasEbpf = /^process-events ok/m.test(probed);

type Source = 'ebpf' | 'proc';

let cleanup: Cleanup;
let scratch: Scratch;
let bridge: RunningBridge;
let agent: TestAgent;

beforeEach(() => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
  chmodSync(join(scratch.mount, '..'), 0o711);
});

afterEach(() => cleanup.run());

async function watch(source: Source): Promise<void> {
  bridge = await startBridge(cleanup, scratch, { args: ['--process-events', source] });
  await connect();
}

async function connect(): Promise<void> {
  agent = new TestAgent(socketOf(scratch));
  cleanup.add(() => agent.kill());
  await agent.start({
    epoch: 1,
    guardedFilesystems: [],
    subscriptions: ['fork', 'exec', 'exit'].map((action) => ({
      kind: 2,
      action,
      environment: action === 'exec',
    })),
  } as unknown as picket.v1.IPolicy);
}

const textOf = (bytes: Uint8Array | null | undefined): string => textOfBytes(bytes ?? new Uint8Array());
const argsOf = ({ process: told }: picket.v1.Event): string[] => (told?.args ?? []).map(textOf);

/** Arguments may be lost of any process of this machine. */
const lossesOfEvents = (): picket.v1.ILoss[] => agent.losses.filter(({ cause }) => cause !== UNREAD);

const isOnMount = (path: Uint8Array | null | undefined): boolean =>
  textOf(path).startsWith(`${scratch.mount}/`);

function toldOf(pid: number, action: string): picket.v1.Event | undefined {
  return agent.events.find((event) => event.action === action && event.process?.pid === pid);
}

/** What must be the same whoever tells it: all but pids, times and who told it. */
function factsOf(event: picket.v1.Event): unknown {
  return JSON.parse(
    JSON.stringify(picket.v1.Event.toObject(event, { longs: String, bytes: String }), (key, value) => {
      if (['createdNs', 'sequence', 'provider', 'pid', 'entityId', 'startNs'].includes(key)) return undefined;
      // The connector guesses what the caller of exec ran, if that ran it for a moment only, and reads its arguments if in time.
      if (key === 'previous') return { ...value, executableUnresolved: undefined, args: undefined };
      return value;
    }),
  );
}

interface Act {
  readonly name: string;
  readonly command: readonly string[];
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly user?: number;
  /** Of the program that waits, which a shell before it may have executed. */
  readonly args: readonly string[];
  readonly isKilled?: boolean;
  readonly prepare?: () => void;
}

/** Each waits for its stdin to end, so that both sources can look at it. */
function acts(): readonly Act[] {
  const program = join(scratch.mount, 'program');
  const script = join(scratch.mount, 'script');
  const folder = join(scratch.mount, 'folder');
  const gone = join(scratch.mount, 'gone');
  const bound = join(scratch.mount, 'bound');
  const elsewhere = `mount --bind ${folder} ${bound} && cd ${bound} && exec ./inside -c '${WAIT}'`;
  copyFileSync('/bin/sh', program);
  writeFileSync(script, `#!${program} -u\n${WAIT}\n`);
  for (const made of [folder, gone, bound]) mkdirSync(made);
  copyFileSync('/bin/sh', join(folder, 'inside'));
  for (const file of [program, script]) chmodSync(file, 0o755);
  const waiting = (...args: string[]): string[] => [program, '-c', WAIT, ...args];
  return [
    {
      name: 'as another user, with variables, in a folder',
      command: waiting('', 'zwei drei'),
      args: waiting('', 'zwei drei'),
      cwd: folder,
      env: { A: '1', B: 'zwei drei', ÄÖ: 'ü' },
      user: 1111,
    },
    { name: 'a script', command: [script, 'x'], args: [program, '-u', script, 'x'] },
    { name: 'in the root folder, killed', command: waiting(), args: waiting(), cwd: '/', isKilled: true },
    { name: 'with long arguments', command: waiting(LONG), args: waiting(LONG) },
    {
      name: 'with a long environment',
      command: waiting(),
      args: waiting(),
      env: { LONG: LONG.slice(0, 70_000) },
    },
    {
      name: 'in a folder that is gone',
      command: ['/bin/sh', '-c', `rmdir ${gone}; exec ${program} -c '${WAIT}'`],
      args: waiting(),
      cwd: gone,
      prepare: () => mkdirSync(gone, { recursive: true }),
    },
    {
      name: 'by another name, in a mount namespace of its own',
      command: ['unshare', '--mount', '/bin/sh', '-c', elsewhere],
      args: ['./inside', '-c', WAIT],
    },
  ];
}

/** The events of one life: of its program and of its end. */
async function live(act: Act): Promise<unknown[]> {
  act.prepare?.();
  const [program = '', ...args] = act.command;
  const child = spawn(program, args, {
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: act.cwd ?? scratch.folder,
    env: act.env ?? { PATH: process.env.PATH },
    ...(act.user === undefined ? {} : { uid: act.user, gid: act.user }),
  });
  cleanup.add(() => {
    child.kill('SIGKILL');
  });
  const pid = child.pid ?? 0;
  const exec = await waitFor(`the program of "${act.name}"`, () =>
    agent.events.find(
      (event) =>
        event.action === 'exec' && event.process?.pid === pid && isOnMount(event.process?.executable),
    ),
  );
  if (act.isKilled === true) child.kill('SIGKILL');
  else child.stdin.end();
  const exit = await waitFor(`the end of "${act.name}"`, () => toldOf(pid, 'exit'));
  const fork = await waitFor(`the beginning of "${act.name}"`, () => toldOf(pid, 'fork'));
  // Whoever reads arguments gives up after a while, and a busy machine may need longer.
  if (argsOf(exec).length === 0 && agent.losses.some(({ cause }) => cause === UNREAD)) return live(act);
  expect(argsOf(exec)).toEqual(act.args);
  expect(new Set([fork, exec, exit].map((event) => event.process?.entityId)).size).toBe(1);
  expect(exit.process?.exitCode).toBe(act.isKilled === true ? KILLED : 0);
  return [exec, exit].map(factsOf);
}

// It needs clang and libbpf-dev when the bridge is built, and a kernel that allows it.
if (hasEbpf) describe('an eBPF program', testProgram);
else {
  test('where no eBPF program can be had the probe says why', () => {
    expect(probed).toMatch(/^process-events warn by the proc connector: \S/m);
  });
}

function testProgram(): void {
  test('tells what the proc connector tells', async () => {
    const lives = acts();
    const told = new Map<Source, unknown[]>();
    for (const source of ['proc', 'ebpf'] as const) {
      await watch(source);
      const all: unknown[] = [];
      for (const act of lives) all.push([act.name, await live(act)]);
      told.set(source, all);
      const tellers = agent.events.filter(({ kind }) => kind === NOTIFY).map(({ provider }) => provider);
      expect(new Set(tellers)).toEqual(new Set([source === 'proc' ? 'proc-connector' : 'ebpf']));
      expect(lossesOfEvents()).toEqual([]);
      agent.kill();
      await bridge.stop();
    }
    expect(told.get('ebpf')).toEqual(told.get('proc'));
  });

  test(`tells ${LIVES} programs that end at once, each whole`, async () => {
    await watch('ebpf');
    const program = join(scratch.mount, 'short');
    copyFileSync(harmless, program);
    const loop = `for i in $(seq ${LIVES}); do LIFE=$i ${program} life $i "of ${LIVES}" & done; wait`;
    const shell = spawn('/bin/sh', ['-c', loop], {
      cwd: scratch.mount,
      env: { PATH: process.env.PATH },
      uid: 2222,
      gid: 2222,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const ofLives = (action: string): picket.v1.Event[] =>
      agent.events.filter(
        (event) => event.action === action && textOf(event.process?.executable) === program,
      );
    const ends = await waitFor(`${LIVES} ends`, () => {
      const found = ofLives('exit');
      return found.length >= LIVES && found;
    });
    const execs = ofLives('exec').filter((event) => event.process?.parent?.pid === shell.pid);
    const byNumber = (a: string[], b: string[]): number => Number(a[2]) - Number(b[2]);
    const numbers = Array.from({ length: LIVES }, (_, i) => String(i + 1));
    expect(execs.map(argsOf).sort(byNumber)).toEqual(numbers.map((i) => [program, 'life', i, `of ${LIVES}`]));
    for (const event of execs) {
      const { process: told, file } = event;
      expect(told).toMatchObject({ executableUnresolved: false, user: { id: 2222 } });
      expect(textOf(told?.workingDirectory)).toBe(scratch.mount);
      expect((told?.envVars ?? []).map(textOf)).toContain(`LIFE=${argsOf(event)[2]}`);
      expect([textOf(file?.path), textOf(told?.previous?.executable)]).toEqual([
        program,
        realpathSync('/bin/sh'),
      ]);
    }
    const entities = (events: readonly picket.v1.Event[]): Set<string> =>
      new Set(events.map((event) => event.process?.entityId ?? ''));
    expect(ends).toHaveLength(LIVES);
    expect(entities(ends)).toEqual(entities(execs));
    expect(entities(ends).size).toBe(LIVES);
    expect(lossesOfEvents()).toEqual([]);
  });

  test('says that arguments are missing which were too long to be told by one who is gone', async () => {
    await watch('ebpf');
    const { pid, ended } = start(cleanup, harmless, [LONG]);
    await ended();
    const exec = await waitFor('the program', () => toldOf(pid, 'exec'));
    const isWhole = argsOf(exec).length === 2;
    await waitFor(
      'the arguments, or their loss',
      () => isWhole || agent.losses.some(({ cause }) => cause === UNREAD),
    );
  });

  test('is in the kernel as long as its bridge, and the next bridge has its own', async () => {
    await watch('ebpf');
    const before = bridge.guardPid();
    const program = () => start(cleanup, harmless, ['again']);
    const linksOf = (pid: number): string[] =>
      execFileSync('sh', ['-c', `grep -l raw_tracepoint /proc/${pid}/fdinfo/* || true`], { encoding: 'utf8' })
        .split('\n')
        .filter((line) => line !== '');
    expect(linksOf(before)).toHaveLength(3);
    agent.kill();
    process.kill(before, 'SIGKILL');
    await waitForStart(bridge, 2);
    expect(linksOf(bridge.guardPid())).toHaveLength(3);
    await connect();
    const { pid } = program();
    const exec = await waitFor('the program', () => toldOf(pid, 'exec'));
    expect([argsOf(exec), exec.provider]).toEqual([[harmless, 'again'], 'ebpf']);
  });
}

test('where eBPF is not allowed the connector tells, and the log says why', async () => {
  bridge = await startBridge(cleanup, scratch, { args: ['--process-events', 'proc'] });
  await waitFor('the log to say so', () =>
    bridge.stderr().includes('msg="processes are told by the proc connector" reason="--process-events proc"'),
  );
});

test('a bridge that is to take eBPF and may not ends with the reason', async () => {
  const refused = await startBridge(cleanup, scratch, {
    args: ['--process-events', 'ebpf'],
    under: ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'],
    expectEnd: true,
  });
  expect(await refused.ended()).toBe(1);
  expect(refused.stderr()).toMatch(/picket-bridge: --process-events ebpf: \S/);
});
