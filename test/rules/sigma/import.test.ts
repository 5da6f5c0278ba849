import { describe, expect, test } from 'vitest';
import { formatRules } from '../../../src/rules/format/format.ts';
import { parseRules } from '../../../src/rules/load.ts';
import { AUDITD_EVENTS_MAPPING, loadMapping, parseMapping } from '../../../src/rules/sigma/field-mapping.ts';
import { testRules } from '../../../src/rules/testing.ts';
import {
  defaultMapping,
  importTexts,
  loaded,
  matching,
  outcomeOf,
  refusalOf,
  ruleOf,
  sigma,
} from './imported.ts';

const ID = '0e95725d-7320-415d-80f7-004da920fc11';
async function isMatch(
  text: string,
  event: object,
  trigger: Parameters<typeof matching>[2] = 'notify.exec',
): Promise<boolean> {
  const names = await matching(loaded(await importTexts([text])), event, trigger);
  return names.length > 0;
}

describe('a detection', () => {
  const text = ruleOf(`
one:
  - Image|endswith: '/a'
    User: root
  - CommandLine: ['x', 'y']
two:
  Image|endswith: ['/a', '/b']
  CommandLine|contains: z
condition: one and not two
`);

  test('joins a map by and, a list by or, a list of maps by or', async () => {
    const process = (executable: string, name: string, command_line: string): object => ({
      process: { executable, user: { name }, command_line },
    });
    expect(await isMatch(text, process('/a', 'root', 'q'))).toBe(true);
    expect(await isMatch(text, process('/a', 'eve', 'q'))).toBe(false);
    expect(await isMatch(text, process('/q', 'eve', 'Y'))).toBe(true);
    expect(await isMatch(text, process('/a', 'root', 'z'))).toBe(false);
  });

  test('tells null, an empty text and any text apart', async () => {
    const rule = (value: string): string =>
      ruleOf(`selection:\n  CommandLine: ${value}\ncondition: selection`);
    const events = [
      { process: { command_line: 'x' } },
      { process: { command_line: '' } },
      { process: { pid: 1 } },
    ];
    const truths = async (value: string): Promise<boolean[]> =>
      Promise.all(events.map((event) => isMatch(rule(value), event)));
    expect(await truths('null')).toEqual([false, false, true]);
    expect(await truths("''")).toEqual([false, true, false]);
    expect(await truths("'*'")).toEqual([true, true, false]);
    expect(await outcomeOf(rule('null'))).toEqual({ kind: 'exact' });
    expect((await outcomeOf(rule("''"))).kind).toBe('approximate');
    // Both together say all that an event can show.
    const both =
      'a:\n  User: b\nf1:\n  CommandLine: null\nf2:\n  CommandLine: ""\ncondition: a and not 1 of f*';
    expect(await outcomeOf(ruleOf(both))).toEqual({ kind: 'exact' });
    expect((await outcomeOf(ruleOf(both.replace('1 of f*', '(f2 and f1)')))).kind).toBe('approximate');
  });

  test('negated holds of an event without the field, as the specification has it', async () => {
    const rule = ruleOf('a:\n  Image: /x\nb:\n  User: root\ncondition: a and not b');
    expect(await isMatch(rule, { process: { executable: '/x' } })).toBe(true);
    expect(await isMatch(rule, { process: { executable: '/x', user: { name: 'Root' } } })).toBe(false);
  });

  test('takes a list of conditions for alternatives', async () => {
    const rule = ruleOf('a:\n  User: a\nb:\n  User: b\nc:\n  User: c\ncondition: [a, b]');
    const by = (name: string): object => ({ process: { user: { name } } });
    expect([
      await isMatch(rule, by('a')),
      await isMatch(rule, by('b')),
      await isMatch(rule, by('c')),
    ]).toEqual([true, true, false]);
  });

  test('leaves names with an underscore out of `them`, not out of patterns', async () => {
    const rule = (condition: string): string =>
      ruleOf(`_a:\n  User: a\nb:\n  User: b\ncondition: ${condition}`);
    expect(await isMatch(rule('1 of them'), { process: { user: { name: 'a' } } })).toBe(false);
    expect(await isMatch(rule('1 of _*'), { process: { user: { name: 'a' } } })).toBe(true);
  });

  test.each([
    ['selection: {}\ncondition: selection', 'this search identifier is empty'],
    ['selection: []\ncondition: selection', 'this search identifier is empty'],
    ['selection:\ncondition: selection', 'this search identifier is empty'],
    ['selection:\n  User: []\ncondition: selection', '`User` is compared with no value at all'],
    ['selection:\n  User: [a, null]\ncondition: selection', '`null` inside a list is not valid'],
    ['selection:\n  User: { a: b }\ncondition: selection', '`User` is compared with a map'],
    ['selection:\n  User: [[a]]\ncondition: selection', 'a value of `User` is one text or number'],
    ['selection:\n  User: a', 'the key `condition` is missing'],
    ['selection:\n  User: a\ncondition: []', 'the list of conditions is empty'],
    ['selection:\n  User: a\ncondition: other', 'the condition names `other`, which is not defined'],
    ['selection:\n  User: a\ncondition: 1 of x*', 'no search identifier is meant by `x*`'],
    ['condition: selection', 'nothing is searched for: there is no search identifier'],
    [
      'selection:\n  User: a\ncondition: selection | count() > 5',
      'aggregations in conditions are not translated',
    ],
    [
      'selection:\n  IntegrityLevel: High\ncondition: selection',
      'no fact of notify.exec is `IntegrityLevel`; a mapping file may name one',
    ],
    [
      'a:\n  User: a\nb:\n  IntegrityLevel: 0\ncondition: a or b',
      'no fact of notify.exec is `IntegrityLevel`; a mapping file may name one',
    ],
  ])('that is wrong, or has no translation, is refused: %s', async (detection, message) => {
    expect((await refusalOf(ruleOf(detection))).replace(/^\d+:\d+ \S+ /, '')).toBe(message);
  });

  test('is refused with the place of what is wrong', async () => {
    const text = ruleOf('selection:\n  User: root\n  IntegrityLevel: 0\ncondition: selection');
    expect(await refusalOf(text)).toMatch(/^7:5 sigma-field /);
  });
});

