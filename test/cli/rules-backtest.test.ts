import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ending, picketIn } from './picket-command.ts';

const fromRoot = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const RECORDING = fromRoot('demo/linux.picket');
const RULES = fromRoot('rules/linux');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-cli-backtest-'));
  mkdirSync(join(folder, 'old'));
  mkdirSync(join(folder, 'none'));
  writeFileSync(join(folder, 'words.txt'), 'word\n'.repeat(12));
  const execution = readFileSync(join(RULES, 'execution.yaml'), 'utf8');
  writeFileSync(join(folder, 'new.yaml'), execution);
  writeFileSync(join(folder, 'old/execution.yaml'), execution.replaceAll('/dev/tcp', '/dev/tcq'));
  writeFileSync(join(folder, 'wrong.yaml'), '- { name: a }\n');
  writeFileSync(join(folder, 'empty.ndjson'), '');
  const recorded = readFileSync(RECORDING);
  writeFileSync(join(folder, 'cut.picket'), recorded.subarray(0, recorded.length - 3));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const backtest = (...args: string[]): Ending => picketIn(folder, 'rules', 'backtest', '--no-timing', ...args);

describe('picket rules backtest', () => {
  const against = [RECORDING, '--rules', 'new.yaml', '--against', 'old'];

  test('says what newly fires, with the event, and fails where that is more than allowed', () => {
    const { status, stdout, stderr } = backtest(...against, '--fail-on-new', '0');
    expect(stdout).toContain('416 events of 3 triggers');
    expect(stdout).toContain('  ~ rule linux-shell-dev-tcp: conditions\n');
    expect(stdout).toContain(
      `Newly firing (+1)\n  linux-shell-dev-tcp 0 → 1 (+1)\n    + ${RECORDING}, event 13: `,
    );
    expect([status, stderr]).toEqual([1, '1 event newly fires a rule: more than 0\n']);
  });

  test('prints JSON for programs and annotations for GitHub', () => {
    const { status, stdout } = backtest(...against, '--json', '--fail-on-new', '1');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      events: 416,
      newlyFiring: 1,
      rules: [
        { rule: 'linux-shell-dev-tcp', before: 0, now: 1, examples: [{ event: 13, change: 'newly' }] },
        {},
        {},
      ],
    });
    expect(backtest(...against, '--format', 'github').stdout).toMatch(
      /^::warning file=new\.yaml,line=\d+,title=rules backtest::linux-shell-dev-tcp 0 → 1 \(\+1, −0\)\n$/,
    );
  });

  test('tells shadow mode apart, and reads what it can of a damaged recording', () => {
    const { status, stdout, stderr } = backtest('cut.picket', '--rules', RULES);
    expect(stdout).toContain(
      'Rules in shadow mode would, if enforced\n  linux-deny-shadow-to-interpreters deny 1 event: /usr/bin/python3.11 1\n',
    );
    expect(stdout).toContain('  denies 2 in all: ');
    expect(stderr).toMatch(/^cut\.picket:416: event 416, at byte \d+: the recording ends within it\n$/);
    expect(status).toBe(1);
  });

  test('does not pass where nothing was read', () => {
    const { status, stderr } = backtest(
      'empty.ndjson',
      '--rules',
      'new.yaml',
      '--against',
      'old',
      '--fail-on-new',
      '5',
    );
    expect([status, stderr]).toEqual([1, 'no event was read: the rules were not tried\n']);
  });

  test('says what is wrong with rules and with the command line', () => {
    const wrong = backtest(RECORDING, '--rules', 'wrong.yaml');
    expect(wrong.status).toBe(1);
    expect(wrong.stderr).toContain('wrong.yaml:1:');
    const { status, stderr } = backtest(RECORDING, '--rules', 'new.yaml', '--fail-on-new', '5');
    expect([status, stderr]).toEqual([
      2,
      'picket: --fail-on-new needs --against: without it nothing is new\n',
    ]);
  });

  test('tells wrong rules in the format that was asked for, and takes one format only', () => {
    const { status, stdout } = backtest(RECORDING, '--rules', 'wrong.yaml', '--format', 'github');
    expect(status).toBe(1);
    expect(stdout).toMatch(/^::error file=wrong\.yaml,line=1,col=\d+,title=picket missing-key::/);
    const both = backtest(RECORDING, '--rules', 'new.yaml', '--json', '--format', 'github');
    expect([both.status, both.stdout]).toEqual([2, '']);
  });

  test('tries nothing without rules', () => {
    const { status, stderr } = backtest(RECORDING, '--rules', 'none');
    expect(status).toBe(1);
    expect(stderr).toContain('none: error[no-rule-files]: there is no rule in it\n');
  });

  test('tells of a file that is something else once, with how often', () => {
    const { status, stderr } = backtest('words.txt', '--rules', 'new.yaml');
    expect(status).toBe(1);
    expect(stderr.split('\n').slice(0, 4)).toEqual([
      ...[1, 2, 3].map((line) => expect.stringMatching(`^words\\.txt:${line}: no JSON`)),
      expect.stringMatching(/^words\.txt: no JSON.*: 9 more$/),
    ]);
  });
});
