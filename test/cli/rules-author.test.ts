// `rules test`, `rules explain` and `rules new` as a person or a CI calls them.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EcsEvent } from '../../src/events/ecs-event.ts';
import { encodeEvent } from '../../src/events/encode-event.ts';
import { recordedEvent } from '../../src/sources/recording.ts';
import { type Ending, MAIN, picketIn } from './picket-command.ts';

const RULE = `
- name: from-tmp
  on: [notify.exec]
  platforms: [linux]
  conditions:
    all:
      - { fact: process, path: $.executable, operator: startsWith, value: /tmp/ }
      - { fact: process, path: $.user.id, operator: equal, value: '0' }
  event: { type: alert }
  tests:
    - { name: as root, given: { process: { executable: /tmp/x, user: { id: '0' } } }, expect: alert }
    - { name: "else, where", given: { process: { executable: /bin/x, user: { id: '0' } } }, expect: none }
    - { name: as ada, given: { process: { executable: /tmp/x, user: { id: '1000' } } }, expect: todo-alert }
`;

const TESTS = `
tests:
  - { name: day, rule: from-tmp, events: ../day.picket, expect: { matches: 1 } }
  - { name: quiet, rule: from-tmp, events: ../day.picket, expect: none }
`;

const EVENTS: readonly EcsEvent[] = [
  { process: { executable: '/tmp/x', user: { id: '0' }, pid: 7 } },
  { process: { executable: '/tmp/y', user: { id: '1000' }, pid: 8 } },
].map(
  (event) => ({ ...event, host: { os: { type: 'linux' } }, picket: { trigger: 'notify.exec' } }) as EcsEvent,
);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-cli-author-'));
  mkdirSync(join(folder, 'set'));
  writeFileSync(join(folder, 'r.yaml'), RULE);
  writeFileSync(join(folder, 'set', 'r.yaml'), RULE);
  writeFileSync(join(folder, 'set', 'day.test.yaml'), TESTS);
  writeFileSync(
    join(folder, 'day.picket'),
    Buffer.concat(EVENTS.map((event) => recordedEvent(encodeEvent(event)))),
  );
  writeFileSync(join(folder, 'one.json'), JSON.stringify(EVENTS[1], null, 2));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const picket = (...args: string[]): Ending => picketIn(folder, 'rules', ...args);