describe('keywords', () => {
  const log = 'product: linux, service: syslog';
  const line = (message: string): object => ({ log: { logger: 'x' }, message });

  test('stand anywhere in a line, in any case; one of a list, or all', async () => {
    const any = sigma(log, "keywords: ['Stopping ', 'a*b']\ncondition: keywords");
    expect(await isMatch(any, line('systemd: STOPPING ufw'), 'log')).toBe(true);
    expect(await isMatch(any, line('xa\nbx'), 'log')).toBe(true);
    expect(await isMatch(any, line('started'), 'log')).toBe(false);
    const all = sigma(log, "keywords:\n  '|all': ['one', 'two']\ncondition: keywords");
    expect(await isMatch(all, line('two one'), 'log')).toBe(true);
    expect(await isMatch(all, line('one'), 'log')).toBe(false);
    expect(await outcomeOf(all)).toEqual({ kind: 'exact' });
    const alone = sigma(log, "keywords:\n  '|all': one\ncondition: keywords");
    expect(await isMatch(alone, line('two one'), 'log')).toBe(true);
  });

  test('may be one word, a number or a regular expression', async () => {
    expect(await isMatch(sigma(log, 'k: one\ncondition: k'), line('x one'), 'log')).toBe(true);
    expect(await isMatch(sigma(log, 'k: [4711]\ncondition: k'), line('id 4711.'), 'log')).toBe(true);
    const regex = sigma(log, "k:\n  '|re': 'user \\d+$'\ncondition: k");
    expect(await isMatch(regex, line('a user 12'), 'log')).toBe(true);
    expect(await isMatch(regex, line('a USER 12'), 'log')).toBe(false);
  });

  test('stand beside maps in one list', async () => {
    const rule = sigma('product: linux, service: sudo', "k:\n  - word\n  - USER: '#-*'\ncondition: k");
    const from = (message: string): object => ({ log: { logger: 'sudo' }, message });
    expect(await isMatch(rule, from('a : TTY=x ; USER=#-1 ; COMMAND=/bin/sh'), 'log')).toBe(true);
    expect(await isMatch(rule, from('a WORD'), 'log')).toBe(true);
    expect(await isMatch(rule, from('a : USER=root ; COMMAND=#-1'), 'log')).toBe(false);
    expect(await isMatch(rule, line('a WORD'), 'log')).toBe(false);
  });

  test('over other events are approximate, and say where they look', async () => {
    const outcome = await outcomeOf(ruleOf('k: [evil]\ncondition: k'));
    expect(outcome).toMatchObject({ kind: 'approximate' });
    expect(
      await isMatch(ruleOf('k: [evil]\ncondition: k'), { process: { parent: { executable: '/EVIL' } } }),
    ).toBe(true);
  });
});

