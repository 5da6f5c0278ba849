// Who is never asked and what is never denied, under rules that deny everything: or a guard locks out itself, and with
// it the machine. PID 1 is never asked either; no test can be PID 1 of the first namespace, so that is not shown here.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { agentConfig, nodeProgram, startAgent, writeRules } from './harness/agent.ts';
import { bridgeProgram, startBridge } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import { errorOfOpen, startOpener } from './harness/opener.ts';
import { waitingForAnswers } from './harness/proc.ts';
import { type Running, start } from './harness/process.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { startStream, waitForStored } from './harness/stream.ts';
import { waitFor } from './harness/wait.ts';

let cleanup: Cleanup;
let scratch: Scratch;

beforeEach(() => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
});

afterEach(() => cleanup.run());

/** The first by the agent, the second by the bridge itself. */
function denyEverything(): unknown[] {
  const deny = (name: string, on: string, leaf: object) => ({
    name,
    on: [on],
    conditions: { all: [leaf] },
    event: { type: 'deny' },
  });
  const hasSize = { fact: 'file', path: '$.size', operator: 'greaterThanInclusive', value: 0 };
  return [
    deny('every-open', 'auth.open', hasSize),
    deny('every-exec', 'auth.exec', hasSize),
    deny('every-path', 'auth.open', {
      fact: 'file',
      path: '$.path',
      operator: 'startsWith',
      value: `${scratch.mount}/`,
    }),
  ];
}

const at = (...names: string[]): string => join(scratch.mount, ...names);

describe('never asked', () => {
  test('the connected agent, on whatever thread it opens a guarded file', async () => {
    // Its own rules lie on the guarded filesystem; it reads them on threads of Node's pool.
    mkdirSync(at('rules'));
    writeFileSync(at('rules', 'rules.yaml'), JSON.stringify(denyEverything()));
    const further = { ...(denyEverything()[0] as object), name: 'one-more' };
    writeFileSync(at('next'), JSON.stringify([...denyEverything(), further]));
    await startBridge(cleanup, scratch);
    const agent = await startAgent(cleanup, agentConfig(scratch, { rules: at('rules') }));
    expect([errorOfOpen(at('rules', 'rules.yaml')), errorOfOpen(at('next'))]).toEqual(['EPERM', 'EPERM']);
    // To rename opens nothing.
    renameSync(at('next'), at('rules', 'rules.yaml'));
    agent.signal('SIGHUP');
    await waitFor(
      () => `the rules to be read; the agent said ${agent.stderr()}`,
      () => /policy 2 is in force/.test(agent.stderr()),
    );
    await expect.poll(() => agent.stderr()).toContain('came: one-more');
    expect(errorOfOpen(at('rules', 'rules.yaml'))).toBe('EPERM');
  });

  test('the bridge, which writes its state to a guarded filesystem', async () => {
    const bridge = await startBridge(cleanup, scratch, { state: at('state') });
    await startAgent(cleanup, agentConfig(scratch, { rules: writeRules(scratch, denyEverything()) }));
    const file = at('state', 'bridge.state');
    expect(errorOfOpen(file)).toBe('EPERM');
    const inode = statSync(file).ino;
    // Each write is a new file that takes the place of the old one.
    await waitFor('the state to be written again', () => statSync(file).ino !== inode);
    expect(bridge.stderr()).not.toContain('state file');
  });
});

test('never denied: loader, C library, listed files and the bridge, as inodes and not as names', async () => {
  // A root folder as a container has it.
  const library = at('lib', 'x86_64-linux-gnu');
  mkdirSync(library, { recursive: true });
  mkdirSync(at('lib64'));
  const real = {
    loader: at('lib64', 'ld-linux-x86-64.so.2'),
    libc: join(library, 'libc.so.6'),
    listed: at('listed'),
    bridge: at('picket-bridge'),
  };
  copyFileSync('/bin/true', real.loader);
  copyFileSync('/bin/true', real.libc);
  writeFileSync(real.listed, 'x');
  copyFileSync(bridgeProgram, real.bridge);
  chmodSync(real.bridge, 0o755);
  for (const [name, path] of Object.entries(real)) linkSync(path, at(`link-to-${name}`));
  // The right name, but anybody's file: its owner could put anything there.
  const forged = at('lib', 'libc.so.6');
  writeFileSync(forged, 'x');
  chownSync(forged, 65_534, 65_534);
  // Root's file, but where others could have put it under that name.
  const moved = at('lib', 'theirs', 'libc.so.6');
  mkdirSync(at('lib', 'theirs'));
  copyFileSync('/bin/true', moved);
  chownSync(at('lib', 'theirs'), 65_534, 65_534);
  scratch.file('other');

  await startBridge(cleanup, scratch, { program: real.bridge });
  const config = agentConfig(scratch, {
    rules: writeRules(scratch, denyEverything()),
    more: { guard: { filesystems: [scratch.mount], never_denied: [real.listed] } },
  });
  await startAgent(cleanup, config);

  for (const [name, path] of Object.entries(real)) {
    expect(errorOfOpen(path), path).toBe('none');
    expect(errorOfOpen(at(`link-to-${name}`)), `another name of ${path}`).toBe('none');
  }
  expect(spawnSync(real.bridge, ['--version'], { encoding: 'utf8' }).stdout).toContain('picket-bridge');
  for (const path of [forged, moved, at('other')]) expect(errorOfOpen(path), path).toBe('EPERM');
  // Another file under the listed name is not the listed file.
  renameSync(at('other'), real.listed);
  expect(errorOfOpen(real.listed)).toBe('EPERM');
  expect(errorOfOpen(at('link-to-listed'))).toBe('none');
});

