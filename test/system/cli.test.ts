// The command line as a shell sees it: exit codes, what goes to stdout and what to stderr.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodeProgram, picketProgram } from './harness/agent.ts';
import { Cleanup } from './harness/cleanup.ts';
import { startNats } from './harness/nats.ts';

const ROOT = join(import.meta.dirname, '../..');
const RECORDING = join(ROOT, 'demo/linux.picket');
const RULES = [join(ROOT, 'rules/linux'), join(ROOT, 'src/demo/demo-rules.yaml')];

let cleanup: Cleanup;
let folder: string;

beforeEach(() => {
  cleanup = new Cleanup();
  folder = mkdtempSync(join(tmpdir(), 'picket-cli-'));
  cleanup.add(() => rmSync(folder, { recursive: true, force: true }));
});

afterEach(() => cleanup.run());

function picket(args: readonly string[], input?: Buffer) {
  const { status, stdout, stderr } = spawnSync(nodeProgram, [picketProgram, ...args], {
    cwd: ROOT,
    maxBuffer: 64 * 1024 * 1024,
    timeout: 60_000,
    env: { ...process.env, PICKET_DEBUG: '' },
    ...(input === undefined ? {} : { input }),
  });
  return { status, stdout: stdout.toString('utf8'), stderr: stderr.toString('utf8'), bytes: stdout };
}

describe('the command line', () => {
  test('help is on stdout, with every command, and is success', () => {
    const { status, stdout } = picket(['--help']);
    expect(status).toBe(0);
    for (const name of ['run', 'demo', 'replay', 'rules', 'stream', 'tail', 'off', 'on', 'status', 'doctor'])
      expect(stdout).toContain(name);
  });

  test.each(['run', 'demo', 'replay', 'rules', 'stream setup', 'tail', 'off', 'on', 'status', 'doctor'])(
    '%s has help with its exit codes and an example',
    (name) => {
      const { status, stdout } = picket([...name.split(' '), '--help']);
      expect(status).toBe(0);
      if (name !== 'rules') expect(stdout).toMatch(/^Exit codes: 0 .*, 1 /m);
      expect(stdout).toMatch(/Examples?:\n {2}.*picket /);
    },
  );

  test.each([
    [['nonsense']],
    [['tail', '--no-such-option']],
    [['replay']],
    [['tail', '--count', 'many']],
    [['tail', '--trigger', 'auth.exce']],
    [['tail', '--nats', 'nats://x:99999']],
    [['run', '--log-level', 'loud']],
    [['run', '--platform', 'windows']],
  ])('%j is a usage error: exit 2, words on stderr only', (args) => {
    const { status, stdout, stderr } = picket(args);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain('--help');
  });

  test('help of a command is what its --help says, however deep; of none it is an error', () => {
    expect(picket(['help', 'rules', 'plan']).stdout).toBe(picket(['rules', 'plan', '--help']).stdout);
    const { status, stdout, stderr } = picket(['help', 'rules', 'plam']);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain("unknown command 'plam'\n(Did you mean plan?)");
  });

  test('a person sees a stack trace only when asking for it', () => {
    const args = ['replay', RECORDING, '--rules', join(folder, 'none')];
    const quiet = picket(args);
    expect(quiet.status).not.toBe(0);
    expect(quiet.stderr).not.toContain('    at ');
    expect(picket([...args, '--verbose']).stderr).toContain('    at ');
  });
});

describe('replay', () => {
  test('prints every event in order with the decision', () => {
    const { status, stdout, stderr } = picket(['replay', RECORDING, '--rules', ...RULES]);
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect([status, stderr]).toEqual([0, '']);
    expect(events.map(({ event }) => event.sequence)).toEqual(events.map((_, index) => index + 1));
    const denied = events.filter((event) => event.picket.decision === 'deny').map((event) => event.file.path);
    expect(denied).toContain('/srv/guarded/secrets/payroll.csv');
    expect(denied).toContain('/dev/shm/.x');
  });

  test('a recording that is written again is the same, packed or from stdin', () => {
    const recording = readFileSync(RECORDING);
    for (const input of [recording, gzipSync(recording), zstdCompressSync(recording)]) {
      const { status, bytes } = picket(['replay', '-', '--output', 'picket'], input);
      expect(status).toBe(0);
      expect(bytes.equals(recording)).toBe(true);
    }
  });

  test('the summary counts triggers, decisions and rules', () => {
    const { stdout } = picket(['replay', RECORDING, '--rules', ...RULES, '--output', 'summary']);
    expect(stdout).toMatch(/auth\.open +\d+/);
    expect(stdout).toMatch(/deny +6\n/);
    expect(stdout).toMatch(/demo-sealed-file +\d/);
    expect(stdout).toMatch(/416 events in .* events\/s; 3 with alerts, 0 unreadable/);
  });

  test('what cannot be read is told with file and line, the rest goes on, exit 1', () => {
    const file = join(folder, 'damaged.json');
    const line =
      '{"schema_version":1,"version":7,"time":"2026-01-01T00:00:00Z","event_type":11,"event":{"fork":{}}}';
    writeFileSync(file, `${line}\nno json\n${line}\n`);
    const { status, stdout, stderr } = picket(['replay', file, join(folder, 'none.json')]);
    expect(status).toBe(1);
    expect(stderr).toContain(`${file}:2: `);
    expect(stderr).toContain('none.json');
    expect(stdout.trimEnd().split('\n').length).toBe(2);
  });
});

describe('doctor', () => {
  test('names what is missing and how to mend it, and exits 1 while run would fail', () => {
    const config = join(folder, 'picket.yaml');
    const socket = join(folder, 'none.sock');
    writeFileSync(
      config,
      JSON.stringify({
        bridge: { socket },
        nats: { servers: ['nats://127.0.0.1:9'] },
        rules: { paths: RULES },
      }),
    );
    const { status, stdout } = picket(['doctor', '-c', config, '--json']);
    const { findings } = JSON.parse(stdout);
    const state = (check: string) =>
      findings.find((finding: { check: string }) => finding.check === check)?.state;
    expect(status).toBe(1);
    expect([state('node'), state('zstd'), state('rules'), state('socket'), state('nats')]).toEqual([
      'ok',
      'ok',
      'ok',
      'fail',
      'fail',
    ]);
    for (const finding of findings) if (finding.state !== 'ok') expect(finding.mend).toBeTruthy();
  });

  test('sees NATS, its stream and its clock', async () => {
    const nats = await startNats(cleanup);
    const config = join(folder, 'picket.yaml');
    writeFileSync(config, JSON.stringify({ nats: { servers: [nats.url] }, rules: { paths: RULES } }));
    expect(picket(['doctor', '-c', config]).stdout).toMatch(/FAIL +stream .*\n +→ picket stream setup/);
    expect(picket(['stream', 'setup', '-c', config]).status).toBe(0);
    const { stdout } = picket(['doctor', '-c', config]);
    expect(stdout).toMatch(/ok +stream +PICKET holds picket\.events\.>/);
    expect(stdout).toMatch(/ok +clock +monotonic, .* the NATS server/);
  });
});
