import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ending, picketIn } from './picket-command.ts';

const SHIPPED = fileURLToPath(new URL('../../rules', import.meta.url));

const rule = (name: string, conditions: string, more = ''): string =>
  `- { name: ${name}, on: [auth.open], platforms: [linux], conditions: { all: [${conditions}] }, event: { type: deny }${more} }\n`;
const BY_PATH = '{ fact: file, path: $.path, operator: startsWith, value: /secret/ }';
const BY_USER = '{ fact: process, path: $.user.id, operator: equal, value: "0" }';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-cli-plan-'));
  for (const name of ['rules', 'old']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'old/a.yaml'), rule('kept', BY_PATH) + rule('gone', BY_PATH, ', priority: 5'));
  writeFileSync(join(folder, 'rules/a.yaml'), rule('kept', `${BY_PATH}, ${BY_USER}`));
  writeFileSync(join(folder, 'wrong.yaml'), rule('wrong', BY_PATH).replace('startsWith', 'startswith'));
  mkdirSync(join(folder, 'empty'));
  writeFileSync(
    join(folder, 'mounts'),
    '27 1 254:0 / / rw - ext4 /dev/vda rw\n28 27 254:1 / /secret rw - ext4 /dev/vdb rw\n',
  );
  writeFileSync(
    join(folder, 'picket.yaml'),
    'guard: { filesystems: [/secret], max_wait_ms: { open: 40 }, defaults: { open: deny } }\nrules: { platform: linux }\n',
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const plan = (...args: string[]): Ending => picketIn(folder, 'rules', 'plan', ...args);

describe('picket rules plan', () => {
  test('says who answers and why, what is marked and how long a call waits, by the configuration', () => {
    const { status, stdout, stderr } = plan('-c', 'picket.yaml', '--mounts', 'mounts');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain('linux: 1 rule, a policy of ');
    expect(stdout).toContain('  auth.open  deny  kept  the agent: it reads process.user.id\n');
    expect(stdout).toContain('  /secret (ext4) would be marked for kept\n');
    expect(stdout).not.toContain('/ (ext4)');
    expect(stdout).toContain('  open  waits 40 ms at most  then deny\n');
    expect(stdout).toContain('    kept reads process.user.id: another process may ask for the same file\n');
    expect(stdout).not.toContain('\u001b');
  });

  test('says what stays unguarded', () => {
    const { stdout } = plan('--mounts', 'mounts');
    expect(stdout).toContain(
      '  /secret (ext4) stays unguarded: guard.filesystems is empty; in reach of kept\n',
    );
  });

  test('says what a change means', () => {
    const { status, stdout } = plan('rules', '--against', 'old', '--mounts', 'mounts');
    expect(status).toBe(0);
    expect(stdout).toContain(`linux: what the change means

  − rule gone
  ~ rule kept: conditions
  ~ auth.open of kept moves from bridge (deny) to agent (deny): it reads process.user.id
  − auth.open of gone was answered by: bridge (deny)
  − the bridge alone: auth.open deny gone: the file begins with /secret/
  − the bridge alone: auth.open deny kept: the file begins with /secret/
`);
  });

  test('says so where nothing changes', () => {
    const { status, stdout } = plan('old', '--against', 'old', '--mounts', 'mounts');
    expect([status, stdout]).toEqual([
      0,
      'linux: what the change means\n\n  nothing: rules and plan are the same\n',
    ]);
  });

  test('prints JSON for programs: one plan a platform, and the changes beside them', () => {
    const shipped = JSON.parse(plan(SHIPPED, '--json', '--mounts', 'mounts').stdout);
    expect(shipped.plans.map(({ platform }: { platform: string }) => platform)).toEqual(['linux', 'macos']);
    expect(shipped.plans[0].answers).toContainEqual(
      expect.objectContaining({ rule: 'linux-deny-shadow-to-servers', by: 'bridge' }),
    );
    expect(shipped.changes).toBeUndefined();
    const changed = JSON.parse(plan('rules', '--json', '--against', 'old').stdout);
    expect(changed.changes[0].rules.went).toEqual(['gone']);
  });

  test('draws', () => {
    const { status, stdout } = plan('rules', '--mermaid');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^flowchart LR\n/);
    expect(stdout).toContain('{{"the agent answers"}}');
  });

  test('says with place what is wrong with rules, on both sides, and ends with 1', () => {
    const wrong = plan('wrong.yaml');
    expect(wrong.status).toBe(1);
    expect(wrong.stdout).toBe('');
    expect(wrong.stderr).toContain('wrong.yaml:1:');
    expect(wrong.stderr).toContain('error[unknown-operator]');
    const against = plan('rules', '--json', '--against', 'wrong.yaml');
    expect([against.status, JSON.parse(against.stdout).errors.length]).toEqual([1, 1]);
  });

  test('ends with 2 on a wrong command line', () => {
    expect(plan('--json', '--mermaid').status).toBe(2);
    const { status, stderr } = plan('rules', '--mounts', 'picket.yaml');
    expect(status).toBe(1);
    expect(stderr).toContain(
      'picket: picket.yaml:1: this is no mount: expected lines as in /proc/self/mountinfo',
    );
  });

  test('of a folder without rules is an error, in words and as JSON', () => {
    const { status, stdout, stderr } = plan('empty');
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain('empty: error[no-rule-files]: there is no rule in it\n');
    const { errors } = JSON.parse(plan('empty', '--json').stdout);
    expect(errors).toEqual([expect.objectContaining({ file: 'empty', code: 'no-rule-files' })]);
  });
});
