// `picket doctor` on real filesystems: what it says of each is what the bridge does.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Finding } from '../../src/doctor/check.ts';
import { agentConfig, nodeProgram, picketProgram, startAgent, writeRules } from './harness/agent.ts';
import { bridgeProgram, startBridge } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import { errorOfOpen } from './harness/opener.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';

let cleanup: Cleanup;
let scratch: Scratch;

beforeEach(() => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
});

afterEach(() => cleanup.run(), 60_000);

function mountOverlay(): string {
  const layers = makeScratch(cleanup);
  const [lower, upper, work, merged] = ['lower', 'upper', 'work', 'merged'].map((name) => {
    const folder = join(layers.mount, name);
    mkdirSync(folder);
    return folder;
  });
  if (merged === undefined) throw new Error('no folder to mount on');
  const layout = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  execFileSync('mount', ['-t', 'overlay', '-o', layout, 'picket-test', merged]);
  cleanup.add(() => {
    execFileSync('umount', ['-l', merged]);
  });
  return merged;
}

function diagnose(config: string): readonly Finding[] {
  const { stdout } = spawnSync(nodeProgram, [picketProgram, 'doctor', '--json', '-c', config], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return JSON.parse(stdout).findings;
}

test('filesystem by filesystem: what is guarded, what lacks something, what nobody asked for', async () => {
  const denied = scratch.file('denied');
  const merged = mountOverlay();
  const other = makeScratch(cleanup, 'ext4');
  const rules = writeRules(scratch, [
    {
      name: 'deny-one',
      on: ['auth.open'],
      conditions: { all: [{ fact: 'file', path: '$.path', operator: 'equal', value: denied }] },
      event: { type: 'deny' },
    },
  ]);
  const config = agentConfig(scratch, {
    rules,
    more: { guard: { filesystems: [scratch.mount, merged, '/nowhere/to/be/found'] } },
  });
  await startBridge(cleanup, scratch);
  await startAgent(cleanup, config);
  expect(errorOfOpen(denied)).toBe('EPERM');

  const findings = diagnose(config);
  const about = (text: string): string[] =>
    findings.filter(({ found }) => found.includes(text)).map(({ state, found }) => `${state} ${found}`);
  expect(about(`${scratch.mount} `)).toEqual([
    `ok ${scratch.mount} (tmpfs) may be guarded`,
    `ok ${scratch.mount} (tmpfs) is guarded`,
  ]);
  expect(about(`${merged} (overlay) may be guarded`)).toEqual([
    expect.stringContaining(`warn ${merged} (overlay) may be guarded, but`),
  ]);
  expect(about(`${other.mount} (ext4)`)).toContain(
    `ok ${other.mount} (ext4) is not guarded: guard.filesystems does not name it`,
  );
  expect(about('/nowhere/to/be/found')).toContain(
    'warn /nowhere/to/be/found of guard.filesystems is on no mounted filesystem',
  );
  expect(about('agent agent')).toEqual(['ok agent agent, generation 1, policy 1']);
  // Looked at, and nothing marked for it: nobody is asked about the others.
  expect(errorOfOpen(other.file('open'))).toBe('none');
});

test('without a bridge it says so, and what each filesystem could do all the same', () => {
  const findings = diagnose(agentConfig(scratch, { rules: writeRules(scratch, []) }));
  expect(findings).toContainEqual({
    check: 'filesystem',
    state: 'ok',
    found: `${scratch.mount} (tmpfs) may be guarded`,
  });
  expect(findings.find(({ check }) => check === 'enforcement')).toMatchObject({ state: 'unseen' });
});

test('a mount point that would command the terminal is listed without its escapes', () => {
  const mount = join(scratch.mount, 'a\u001b[2J\u007fb');
  mkdirSync(mount);
  execFileSync('mount', ['-t', 'tmpfs', 'picket-test', mount]);
  cleanup.add(() => {
    execFileSync('umount', ['-l', mount]);
  });
  const listed = spawnSync(bridgeProgram, ['--filesystems'], { encoding: 'utf8', timeout: 60_000 });
  expect(listed.stdout.split('\n')).toContainEqual(
    expect.stringContaining(`${join(scratch.mount, 'a?[2J?b')}\ttmpfs\t`),
  );
});
