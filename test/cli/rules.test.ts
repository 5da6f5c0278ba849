import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ending, picketIn } from './picket-command.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-cli-rules-'));
  writeFileSync(join(folder, 'good.yaml'), rule('/tmp/x', 'alert'));
  writeFileSync(join(folder, 'failing.yaml'), rule('/tmp/x', 'none'));
  writeFileSync(
    join(folder, 'wrong.yaml'),
    rule('/tmp/x', 'alert').replace('startsWith', 'startswith').replace('from-tmp', 'mistyped'),
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rule = (executable: string, expected: string): string => `
- name: from-tmp
  on: [notify.exec]
  conditions: { all: [ { fact: process, path: $.executable, operator: startsWith, value: /tmp/ } ] }
  event: { type: alert }
  tests: [ { name: t, given: { process: { executable: ${executable} } }, expect: ${expected} } ]
`;

const picket = (...args: string[]): Ending => picketIn(folder, 'rules', ...args);

describe('picket rules check', () => {
  test('is silent on stdout about good rules, and ends well', () => {
    expect(picket('check', 'good.yaml')).toEqual({
      status: 0,
      stdout: '',
      stderr: '1 good rule in 1 file, 0 errors, 0 warnings\n',
    });
  });

  test('says as a compiler does what is wrong, without colour in a pipe', () => {
    const { status, stdout } = picket('check', 'wrong.yaml');
    expect(status).toBe(1);
    expect(stdout).toContain(
      'wrong.yaml:4:71: error[unknown-operator]: no operator is named `startswith`; did you mean `startsWith`?\n' +
        '  4 | conditions: { all: [ { fact: process, path: $.executable, operator: startswith, value: /tmp/ } ] }\n' +
        '    |                                                                     ^^^^^^^^^^\n' +
        '    found:    `startswith`\n' +
        '    expected: equal, ',
    );
    expect(stdout).not.toContain('\u001b');
  });

  test('prints JSON for programs', () => {
    const { status, stdout } = picket('check', '--json', 'wrong.yaml');
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      rules: 0,
      errors: 1,
      findings: [{ file: 'wrong.yaml', line: 4, column: 71, code: 'unknown-operator', severity: 'error' }],
    });
  });

  test('ends with 2 on a wrong command line', () => {
    expect(picket('check', '--platform', 'windows').status).toBe(2);
    expect(picket('chek').status).toBe(2);
  });
});

describe('picket rules test', () => {
  test('sums up', () => {
    expect(picket('test', 'good.yaml')).toEqual({
      status: 0,
      stdout: '',
      stderr: '1 passed, 0 failed in 1 rule\n',
    });
  });

  test('shows why a test failed', () => {
    const { status, stdout, stderr } = picket('test', 'failing.yaml');
    expect(status).toBe(1);
    expect(stdout).toBe(
      'failing.yaml:6:12: failed: from-tmp, t: expected none, got alert\n' +
        '    process.executable startsWith "/tmp/" is true\n' +
        '        the event has "/tmp/x"\n',
    );
    expect(stderr).toBe('0 passed, 1 failed in 1 rule\n');
  });

  test('runs what is right beside what is wrong, and fails', () => {
    const { status, stdout, stderr } = picket('test', 'wrong.yaml', 'good.yaml');
    expect(status).toBe(1);
    expect(stdout).toContain('error[unknown-operator]');
    expect(stderr).toBe('1 passed, 0 failed in 1 rule; 1 error in files: what is wrong was not tested\n');
  });
});
