// Whose process it is, on the real kernel: whoever acts is told as who it is, by one entity id for its whole life, however
// it came to be and whenever the bridge began to look.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { picket } from '../../src/events/proto/picket.js';
import { textOfBytes } from '../../src/events/text.ts';
import { actionOfTrigger, kindOfTrigger, type Trigger } from '../../src/events/triggers.ts';
import { TestAgent } from '../bridge/test-agent.ts';
import { socketOf, startBridge } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import { childrenOf, contentOf } from './harness/proc.ts';
import { type Running, start } from './harness/process.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { waitFor } from './harness/wait.ts';

const actor = join(import.meta.dirname, '../native/build/actor');
const TRIGGERS: readonly Trigger[] = ['auth.open', 'auth.exec', 'notify.fork', 'notify.exec', 'notify.exit'];

const LIVES = 100;

let cleanup: Cleanup;
let scratch: Scratch;
let file: string;
let bridge: Running;
let agent: TestAgent;

beforeEach(async () => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
  chmodSync(dirname(scratch.mount), 0o711); // other users act on it, too
  file = scratch.file('asked');
});

afterEach(() => cleanup.run());

async function watch(triggers: readonly Trigger[] = TRIGGERS): Promise<void> {
  bridge = await startBridge(cleanup, scratch);
  await connect(triggers);
}

async function connect(triggers: readonly Trigger[] = TRIGGERS): Promise<void> {
  agent = new TestAgent(socketOf(scratch));
  cleanup.add(() => agent.kill());
  await agent.start({
    epoch: 1,
    guardedFilesystems: [{ path: Buffer.from(scratch.mount) }],
    subscriptions: triggers.map((trigger) => ({
      kind: kindOfTrigger(trigger),
      action: actionOfTrigger(trigger) ?? '',
    })),
  } as unknown as picket.v1.IPolicy);
}

const decoded = new WeakMap<object, picket.v1.Event>();

function eventOf(request: TestAgent['requests'][number]): picket.v1.Event {
  const event = decoded.get(request) ?? picket.v1.Event.decode(request.event ?? new Uint8Array());
  decoded.set(request, event);
  return event;
}

/** All that was told of a pid, in the order of its coming; an auth event by its question. */
function toldOf(pid: number, trigger: Trigger): picket.v1.Event[] {
  const events = trigger.startsWith('auth.') ? agent.requests.map(eventOf) : agent.events;
  return events.filter(
    ({ kind, action, process: actor }) =>
      kind === kindOfTrigger(trigger) && action === actionOfTrigger(trigger) && actor?.pid === pid,
  );
}

function told(pid: number, trigger: Trigger): Promise<picket.v1.Event> {
  return waitFor(`${trigger} of ${pid}`, () => toldOf(pid, trigger)[0]);
}

const textOf = (bytes: Uint8Array | null | undefined): string => textOfBytes(bytes ?? new Uint8Array());
const argsOf = (process: picket.v1.IProcess | null | undefined): string[] =>
  (process?.args ?? []).map(textOf);
const entityOf = (event: picket.v1.Event): string => event.process?.entityId ?? '';

interface Report {
  readonly pid: number;
  readonly parent: number;
  readonly uid: number;
  readonly errno: number;
}

/** Runs a program to its end and returns what its processes said of themselves. */
async function run(
  program: string,
  ...args: string[]
): Promise<{ pid: number; status: unknown; reports: Report[] }> {
  const running = start(cleanup, program, args);
  const status = await running.ended();
  const reports = running
    .stdout()
    .split('\n')
    .filter((line) => line !== '');
  return { pid: running.pid, status, reports: reports.map((line) => JSON.parse(line)) };
}

const act = (...args: string[]): ReturnType<typeof run> => run(actor, ...args);

/** An actor that opens the file when told. */
class Waiting {
  readonly child: ChildProcess;
  #lines: string[] = [];

