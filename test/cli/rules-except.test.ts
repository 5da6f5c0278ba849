import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ending, picketIn } from './picket-command.ts';

const RULE = `
- name: from-opt
  on: [notify.exec]
  platforms: [linux]
  conditions: { all: [ { fact: process, path: $.executable, operator: startsWith, value: /opt/ } ] }
  event: { type: alert }
  tests: [ { name: t, given: { process: { executable: /opt/x } }, expect: alert } ]
`;
const given = { process: { executable: '/opt/site/agent', pid: 7, user: { id: '0' } } };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-cli-except-'));
  writeFileSync(join(folder, 'rules.yaml'), RULE);
  // As in a test: over several lines, and without a trigger.
  writeFileSync(join(folder, 'event.json'), JSON.stringify(given, null, 2));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const picket = (...args: string[]): Ending => picketIn(folder, 'rules', ...args);

const except = (...args: string[]) =>
  picket('except', 'from-opt', 'rules.yaml', '--from-event', 'event.json', ...args);

describe('picket rules except', () => {
  test('prints a file of exceptions that loads, and asks for the reason', () => {
    const { status, stdout, stderr } = except();
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: 'say why: put the reason in place of TODO, or give --reason\n',
    });
    expect(stdout).toMatch(
      /^exceptions:\n {2}# Proposed on \d{4}-\d\d-\d\d from 1 event on which the rule fired\.\n {2}- rule: from-opt\n {4}name: agent\n {4}reason: TODO\n/,
    );
    expect(stdout).toContain(
      '- { fact: process, path: $.executable, operator: equal, value: /opt/site/agent }',
    );
    writeFileSync(join(folder, 'site.yaml'), stdout);
    const checked = picket('check', 'rules.yaml', 'site.yaml');
    expect(checked.status).toBe(0);
    expect(checked.stdout).toContain('site.yaml:5:13: warning[exception-reason]: nobody has said yet why');
  });

  test('appends it to a file, after which the rule no longer fires on the event', () => {
    const out = ['--out', 'site.yaml', '--reason', 'The agent of this site.', '--expires', '2999-12-31'];
    expect(except(...out)).toMatchObject({ status: 0, stdout: '' });
    const text = readFileSync(join(folder, 'site.yaml'), 'utf8');
    expect(text).toContain('    reason: The agent of this site.\n    expires: 2999-12-31\n');
    const again = picket(
      'except',
      'from-opt',
      'rules.yaml',
      'site.yaml',
      '--from-event',
      'event.json',
      ...out,
    );
    expect(again).toEqual({
      status: 1,
      stdout: '',
      stderr:
        'picket: from-opt does not fire on this event: the exception `agent` (site.yaml:3:5) covers it\n',
    });
    writeFileSync(join(folder, 'event.json'), JSON.stringify({ process: { executable: '/opt/other' } }));
    expect(
      picket('except', 'from-opt', 'rules.yaml', 'site.yaml', '--from-event', 'event.json', ...out).status,
    ).toBe(0);
    expect(readFileSync(join(folder, 'site.yaml'), 'utf8').startsWith(text)).toBe(true);
    expect(picket('check', 'rules.yaml', 'site.yaml')).toMatchObject({ status: 0, stdout: '' });
  });

  test('takes what replay prints, and says on how many of the events the rule fires', () => {
    const line = (executable: string, trigger = 'notify.exec'): string =>
      JSON.stringify({
        host: { os: { type: 'linux' } },
        process: { executable },
        picket: { trigger, rules: ['x'] },
      });
    writeFileSync(
      join(folder, 'event.json'),
      [line('/opt/a'), line('/bin/sh'), line('/opt/b'), line('/opt/c', 'notify.exit'), 'no event'].join('\n'),
    );
    const { status, stdout, stderr } = except('--json', '--reason', 'r');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      rule: 'from-opt',
      reason: 'r',
      events: 2,
      conditions: { all: [{ operator: 'in', value: ['/opt/a', '/opt/b'] }] },
      because: [{ fact: 'process.executable' }],
    });
    expect(stderr).toContain('event.json:5: ');
    expect(stderr).toContain('from-opt fires on 2 of 3 events');
  });

  test.each([
    [
      ['except', 'from-otp', 'rules.yaml', '--from-event', 'event.json'],
      2,
      'no rule is named from-otp; did you mean from-opt?',
    ],
    [['except', 'from-opt', 'nowhere', '--from-event', 'event.json'], 3, 'nowhere: error[missing-file]'],
    [
      ['except', 'from-opt', 'rules.yaml', '--from-event', 'nowhere'],
      3,
      "nowhere can't be read: it does not exist",
    ],
    [['except', 'from-opt', 'rules.yaml'], 2, "required option '--from-event <file>' not specified"],
    [
      ['except', 'from-opt', 'rules.yaml', '--from-event', 'event.json', '--out', 'x.yaml'],
      2,
      '--out needs --reason',
    ],
    [
      ['except', 'from-opt', 'rules.yaml', '--from-event', 'event.json', '--expires', 'soon'],
      2,
      '--expires soon is no date',
    ],
    [
      ['except', 'from-opt', 'rules.yaml', '--from-event', 'event.json', '--expires', '2020-01-01'],
      2,
      'is past',
    ],
    [
      [
        'except',
        'from-opt',
        'rules.yaml',
        '--from-event',
        'event.json',
        '--reason',
        'r',
        '--out',
        'rules.yaml',
      ],
      1,
      "rules.yaml can't take it: it is no file of exceptions",
    ],
  ])('%j ends with %i', (args, status, words) => {
    const result = picket(...args);
    expect(result.status).toBe(status);
    expect(result.stderr).toContain(words);
    expect(result.stdout).toBe('');
  });

  test('says what decided where the rule does not fire, and which tests an exception would stop', () => {
    writeFileSync(join(folder, 'event.json'), JSON.stringify({ process: { executable: '/bin/sh' } }));
    expect(except().stderr).toBe(
      'picket: from-opt does not fire on this event:\n  process.executable startsWith "/opt/" is false: the event has "/bin/sh"\n',
    );
    writeFileSync(join(folder, 'event.json'), JSON.stringify({ process: { executable: '/opt/x' } }));
    expect(except().stderr).toContain(
      'an exception for them would also stop these tests of the rule:\n  from-opt: t\n',
    );
    writeFileSync(
      join(folder, 'event.json'),
      JSON.stringify({ process: { executable: '/opt/x' }, picket: { trigger: 'notify.exit' } }),
    );
    expect(except().stderr).toContain(
      'from-opt is on notify.exec, and the events in event.json are on notify.exit',
    );
  });
});