describe('picket rules test', () => {
  test('runs test files beside the rules, and says what each failure met', () => {
    expect(picket('test', 'set')).toEqual({
      status: 1,
      stdout:
        'set/r.yaml:13:7: todo: from-tmp, as ada: expected alert, got none (known gap)\n' +
        '    process.user.id equal "0" is false\n' +
        '        the event has "1000"\n' +
        'set/day.test.yaml:4:5: failed: from-tmp, quiet: expected none, got alert\n' +
        '    from-tmp matches event 1\n' +
        '    process.executable startsWith "/tmp/" is true\n' +
        '        the event has "/tmp/x"\n' +
        '    process.user.id equal "0" is true\n' +
        '        the event has "0"\n',
      stderr: '3 passed, 1 failed, 1 todo in 1 rule\n',
    });
  });

  test('fails where the coverage is below what is asked', () => {
    writeFileSync(join(folder, 'half.yaml'), RULE.replace(/ {4}- \{ name: as ada.*\n/, ''));
    const { status, stdout, stderr } = picket('test', 'half.yaml', '--min', '80');
    expect(status).toBe(1);
    expect(stdout).toBe('half.yaml:8:17: uncovered: from-tmp: process.user.id equal "0" was never false\n');
    expect(stderr).toContain(
      'coverage: 75 % of what conditions can be, true and false, was seen (1 of 2 conditions both); 80 % asked for',
    );
    expect(picket('test', 'r.yaml', '--require-both').status).toBe(0);
  });

  test('writes JUnit’s XML to a file', () => {
    const { status, stdout } = picket(
      'test',
      'set',
      '--rule',
      'from-*',
      '--format',
      'junit',
      '--out',
      'results.xml',
    );
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    const xml = readFileSync(join(folder, 'results.xml'), 'utf8');
    expect(xml).toContain(
      '<testsuites name="picket rules test" tests="5" failures="1" errors="0" skipped="1">',
    );
    expect(xml).toContain('<testcase classname="from-tmp" name="else, where" file="set/r.yaml"/>');
    expect(xml).toContain('<failure message="expected none, got alert" type="expectation">');
  });

  test('annotates for GitHub, names escaped', () => {
    const { stdout } = picket('test', 'set', '--format', 'github');
    expect(stdout).toContain(
      '::error file=set/day.test.yaml,line=4,col=5,title=from-tmp%2C quiet::expected none, got alert%0Afrom-tmp matches event 1',
    );
    expect(stdout).toContain('::notice file=set/r.yaml,line=13,col=7,title=from-tmp%2C as ada::');
  });

  test('is asked nonsense and says so', () => {
    expect(picket('test', 'r.yaml', '--rule', 'nobody')).toMatchObject({
      status: 2,
      stderr: 'picket: no rule is named nobody\n',
    });
    expect(picket('test', 'r.yaml', '--rule', 'from-tmp', '--rule', 'form-tmp')).toMatchObject({
      status: 2,
      stderr: 'picket: no rule is named form-tmp; did you mean from-tmp?\n',
    });
    expect(picket('test', 'r.yaml', '--min', 'much').status).toBe(2);
    expect(picket('test', 'r.yaml', '--out', 'no/such/folder.txt').status).toBe(3);
  });

  test('a run that tests nothing is no success', () => {
    mkdirSync(join(folder, 'empty'));
    expect(picket('test', 'empty')).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('empty: error[no-rule-files]: there is no rule in it'),
    });
    expect(picket('test', 'nowhere').status).toBe(3);
  });

  test('a recording that can not be read is told once, without what else would differ', () => {
    mkdirSync(join(folder, 'lost'));
    writeFileSync(join(folder, 'lost', 'r.yaml'), RULE);
    writeFileSync(join(folder, 'lost', 'day.test.yaml'), TESTS.replaceAll('../day.picket', 'away.picket'));
    expect(picket('test', 'lost').stdout).toContain(
      'lost/day.test.yaml:3:5: failed: from-tmp, day: expected 1 match, got 0 matches\n' +
        "    lost/away.picket can't be read: it does not exist\n" +
        'lost/day.test.yaml:4:5: failed',
    );
  });

  test('runs again when a file changes, survives one that is broken, and ends at Ctrl-C', async () => {
    const file = join(folder, 'watched.yaml');
    writeFileSync(file, RULE);
    const child = spawn(process.execPath, [MAIN, 'rules', 'test', 'watched.yaml', '--watch'], {
      cwd: folder,
    });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const runs = async (count: number): Promise<void> => {
      await expect.poll(() => said.split('waiting for changes').length - 1, { timeout: 60_000 }).toBe(count);
    };
    await runs(1);
    writeFileSync(file, `${RULE}  broken: [`);
    await runs(2);
    writeFileSync(file, RULE);
    await runs(3);
    child.kill('SIGINT');
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(said.split('\n').filter((line) => line.includes('passed'))).toEqual([
      '2 passed, 0 failed, 1 todo in 1 rule',
      '0 passed, 0 failed in 0 rules; 1 error in files: what is wrong was not tested',
      '2 passed, 0 failed, 1 todo in 1 rule',
    ]);
    expect(code).toBe(130);
  });
});