describe('no core dump', () => {
  const GROUP = 12_345;

  /** In a folder of its own, with limits that allow a core file of any size. */
  function startWithCores(name: string, command: string): { running: Running; folder: string } {
    const folder = join(scratch.folder, name);
    mkdirSync(folder, { mode: 0o777 });
    const running = start(cleanup, '/bin/sh', ['-c', `ulimit -c unlimited; exec ${command}`], {
      cwd: folder,
      gid: GROUP,
    });
    return { running, folder };
  }

  const program = (pid: number): string => readFileSync(`/proc/${pid}/comm`, 'utf8').trim();

  test('a bridge that aborts leaves none, with no limit on their size', async () => {
    const bridge = startWithCores(
      'bridge-cores',
      `${bridgeProgram} --backend linux --socket ${scratch.folder}/cores/bridge.sock`,
    );
    const other = startWithCores('other-cores', 'sleep 60');
    await waitFor('the bridge to listen', () => bridge.running.stderr().includes('the bridge is ready'));
    await waitFor('the other to run', () => program(other.running.pid) === 'sleep');
    // The kernel gives what it tells of a process that may not be dumped to root.
    expect(statSync(`/proc/${other.running.pid}/status`).gid).toBe(GROUP);
    expect(statSync(`/proc/${bridge.running.pid}/status`).gid).toBe(0);
    // The limit that the bridge has set itself is taken away where that is allowed: a piped core_pattern ignores it.
    spawnSync('/bin/sh', ['-c', `prlimit --pid=${bridge.running.pid} --core=unlimited:unlimited`]);
    for (const { running } of [bridge, other]) {
      running.signal('SIGABRT');
      expect(await running.ended()).toBe('SIGABRT');
    }
    expect(readdirSync(bridge.folder)).toEqual([]);
    if (/^core/.test(readFileSync('/proc/sys/kernel/core_pattern', 'utf8')))
      expect(readdirSync(other.folder), 'another process does leave one here').not.toEqual([]);
  });
});

test('without privilege the bridge says what is missing in a sentence, and exits 1', async () => {
  const NOBODY = 65_534;
  const folder = mkdtempSync(join(tmpdir(), 'picket-test-'));
  cleanup.add(() => rmSync(folder, { recursive: true }));
  const program = join(folder, 'picket-bridge');
  copyFileSync(bridgeProgram, program);
  chmodSync(program, 0o755);
  mkdirSync(join(folder, 'run'), { mode: 0o750 });
  for (const path of [folder, join(folder, 'run')]) chownSync(path, NOBODY, NOBODY);
  const bridge = start(
    cleanup,
    program,
    ['--backend', 'linux', '--socket', join(folder, 'run', 'bridge.sock')],
    {
      uid: NOBODY,
      gid: NOBODY,
    },
  );
  expect(await bridge.ended()).toBe(1);
  expect(bridge.stderr().trim().split('\n')).toEqual([
    expect.stringMatching(/^picket-bridge: CAP_SYS_ADMIN is missing, .*start picket-bridge as root/),
  ]);
  expect(readdirSync(join(folder, 'run'))).not.toContain('bridge.sock');
});

test('a flood of notify events that nobody reads lets no guarded open pass unasked', async () => {
  mkdirSync(at('flood'));
  // More than the kernel keeps for a group; a process may not have so many files open everywhere.
  const flood = Number(readFileSync('/proc/sys/fs/fanotify/max_queued_events', 'utf8')) + 1_000;
  const holders = Array.from({ length: 8 }, (_, number) =>
    holdOpen(at('flood', `${number}-`), Math.ceil(flood / 8)),
  );
  const nats = await startStream(cleanup);
  const denied = scratch.file('denied');
  const rules = [
    {
      name: 'deny',
      on: ['auth.open'],
      conditions: { all: [{ fact: 'file', path: '$.name', operator: 'equal', value: 'denied' }] },
      event: { type: 'deny' },
    },
    {
      name: 'closed',
      on: ['notify.close'],
      conditions: { all: [{ fact: 'file', path: '$.name', operator: 'equal', value: '0-0' }] },
      event: { type: 'forward' },
    },
  ];
  await waitFor('the files to be open', () => holders.every(({ stdout }) => stdout() !== ''));
  const bridge = await startBridge(cleanup, scratch);
  await startAgent(cleanup, agentConfig(scratch, { rules: writeRules(scratch, rules), nats: nats.url }));

  await bridge.freeze();
  // To close asks nobody; each is an event of another file, which the kernel can't merge.
  for (const holder of holders) holder.signal('SIGKILL');
  for (const holder of holders) await holder.ended();
  const opener = startOpener(cleanup, { paths: [denied], threads: 8, count: 4 });
  // Those that end meanwhile were not asked.
  await waitFor(
    'the openers to wait',
    () => opener.running.child.exitCode !== null || waitingForAnswers(opener.running.pid) === 8,
  );
  bridge.thaw();
  const report = await opener.report();
  expect([report.calls, report.denied]).toEqual([32, 32]);
  // That events were lost is told, and of which kind.
  const { losses } = await waitForStored(nats, 'the loss', (stored) => stored.losses.length > 0);
  expect(losses.map(({ cause }) => cause)).toContain('kernel_overflow');
});

/** A process that has so many new files open for writing, and says so. */
function holdOpen(prefix: string, count: number): Running {
  const script = `
    for (let number = 0; number < ${count}; number++) fs.openSync(${JSON.stringify(prefix)} + number, 'w');
    console.log('open');
    setInterval(() => undefined, 1_000);`;
  return start(cleanup, nodeProgram, ['-e', script]);
}