describe('a log source', () => {
  test.each([
    ['product: windows, category: process_creation', 'windows/process_creation'],
    ['product: linux, service: modsecurity', 'linux/modsecurity'],
    ['category: webserver', 'webserver'],
    ['product: aws, service: cloudtrail', 'aws/cloudtrail'],
  ])('that Picket has no events of is refused: %s', async (source, name) => {
    const outcome = await outcomeOf(sigma(source, 's:\n  a: b\ncondition: s'));
    expect(outcome).toMatchObject({ kind: 'refused', problems: [{ code: 'sigma-logsource', found: name }] });
  });

  test('that is mistyped is told with the one of its product that is meant', async () => {
    const refusal = async (source: string): Promise<string> =>
      (await refusalOf(sigma(source, 's:\n  a: b\ncondition: s'))).replace(/^\S+ /, '');
    const none = 'sigma-logsource Picket has no events of this log source';
    expect(await refusal('product: linux, category: procces_creation')).toBe(
      `${none}; did you mean linux/process_creation?`,
    );
    expect(await refusal('product: linux, service: audit')).toBe(`${none}; did you mean linux/auditd?`);
    expect(await refusal('category: dsn')).toBe(`${none}; did you mean dns?`);
    expect(await refusal('product: windows, category: process_creation')).toBe(none);
  });

  test('without a product is for every platform that has the fields', async () => {
    const both = await importTexts([sigma('category: process_creation', 's:\n  Image: /x\ncondition: s')]);
    expect(loaded(both).rules.map(({ platforms }) => platforms)).toEqual([['linux', 'macos']]);
    const one = await importTexts([
      sigma('category: process_creation', 's:\n  ParentCommandLine: x\ncondition: s'),
    ]);
    expect(loaded(one).rules.map(({ platforms }) => platforms)).toEqual([['linux']]);
    expect(one.report.entries[0]?.outcome).toEqual({
      kind: 'approximate',
      differs: [
        'not on macos: process.parent.command_line does not exist in notify.exec on macos; it exists on linux only',
      ],
    });
  });

  test('of DNS reads answers where the rule does', async () => {
    const rule = sigma(
      'category: dns',
      "s:\n  record_type: TXT\n  answer|contains: ['IEX', 'cmd.exe']\ncondition: s",
    );
    const result = await importTexts([rule]);
    expect(loaded(result).rules[0]?.on).toEqual(['dns.answer']);
    const event = (data: string): object => ({
      dns: { question: { type: 'TXT' }, answers: [{ data: 'x' }, { data }] },
    });
    expect(await isMatch(rule, event('run iex now'), 'dns.answer')).toBe(true);
    expect(await isMatch(rule, event('run'), 'dns.answer')).toBe(false);
    expect(result.report.entries[0]).toMatchObject({ outcome: { kind: 'exact' }, tests: 2 });
  });

  test('names its directions in words of its own', async () => {
    const rule = (value: string): string =>
      sigma(
        'category: network_connection, product: linux',
        `s:\n  Initiated: ${value}\n  DestinationPort: [22, '23']\ncondition: s`,
      );
    const flow = (direction: string, port: number): object => ({
      network: { direction },
      destination: { port },
    });
    expect(await isMatch(rule("'TRUE'"), flow('egress', 23), 'flow')).toBe(true);
    expect(await isMatch(rule('true'), flow('ingress', 22), 'flow')).toBe(false);
    expect(await isMatch(rule('false'), flow('ingress', 22), 'flow')).toBe(true);
    expect(await refusalOf(rule('maybe'))).toContain('`Initiated` has no such value');
  });
});

describe('the programs of Linux', () => {
  test('have the number that Sysmon calls LogonId, those of macOS have none', async () => {
    const text = ruleOf('s:\n  LogonId: 0\ncondition: s');
    expect(await outcomeOf(text)).toEqual({ kind: 'exact' });
    expect(await isMatch(text, { process: { real_user: { id: '0' }, user: { id: '7' } } })).toBe(true);
    expect(await isMatch(text, { process: { real_user: { id: '7' }, user: { id: '0' } } })).toBe(false);
    expect(await refusalOf(text.replace('linux', 'macos'))).toContain('no fact of notify.exec is `LogonId`');
  });
});

describe('a list of one value', () => {
  test('means the same with `all`, and is pointed at', async () => {
    const text = ruleOf("s:\n  CommandLine|contains|all: ['-x']\ncondition: s");
    const { report } = await importTexts([text]);
    const [entry] = report.entries;
    expect(entry?.outcome).toEqual({ kind: 'exact' });
    expect(entry?.warnings.map(({ code, line, column }) => [code, line, column])).toEqual([
      ['sigma-all-of-one', 6, 5],
    ]);
    expect(await isMatch(text, { process: { command_line: 'a -x' } })).toBe(true);
  });
});