  constructor() {
    this.child = spawn(actor, ['wait', file], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.child.stdout?.on('data', (chunk: Buffer) => {
      this.#lines.push(
        ...chunk
          .toString('utf8')
          .split('\n')
          .filter((line) => line !== ''),
      );
    });
    cleanup.add(() => {
      this.child.kill('SIGKILL');
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  ready(): Promise<boolean> {
    return waitFor('the actor to be ready', () => this.#lines.length > 0);
  }

  async order(order: 'open' | 'child'): Promise<Report> {
    const before = this.#lines.length;
    this.child.stdin?.write(`${order}\n`);
    return JSON.parse(await waitFor(`an answer to ${order}`, () => this.#lines[before]));
  }
}

test('a pid that is used again: neither executable nor user nor entity of the one before', async () => {
  await watch();
  const program = scratch.program('second');
  const { status, reports } = await act('reuse', file, program, 'x');
  expect(status).toBe(0);
  const pid = reports[0]?.pid ?? 0;
  const open = await told(pid, 'auth.open');
  const exec = await told(pid, 'notify.exec');
  const [ended, endedAgain] = await waitFor('both ends', () => {
    const ends = toldOf(pid, 'notify.exit');
    return ends.length === 2 && ends;
  });
  expect(textOf(open.process?.executable)).toBe(actor);
  expect(open.process?.user?.id).toBe(1111);
  expect(textOf(exec.process?.executable)).toBe(program);
  expect(exec.process?.user?.id).toBe(2222);
  expect(entityOf(open)).not.toBe(entityOf(exec));
  expect([ended, endedAgain].map((end) => end && entityOf(end))).toEqual([entityOf(open), entityOf(exec)]);
  expect(new Set(toldOf(pid, 'notify.fork').map(entityOf))).toEqual(
    new Set([entityOf(open), entityOf(exec)]),
  );
});

test('a child that is left to the parent of who made it is told as what it is', async () => {
  await watch();
  const { reports } = await act('clone-parent', '3333', file);
  const pid = reports[0]?.pid ?? 0;
  expect(reports[0]).toMatchObject({ parent: process.pid, uid: 3333 });
  const open = await told(pid, 'auth.open');
  expect(textOf(open.process?.executable)).toBe(actor);
  expect(argsOf(open.process)).toEqual([actor, 'clone-parent', '3333', file]);
  expect(open.process?.user?.id).toBe(3333);
  expect(open.process?.executableUnresolved).toBe(false);
});

test('a process whose first thread has ended is still told whole, and has ended when its last thread has', async () => {
  await watch();
  const { pid, status } = await act('leader-exit', file, '7');
  expect(status).toBe(7);
  const open = await told(pid, 'auth.open');
  expect(textOf(open.process?.executable)).toBe(actor);
  expect(open.process?.workingDirectory && textOf(open.process.workingDirectory)).toBe(process.cwd());
  const exit = await told(pid, 'notify.exit');
  expect(exit.process?.exitCode).toBe(7);
  expect(Number(exit.createdNs)).toBeGreaterThan(Number(open.createdNs));
  expect(toldOf(pid, 'notify.exit')).toHaveLength(1);
});

test('an exec by a thread that is not the first is no end of the process', async () => {
  await watch();
  const { pid, status } = await act('thread-exec', '/bin/sh', '-c', 'exit 9');
  expect(status).toBe(9);
  const exit = await told(pid, 'notify.exit');
  expect(exit.process?.exitCode).toBe(9);
  expect(toldOf(pid, 'notify.exit')).toHaveLength(1);
  const [first, second] = toldOf(pid, 'notify.exec');
  expect(textOf(first?.process?.executable)).toBe(actor);
  expect(textOf(second?.process?.previous?.executable)).toBe(actor);
  expect(argsOf(second?.process)).toEqual(['/bin/sh', '-c', 'exit 9']);
  expect(new Set([first, second, exit].map((event) => event && entityOf(event))).size).toBe(1);
});

test("a thread's child has the process as its parent", async () => {
  await watch();
  const { pid, reports } = await act('thread-fork', file);
  const open = await told(reports[0]?.pid ?? 0, 'auth.open');
  expect(open.process?.parent?.pid).toBe(pid);
  expect(open.process?.parent?.entityId).toBe(entityOf(await told(pid, 'notify.exec')));
});

test('one entity id in every event of a process, as the parent of its children, and over restarts', async () => {
  const older = new Waiting();
  await older.ready();
  await watch();
  const entities = new Set<string>();
  const look = async (): Promise<void> => {
    const before = toldOf(older.pid, 'auth.open').length;
    const { pid } = await older.order('child');
    const ofChild = await told(pid, 'auth.open');
    entities.add(ofChild.process?.parent?.entityId ?? '');
    entities.add((await told(pid, 'notify.exit')).process?.parent?.entityId ?? '');
    await older.order('open');
    const own = await waitFor('its own open', () => toldOf(older.pid, 'auth.open')[before]);
    entities.add(entityOf(own));
    expect(textOf(own.process?.executable)).toBe(actor);
    expect(argsOf(own.process)).toEqual([actor, 'wait', file]);
    expect(own.process?.user?.id).toBe(0);
    const start = Number(
      /^.*\) (.*)$/s.exec(readFileSync(`/proc/${older.pid}/stat`, 'latin1'))?.[1]?.split(' ')[19],
    );
    expect(entityOf(own).slice(0, 20)).toBe(
      older.pid.toString(16).padStart(8, '0') + start.toString(16).padStart(12, '0'),
    );
  };
  await look();
  agent.kill();
  await connect();
  await look();
  agent.kill();
  await bridge.stop();
  await watch();
  await look();
  older.child.stdin?.end();
  entities.add(entityOf(await told(older.pid, 'notify.exit')));
  expect([...entities]).toHaveLength(1);
});

test('a program that ends at once is told with its path, and its life has one entity id', async () => {
  await watch();
  const program = scratch.program('short');
  // Not by this process: Node waits for an exec to be answered, and here it is Node that answers.
  const loop = `for i in $(seq ${LIVES}); do ${program} & echo "{\\"pid\\":$!}"; wait; done`;
  const { reports } = await run('/bin/sh', '-c', loop);
  const lives = reports.map(({ pid }) => pid);
  expect(lives).toHaveLength(LIVES);
  for (const pid of lives) {
    const exec = await told(pid, 'notify.exec');
    expect(textOf(exec.process?.executable)).toBe(program);
    const args = argsOf(exec.process);
    if (args.length > 0) expect(args).toEqual([program]);
    const exit = await told(pid, 'notify.exit');
    expect(textOf(exit.process?.executable)).toBe(program);
    expect(new Set([exec, exit, ...toldOf(pid, 'notify.fork')].map(entityOf)).size).toBe(1);
    const asked = toldOf(pid, 'auth.exec')[0];
    if (asked) expect(entityOf(asked)).toBe(entityOf(exec));
  }
});

/** The bridge itself, which a parent may watch over, and those that read for it. */
function memoryOfBridge(): number {
  const family = [bridge.pid];
  for (const pid of family) family.push(...childrenOf(pid));
  return family.reduce((sum, pid) => sum + residentKb(pid), 0);
}

function residentKb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(contentOf(`/proc/${pid}/status`))?.[1] ?? 0);
}

test('a storm of forks grows nothing, and who acts afterwards is told as before', async () => {
  const older = new Waiting();
  await older.ready();
  await watch(['auth.open', 'notify.exec']);
  const before = await older.order('open');
  const entity = entityOf(await told(before.pid, 'auth.open'));
  const storms = async () => (await act('storm', '20000', '100')).status; // more than the process table has room for
  expect(await storms()).toBe(0);
  const memoryKb = memoryOfBridge();
  expect(await storms()).toBe(0);
  expect(memoryOfBridge() - memoryKb).toBeLessThan(1024);
  await older.order('open');
  const again = await waitFor('its open', () => toldOf(older.pid, 'auth.open')[1]);
  expect(entityOf(again)).toBe(entity);
  expect(textOf(again.process?.executable)).toBe(actor);
  const { reports } = await act('as', '4444', file);
  const other = await told(reports[0]?.pid ?? 0, 'auth.open');
  expect(other.process?.user?.id).toBe(4444);
  expect(textOf(other.process?.parent?.executable)).toBe(readlinkSync('/proc/self/exe'));
});
