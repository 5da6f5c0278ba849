// docs/backtest.md shows what comes out for such a Monday: 555 events, 41 that speak of lsass, 14 opens of /etc/shadow.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { outputOf, readPage, shownIn, unprinted } from './shown.ts';

const condition = (path: string, operator: string, value: string): string =>
  `{ fact: ${path.split('.')[0]}, path: $.${path.split('.')[1]}, operator: ${operator}, value: ${value} }`;

const ruleFile = (mode: string, dumpTool: string, except: string): string => `platforms: [linux]
rules:
  - name: memory-dump
    on: [notify.exec]
    conditions: { all: [${condition('process.command_line', 'includes', 'lsass')}${dumpTool}] }
    event: { type: alert }
  - name: deny-shadow
    on: [auth.open]
    mode: ${mode}
    conditions: { all: [${condition('file.path', 'equal', '/etc/shadow')}${except}] }
    event: { type: deny }
`;
const NOW = ruleFile('enforce', '', `, ${condition('process.name', 'notEqual', 'unix_chkpwd')}`);
const RELEASED = ruleFile('shadow', `, ${condition('process.name', 'equal', 'procdump')}`, '');

const ROOT_USER = { id: '0', name: 'root' };
const ADA = { id: '1000', name: 'ada' };

function started(executable: string, command: string, user: object, parent: string): object {
  const args = command.split(' ');
  return { executable, name: args[0], args, command_line: command, user, parent: { executable: parent } };
}

/** @param number of the event, from 1: a second each */
function processOf(number: number): object {
  if (number % 40 === 5) {
    const isHelper = number % 80 === 5;
    return { executable: isHelper ? '/usr/sbin/unix_chkpwd' : '/usr/bin/python3.11', user: ROOT_USER };
  }
  if (number % 15 === 1 && number < 541)
    return started('/opt/edr/edr', 'edr --watch lsass', ROOT_USER, '/usr/lib/systemd/systemd');
  if (number === 13 || number === 300)
    return started('/usr/bin/grep', 'grep lsass notes', ADA, '/usr/bin/bash');
  if ([100, 200, 302].includes(number))
    return started('/usr/bin/procdump', 'procdump lsass', ADA, '/usr/bin/bash');
  return started('/usr/bin/ls', `ls -l d${number}`, ROOT_USER, '/usr/bin/bash');
}

function eventOf(number: number): object {
  const isOpen = number % 40 === 5;
  const action = isOpen ? 'open' : 'exec';
  return {
    event: { action, created: new Date(Date.UTC(2026, 2, 2, 8, 0, number)).toISOString() },
    host: { os: { type: 'linux' } },
    picket: { trigger: `notify.${action}` },
    process: { ...processOf(number), pid: 1000 + number },
    ...(isOpen ? { file: { path: '/etc/shadow' } } : {}),
  };
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-backtest-page-'));
  for (const [name, text] of [
    ['rules', NOW],
    ['released', RELEASED],
  ] as const) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'memory.yaml'), text);
  }
  const events = Array.from({ length: 555 }, (_, index) => `${JSON.stringify(eventOf(index + 1))}\n`);
  writeFileSync(join(folder, 'monday.ndjson'), events.join(''));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const shown = shownIn(readPage('docs/backtest.md'));

test('the page shows two commands', () => {
  expect(shown.map(({ command }) => command.split(' ').slice(0, 3).join(' '))).toEqual([
    'picket rules backtest',
    'picket replay monday.ndjson',
  ]);
});

test.each(shown)('the page prints of $command what it prints', ({ command, lines }) => {
  // How long a rule takes is another machine's.
  const told = lines.filter((line) => !/ µs {2}on /.test(line));
  expect(unprinted(told, outputOf(command.replace('picket ', ''), folder))).toEqual([]);
});