describe('audit records', () => {
  const auditd = (detection: string): string => sigma('product: linux, service: auditd', detection);

  const chage = auditd(`
files:
  type: PATH
  name: ['/etc/login.defs', '/etc/pam.d/*']
chage:
  type: EXECVE
  a0: chage
  a1: ['-l', '--list']
condition: files or chage`);
  const record = (text: string): object => ({ message: text.replace(' ', ' msg=audit(1.2:3): ') });

  test('of the start of a program are told by Picket itself', async () => {
    const rule = auditd('s:\n  type: EXECVE\n  a0: sh\n  euid: 33\ncondition: s');
    expect(await outcomeOf(rule)).toEqual({ kind: 'exact' });
    expect(await isMatch(rule, { process: { args: ['sh'], user: { id: '33' } } })).toBe(true);
  });

  test('of calls of execve are of those that fail, too', async () => {
    const rule = auditd('s:\n  type: SYSCALL\n  SYSCALL: [execve, execveat]\n  euid: 33\ncondition: s');
    expect(await outcomeOf(rule)).toEqual({ kind: 'exact' });
    const line = 'type=SYSCALL syscall=59 success=no exit=-2 euid=33\x1dSYSCALL=execve';
    expect(await isMatch(rule, record(line), 'log')).toBe(true);
    const mapping = await loadMapping([AUDITD_EVENTS_MAPPING], (problem) => {
      throw new Error(problem.message);
    });
    expect(await outcomeOf(rule, { mapping })).toEqual({
      kind: 'approximate',
      differs: ['calls that fail are not looked at'],
    });
  });

  test('of other kinds are lines of the audit log, and so is the rest of their rule', async () => {
    const result = await importTexts([chage]);
    expect(result.report.entries[0]?.outcome).toEqual({ kind: 'exact' });
    expect(loaded(result).rules.map(({ on }) => on)).toEqual([['log']]);
    const isHit = (line: string): Promise<boolean> => isMatch(chage, record(line), 'log');
    expect(await isHit('type=PATH item=0 name="/etc/PAM.d/su" nametype=NORMAL')).toBe(true);
    expect(await isHit('type=PATH item=0 name=2F6574632F70616D2E642F612062 nametype=NORMAL')).toBe(true);
    expect(await isHit('type=CWD cwd="/etc/pam.d/su"')).toBe(false);
    expect(await isHit('type=EXECVE argc=2 a0="chage" a1="--LIST"')).toBe(true);
    expect(await isHit('type=EXECVE argc=3 a0="chage" a1="x" a2="-l"')).toBe(false);
  });

  test('of system calls, their keys and whatever else are exact, too', async () => {
    const rule = auditd(
      's:\n  type: SYSCALL\n  syscall: sysinfo\n  key: k\n  a0: 26\nf:\n  exe|endswith: /splunkd\ncondition: s and not f',
    );
    expect(await outcomeOf(rule)).toEqual({ kind: 'exact' });
    const line = 'type=SYSCALL syscall=99 a0=26 exe="/bin/x" key="k"\x1dSYSCALL=sysinfo';
    expect(await isMatch(rule, record(line), 'log')).toBe(true);
    expect(await isMatch(rule, record(line.replace('/bin/x', '/bin/splunkd')), 'log')).toBe(false);
    expect(await isMatch(rule, record(line.replace('sysinfo', 'memfd_create')), 'log')).toBe(false);
    const byNumber = auditd('s:\n  type: SYSCALL\n  syscall: 99\ncondition: s');
    expect(await isMatch(byNumber, record(line), 'log')).toBe(true);
  });

  test('of a rule that names no kind are those of any kind, and no other lines', async () => {
    const rule = auditd('s:\n  name: x\ncondition: not s');
    expect(await isMatch(rule, record('type=PATH name="y"'), 'log')).toBe(true);
    expect(await isMatch(rule, record('type=PATH name="x"'), 'log')).toBe(false);
    expect(await isMatch(rule, { message: 'Failed password for root' }, 'log')).toBe(false);
    const keywords = auditd("k: ['/sessions/%0d']\ncondition: k");
    expect(await outcomeOf(keywords)).toEqual({ kind: 'exact' });
    expect(await isMatch(keywords, record('type=PATH name="/var/sessions/%0D"'), 'log')).toBe(true);
    expect(await isMatch(keywords, { message: 'GET /sessions/%0d' }, 'log')).toBe(false);
  });

  test('as events of Picket are approximate, where nobody reads the audit log', async () => {
    const mapping = await loadMapping([AUDITD_EVENTS_MAPPING], (problem) => {
      throw new Error(problem.message);
    });
    const result = await importTexts([chage], { mapping });
    const rules = loaded(result);
    expect(rules.rules.map(({ name, on }) => [name.replace(/-[0-9a-f]{8}-/, '-'), on])).toEqual([
      ['a-rule-open', ['notify.open', 'notify.create', 'notify.rename', 'notify.unlink']],
      ['a-rule-exec', ['notify.exec']],
    ]);
    expect(await matching(rules, { process: { args: ['chage', '--LIST'] } }, 'notify.exec')).toHaveLength(1);
    expect(await matching(rules, { process: { args: ['chage', 'x', '-l'] } }, 'notify.exec')).toEqual([]);
    expect(await matching(rules, { file: { path: '/etc/pam.d/su' } }, 'notify.open')).toHaveLength(1);
    expect(result.report.counts).toMatchObject({ rules: 1, approximate: 1 });
    const kindOf = async (detection: string): Promise<string> =>
      (await outcomeOf(auditd(detection), { mapping })).kind;
    expect(await kindOf('s:\n  type: SYSCALL\n  exe: /a\ncondition: s')).toBe('approximate');
    expect(await kindOf('s:\n  type: SYSCALL\n  exe: /a\n  key: k\ncondition: s')).toBe('exact');
    expect(await kindOf('s:\n  type: PATH\n  nametype: CREATE\n  name: /a\ncondition: s')).toBe(
      'approximate',
    );
  });

  test('that ask for what no record has, or for two at once, are refused', async () => {
    expect(await refusalOf(auditd('s:\n  type: PATH\n  nmae: /etc/x\ncondition: s'))).toBe(
      '7:5 sigma-field no event of log on linux has auditd.log.nmae; did you mean auditd.log.name?',
    );
    expect(await refusalOf(auditd('a:\n  type: PATH\nb:\n  type: SYSCALL\ncondition: a and b'))).toContain(
      'sigma-condition no event that Picket has can match this rule',
    );
  });

  test('with keywords are exact where a keyword can only stand in the arguments', async () => {
    const rule = (keyword: string): string =>
      auditd(`s:\n  type: EXECVE\nk: [${keyword}]\ncondition: s and k`);
    expect((await outcomeOf(rule('truncate'))).kind).toBe('exact');
    for (const other of ['argc', "'a b'", '777', "'x*y'", "'audit('"]) {
      expect((await outcomeOf(rule(other))).kind, other).toBe('approximate');
    }
    expect(await isMatch(rule('truncate'), { process: { args: ['sh', '-c', 'TRUNCATE -s 1'] } })).toBe(true);
  });

  test('of user space are read inside of msg, too', async () => {
    const rule = auditd("s:\n  type: SERVICE_STOP\n  unit: [firewalld, 'ip*']\ncondition: s");
    const line = (unit: string): object =>
      record(`type=SERVICE_STOP pid=1 uid=0 msg='unit=${unit} comm="systemd" res=success'`);
    expect(await isMatch(rule, line('firewalld'), 'log')).toBe(true);
    expect(await isMatch(rule, line('iptables'), 'log')).toBe(true);
    expect(await isMatch(rule, line('sshd'), 'log')).toBe(false);
    expect(await isMatch(rule, { message: 'SERVICE_STOP pid=1 uid=0 unit=ipset' }, 'log')).toBe(true);
    expect(await isMatch(rule, { message: 'SERVICE_START pid=1 uid=0 unit=ipset' }, 'log')).toBe(false);
    expect(await isMatch(rule, { message: 'service_stop of the unit=ipset ' }, 'log')).toBe(false);
  });
});