describe('picket rules explain', () => {
  test('shows the tree of a rule beside one event, and what kept it from matching', () => {
    expect(picket('explain', 'r.yaml', '--event', 'one.json', '--rule', 'from-tmp')).toEqual({
      status: 0,
      stdout:
        'event 1: notify.exec on linux, /tmp/y\n' +
        'decision: no verdict, no rule decides, so the event is dropped\n' +
        '\n' +
        'from-tmp (alert, priority 1) does not match  r.yaml:2:3\n' +
        '  ✗ all\n' +
        '    ✓ process.executable startsWith "/tmp/"  "/tmp/y"\n' +
        '    ✗ process.user.id equal "0"              "1000"  ← decides\n' +
        '  kept from matching by 1 condition\n' +
        '    process.user.id equal "0": the event has "1000"\n',
      stderr: '',
    });
  });

  test('says a line for each of many events', () => {
    const lines =
      'event 1: notify.exec on linux, /tmp/x: no verdict; alert from-tmp\n' +
      'event 2: notify.exec on linux, /tmp/y: no verdict; one condition away: from-tmp\n';
    expect(picket('explain', 'r.yaml', '--event', 'day.picket')).toEqual({
      status: 0,
      stdout: lines,
      stderr: '--at N shows one of them whole\n',
    });
  });

  test('prints JSON for programs', () => {
    const { stdout } = picket('explain', 'r.yaml', '--event', 'day.picket', '--rule', 'from-*', '--json');
    const { events } = JSON.parse(stdout) as { events: unknown[] };
    expect(events).toMatchObject([
      {
        number: 1,
        decision: { verdict: 'none', matched: ['from-tmp'] },
        rules: [{ name: 'from-tmp', isMatch: true }],
      },
      {
        number: 2,
        rules: [{ isMatch: false, kept: { isNear: true, tests: [{ fact: 'process.user.id' }] } }],
      },
    ]);
  });

  test('names what it was asked for and does not find', () => {
    const said = (...args: string[]): Pick<ReturnType<typeof picket>, 'status' | 'stderr'> => {
      const { status, stderr } = picket('explain', 'r.yaml', ...args);
      return { status, stderr };
    };
    expect(said('--event', 'one.json', '--rule', 'form-tmp')).toEqual({
      status: 2,
      stderr: 'picket: no rule is named form-tmp; did you mean from-tmp?\n',
    });
    expect(said('--event', 'nowhere')).toEqual({
      status: 3,
      stderr: "nowhere can't be read: it does not exist\n",
    });
    expect(said('--event', 'day.picket', '--at', '9')).toEqual({
      status: 1,
      stderr: 'picket: day.picket has no event 9\n',
    });
    writeFileSync(
      join(folder, 'odd.json'),
      '{ "process": { "executible": "/x" }, "picket": { "trigger": "notify.exce" } }',
    );
    expect(said('--event', 'odd.json')).toEqual({
      status: 0,
      stderr:
        'odd.json: event 1: no trigger is named notify.exce; did you mean notify.exec?\n' +
        'odd.json: event 1: no fact is named process.executible, so it is left out; did you mean process.executable?\n',
    });
  });
});

describe('picket rules new', () => {
  test('writes a rule that check and test are content with, and never over a file', () => {
    const made = picket('new', 'my-rule', '--template', 'exec');
    expect(made).toMatchObject({ status: 0, stdout: '' });
    expect(made.stderr).toBe(
      'wrote my-rule (notify.exec, alert) to my-rule.yaml; try it: picket rules test my-rule.yaml\n',
    );
    expect(picket('check', 'my-rule.yaml')).toMatchObject({
      status: 0,
      stdout: '',
      stderr: '1 good rule in 1 file, 0 errors, 0 warnings\n',
    });
    expect(picket('test', 'my-rule.yaml', '--require-both').status).toBe(0);
    writeFileSync(join(folder, 'my-rule.yaml'), 'mine');
    expect(picket('new', 'my-rule', '--template', 'exec')).toMatchObject({
      status: 1,
      stderr: 'picket: my-rule.yaml is there already and is left as it is; --out names another\n',
    });
    expect(picket('new', 'my-rule', '--template', 'exec', '--out', 'notes.txt').status).toBe(2);
    expect(readFileSync(join(folder, 'my-rule.yaml'), 'utf8')).toBe('mine');
  });

  test('draws one from an event, which that event matches', () => {
    const { status, stderr } = picket(
      'new',
      '--from-event',
      'day.picket',
      '--at',
      '2',
      '--out',
      'drawn.yaml',
    );
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: 'wrote linux-exec-y (notify.exec, alert) to drawn.yaml; try it: picket rules test drawn.yaml\n',
    });
    expect(picket('explain', 'drawn.yaml', '--event', 'day.picket', '--at', '2').stdout).toContain(
      '✓ linux-exec-y',
    );
  });

  test('says what it needs', () => {
    expect(picket('new', '--template', 'exce').stderr).toContain('did you mean exec?');
    expect(picket('new', 'picket-x', '--template', 'dns')).toMatchObject({ status: 2 });
    expect(existsSync(join(folder, 'picket-x.yaml'))).toBe(false);
    expect(picket('new', '--list').stdout).toContain('deny-exec');
  });
});