describe('a mistake', () => {
  const placesOf = async (text: string): Promise<readonly string[]> => {
    const outcome = await outcomeOf(text);
    return outcome.kind === 'refused'
      ? outcome.problems.map(({ line, column, code }) => `${line}:${column} ${code}`)
      : [outcome.kind];
  };

  test('does not hide another one of the same rule', async () => {
    expect(
      await placesOf(ruleOf('s:\n  IntegrityLevel: 1\n  Nothing: 2\nt:\n  Other: 3\ncondition: s or t')),
    ).toEqual(['6:5 sigma-field', '7:5 sigma-field', '9:5 sigma-field']);
    expect(await placesOf(ruleOf('s:\n  Image|contain: a\n  User|re: [a, null]\ncondition: s and'))).toEqual([
      '6:5 sigma-modifier',
      '7:18 sigma-value',
      '8:14 sigma-condition',
    ]);
  });

  test('that stands twice in the condition is told once', async () => {
    expect(await placesOf(ruleOf('s:\n  IntegrityLevel: 1\ncondition: s or (s and s)'))).toEqual([
      '6:5 sigma-field',
    ]);
  });

  test.each([
    ['"s and )"', '7:21'],
    ["'s and )'", '7:21'],
    ['s and\n  )', '8:5'],
    ['|\n  s and\n  not )', '9:9'],
    ['>-\n\n  s\n  and  )', '10:10'],
  ])('in the condition %j has its own line and column', async (condition, place) => {
    const text = ruleOf(`s:\n  User: a\ncondition: ${condition}`);
    expect(await placesOf(text)).toEqual([`${place} sigma-condition`]);
  });
});

describe('a field', () => {
  test('by its name in ECS is the fact of that name', async () => {
    const rule = sigma('category: dns', "s:\n  dns.question.name|endswith: '.xyz'\ncondition: s");
    expect((await outcomeOf(rule)).kind).toBe('exact');
    expect(await isMatch(rule, { dns: { question: { name: 'a.XYZ' } } }, 'dns.query')).toBe(true);
    expect(await refusalOf(ruleOf('s:\n  dns.question.name: a\ncondition: s'))).toContain('sigma-field');
    expect(await refusalOf(ruleOf('s:\n  process.nothing: a\ncondition: s'))).toContain('sigma-field');
  });

  test('of Windows programs alone is never there', async () => {
    const rule = ruleOf('s:\n  - OriginalFileName: a\n  - User: root\ncondition: s');
    expect((await outcomeOf(rule)).kind).toBe('exact');
    expect(await isMatch(rule, { process: { user: { name: 'root' } } })).toBe(true);
    expect(await refusalOf(ruleOf('s:\n  OriginalFileName: a\ncondition: s'))).toContain(
      'no event that Picket has can match this rule',
    );
  });
});

describe('what a rule says of itself', () => {
  const text = ruleOf(
    's:\n  CommandLine|contains: x\ncondition: s',
    `
id: ${ID}
status: experimental
description: What it finds.
author: Ann, Bob
date: 2024-01-02
modified: 2025-03-04
license: MIT
level: critical
references: [https://example.org/a]
falsepositives: [Admins]
tags: [attack.t1105, attack.execution]`,
  ).replace('title: A rule', "title: 'Über: A Rule (Linux)'");

  test('is kept', async () => {
    const result = await importTexts([text]);
    const [rule] = loaded(result).rules;
    expect(rule).toMatchObject({
      name: 'uber-a-rule-linux-0e95725d',
      severity: 'critical',
      tags: ['attack.t1105', 'attack.execution'],
      references: ['https://example.org/a'],
      falsePositives: ['Admins'],
      mode: 'enforce',
      event: { type: 'alert', params: { message: 'Über: A Rule (Linux)' } },
    });
    expect(rule?.description).toBe(
      `What it finds.\n\nSigma rule "Über: A Rule (Linux)" (${ID}) by Ann, Bob of 2024-01-02, modified 2025-03-04. Status: experimental. License: MIT.`,
    );
    expect(result.files[0]?.text).toMatch(/^# Imported from Sigma .*\n# Source: 0\.yml\n# License: MIT\n/);
  });

  test('makes a name that stays the same, with an id or without', async () => {
    const name = async (rule: string): Promise<string | undefined> =>
      loaded(await importTexts([rule])).rules[0]?.name;
    expect(await name(text.replace('What it finds', 'Other words'))).toBe('uber-a-rule-linux-0e95725d');
    const bare = ruleOf('s:\n  User: a\ncondition: s');
    expect(await name(bare)).toMatch(/^a-rule-[0-9a-f]{8}$/);
    expect(await name(bare)).toBe(await name(bare));
    expect(await name(bare.replace('A rule', 'Picket is off'))).toMatch(/^sigma-picket-is-off-/);
    expect(await name(bare.replace('A rule', '日本'))).toMatch(/^sigma-[0-9a-f]{8}$/);
  });

  test('leaves out what is deprecated or unsupported, unless it is asked for', async () => {
    const old = text.replace('experimental', 'deprecated');
    expect(await outcomeOf(old)).toEqual({ kind: 'skipped', reason: 'its status is deprecated' });
    expect(await outcomeOf(old, { statuses: ['deprecated'] })).toEqual({ kind: 'exact' });
    expect(await refusalOf(old.replace('deprecated', 'stabel'))).toContain('this status is not known');
  });

  test('is refused where it is wrong', async () => {
    expect(await refusalOf(text.replace('critical', 'severe'))).toContain(
      'sigma-document this level is not known',
    );
    expect(await refusalOf(text.replace(/^title.*$/m, 'x: y'))).toContain('the key `title` is missing');
    expect(await refusalOf(text.replace(/^logsource.*$/m, ''))).toContain('the key `logsource` is missing');
    expect(await refusalOf(`${text}taxonomy: own\n`)).toContain('this taxonomy is not known');
  });

  test('cannot be there twice', async () => {
    const { report } = await importTexts([text, text]);
    expect(report.counts).toMatchObject({ exact: 1, refused: 1, refusedBy: { 'sigma-duplicate': 1 } });
  });
});

describe('several documents in one file', () => {
  const base = ruleOf('s:\n  User: a\ncondition: s');

  test('are rules of their own', async () => {
    const { report } = await importTexts([`${base}---\n${base.replace('A rule', 'Another')}`]);
    expect(report.entries.map(({ title, line }) => [title, line])).toEqual([
      ['A rule', 1],
      ['Another', 9],
    ]);
  });

  test('take over what a global document says, until a reset', async () => {
    const text = `
action: global
title: Shared
level: high
logsource: { product: linux, category: process_creation }
detection: { condition: s }
---
id: 11111111-0000-0000-0000-000000000000
detection: { s: { User: a } }
---
id: 22222222-0000-0000-0000-000000000000
detection: { s: { User: b } }
level: low
---
action: reset
---
title: Lonely
detection: { s: { User: c }, condition: s }
`;
    const result = await importTexts([text]);
    expect(loaded(result).rules.map(({ name, severity }) => [name, severity])).toEqual([
      ['shared-11111111', 'high'],
      ['shared-22222222', 'low'],
    ]);
    expect(result.report.entries.at(-1)?.outcome).toMatchObject({
      kind: 'refused',
      problems: [{ line: 17 }],
    });
  });

  test('may repeat the one before', async () => {
    const text = `${base}---\naction: repeat\ntitle: Again\ndetection: { s: { User: b } }\n---\naction: dance\n`;
    const result = await importTexts([text]);
    expect(loaded(result).rules).toHaveLength(2);
    expect(await matching(loaded(result), { process: { user: { name: 'b' } } }, 'notify.exec')).toEqual([
      loaded(result).rules[1]?.name,
    ]);
    expect(result.report.entries[2]?.outcome).toMatchObject({ problems: [{ found: '"dance"' }] });
  });

  test('with a correlation among them are counted apart', async () => {
    const text = `${base}---\ntitle: Many\ncorrelation: { type: event_count, rules: [x], timespan: 5m, condition: { gte: 3 } }\n`;
    const { report } = await importTexts([text]);
    expect(report.counts).toMatchObject({ rules: 1, exact: 1, correlations: 1, refused: 0 });
    expect(report.entries[1]?.outcome).toEqual({
      kind: 'unsupported',
      reason: 'Sigma correlations are not yet supported',
    });
  });

  test.each([
    ['a: [', 'yaml', 'this is not valid YAML'],
    ['a: 1\na: 2', 'yaml', 'this key stands here twice'],
    ['', 'document', 'this file holds no Sigma document'],
    ['- a', 'document', 'a Sigma document is a map'],
    ['title: x', 'document', 'this is no Sigma document'],
    ['a: *b', 'yaml', ''],
    ['['.repeat(20_000), 'yaml', ''],
    [`title: ${'['.repeat(100)}${']'.repeat(100)}`, 'yaml', 'this nests too deeply'],
    ['a: &b [*b]', 'yaml', 'this nests too deeply'],
  ])('that are none are refused: %s', async (text, code, message) => {
    const refusal = await refusalOf(text);
    expect(refusal).toContain(`sigma-${code}`);
    expect(refusal).toContain(message);
  });

  test('that are broken hide no other', async () => {
    const { report } = await importTexts([`${base}---\na: [\n---\n${base.replace('A rule', 'Another')}`]);
    expect(report.counts).toMatchObject({ exact: 2, refused: 1 });
  });

  test('do not grow without end by aliases', async () => {
    let text = 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n';
    for (let i = 1; i < 9; i++)
      text += `a${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join(', ')}]\n`;
    expect(await refusalOf(`${text}title: x\n`)).toContain('the aliases of this file grow to too much');
  });
});

describe('a filter', () => {
  const rule = ruleOf('s:\n  Image: /x\ncondition: s', `id: ${ID}\nname: the_rule`);
  const filter = (condition: string, more = ''): string =>
    `title: F\nlogsource: { product: linux }\nfilter:\n  rules: [${ID}]\n  s:\n    User|startswith: adm_\n  t:\n    User: bob\n  condition: ${condition}\n${more}`;
  const by = async (text: string, name: string): Promise<boolean> => {
    const rules = loaded(await importTexts([rule, text]));
    const names = await matching(rules, { process: { executable: '/x', user: { name } } }, 'notify.exec');
    return names.length > 0;
  };

  test('takes away what its condition names, in the words of the specification or of pySigma', async () => {
    for (const condition of ['s', 'not s', 'not (s)', 's or t', 'not 1 of them', 'not s and not t']) {
      expect([await by(filter(condition), 'adm_x'), await by(filter(condition), 'eve')], condition).toEqual([
        false,
        true,
      ]);
    }
  });

  test('that could be read in two ways refuses the rules that it is for', async () => {
    const { report, problems } = await importTexts([rule, filter('s and not t')]);
    expect(problems[0]?.message).toBe('what this filter takes away can be read in two ways');
    expect(report.entries[0]?.outcome).toMatchObject({
      kind: 'refused',
      problems: [{ code: 'sigma-filter' }],
    });
  });

  test('is for rules by id, name, or all of a log source', async () => {
    expect(await by(filter('s').replace(`[${ID}]`, 'the_rule'), 'adm_x')).toBe(false);
    expect(await by(filter('s').replace(`[${ID}]`, 'any'), 'adm_x')).toBe(false);
    const others = [filter('s').replace(ID, 'other'), filter('s').replace('linux', 'macos')];
    for (const other of others) {
      expect(await by(other, 'adm_x')).toBe(true);
      const { problems } = await importTexts([rule, other]);
      expect(problems.map(({ code }) => code)).toEqual(['sigma-unused-filter']);
    }
  });

  test('over a field without a fact refuses its rules as well', async () => {
    const { report } = await importTexts([
      rule,
      filter('s').replace('User|startswith', 'IntegrityLevel|startswith'),
    ]);
    expect(report.entries[0]?.outcome).toMatchObject({
      kind: 'refused',
      problems: [{ file: '1.yml', line: 6 }],
    });
  });
});

describe('a mapping of the user', () => {
  const merged = async (text: string): Promise<Awaited<ReturnType<typeof defaultMapping>>> => {
    const problems: string[] = [];
    const own = parseMapping('own.yaml', text, ({ message }) => problems.push(message));
    expect(problems).toEqual([]);
    return [...own, ...(await defaultMapping())];
  };

  test('gives log sources a trigger and fields a fact', async () => {
    const mapping = await merged(`
sources:
  - logsource: { product: acme, service: [agent] }
    on: [log]
    platforms: [linux]
    where: { log.logger: acme }
    keywords: [message]
    fields:
      level: log.level
      unit: { fact: message, within: { before: 'unit=', after: '(?: |$)', any: '[^ ]' } }
      never: { absent: this agent never sends it }
`);
    const rule = sigma(
      'product: acme, service: agent',
      's:\n  level: Error\n  unit: a?c\nn:\n  never: x\ncondition: s or n',
    );
    const result = await importTexts([rule], { mapping });
    const rules = loaded(result);
    const event = (message: string, logger = 'ACME'): object => ({
      log: { level: 'error', logger },
      message,
    });
    expect(await matching(rules, event('x unit=abc y'), 'log')).toHaveLength(1);
    expect(await matching(rules, event('x unit=abcd y'), 'log')).toEqual([]);
    expect(await matching(rules, event('x unit=abc y', 'other'), 'log')).toEqual([]);
    expect(result.report.entries[0]?.outcome).toEqual({
      kind: 'approximate',
      differs: ['never: this agent never sends it'],
    });
  });

  test('tells events from others of the trigger by a pattern, with what is known of them in it', async () => {
    const mapping = await merged(`
sources:
  - logsource: { product: acme, service: agent }
    constants: { kind: [stop, start] }
    on: [log]
    platforms: [linux]
    matching: { message: '^{kind}:' }
    fields: { level: log.level }
`);
    const rule = sigma('product: acme, service: agent', 's:\n  kind: stop\n  level: error\ncondition: s');
    const rules = loaded(await importTexts([rule], { mapping }));
    const event = (message: string): object => ({ log: { level: 'error' }, message });
    expect(await matching(rules, event('STOP: x'), 'log')).toHaveLength(1);
    expect(await matching(rules, event('start: stop:'), 'log')).toEqual([]);
  });

  test.each([
    ['source: []', 'own.yaml:1', 'unknown key `source`; did you mean `sources`?'],
    ['[]', 'own.yaml:1', 'a mapping file is a map with the key `sources`'],
    [
      'sources:\n  - logsource: { product: x }\n    on: [notify.exe]\n    platforms: [linux]',
      'own.yaml:3',
      'no trigger is named `notify.exe`',
    ],
    [
      'sources:\n  - logsource: { product: x }\n    on: [log]\n    platforms: [linux]\n    fields: { a: log.levle }',
      'own.yaml:5',
      'no event of log on linux has log.levle; did you mean log.level?',
    ],
    [
      'sources:\n  - logsource: { product: x }\n    platforms: [linux]',
      'own.yaml:2',
      'the key `on` is missing',
    ],
  ])('that is wrong says where: %s', (text, at, message) => {
    const problems: string[] = [];
    parseMapping('own.yaml', text, (problem) =>
      problems.push(`${problem.file}:${problem.line} ${problem.message}`),
    );
    expect(problems[0]).toBe(`${at} ${message}`);
  });
});

describe('what is written', () => {
  test('is what `rules fmt` would write', async () => {
    const long =
      "s:\n  CommandLine|re: '(^|\\/)\\.[^.\\/]'\n  Image: /a/very/long/path/of/a/program/that/fills/a/line/and/then/some/more\ncondition: s";
    const { files } = await importTexts([ruleOf(long), ruleOf('s:\n  User: no\ncondition: not s')]);
    expect(files).toHaveLength(2);
    for (const { output, text } of files) {
      expect(formatRules(output, text, ({ message }) => expect.fail(message))).toBe(text);
    }
  });
});

describe('generated tests', () => {
  test('are one that matches and one that does not, and they pass', async () => {
    const result = await importTexts([
      ruleOf(`
a:
  - Image|endswith: ['/curl', '/wget']
  - CommandLine|re: '^(?:x|y)[0-9]{3}\\.sh$'
b:
  CommandLine|contains|all: ['-o', '/tmp/']
c:
  ParentImage|exists: false
n:
  User: root
condition: a and b and c and not n`),
      ruleOf(
        'a:\n  CommandLine|re: "^[a-c]+\\\\d{2}(x|y)?$"\nn:\n  ProcessId|gte: 100\ncondition: a and n',
      ).replace('A rule', 'B rule'),
    ]);
    const rules = loaded(result);
    expect(result.report.entries.map(({ tests }) => tests)).toEqual([3, 2]);
    const results = await testRules(rules);
    expect(results.map(({ status }) => status)).toEqual(Array(5).fill('passed'));
  });

  test('are left out where none can be made', async () => {
    // Contradicts itself.
    const result = await importTexts([ruleOf('a:\n  User: a\nb:\n  User: b\ncondition: a and b')]);
    expect(result.report.entries[0]).toMatchObject({ tests: 0, outcome: { kind: 'exact' } });
  });
});

test('what is written loads without an error, and warns of nothing but negations', async () => {
  const result = await importTexts([
    ruleOf(
      's:\n  CommandLine|contains|windash: " -x"\n  ParentImage|endswith: [/a, /b]\nf:\n  User: root\ncondition: s and not f',
    ),
    sigma(
      'category: file_event, product: macos',
      "s:\n  TargetFilename|contains: '/Library/LaunchAgents/'\ncondition: s",
    ),
  ]);
  const { problems } = parseRules(result.files.map(({ output, text }) => ({ file: output, text })));
  expect(problems).toEqual([]);
});
