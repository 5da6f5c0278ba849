// What the README shows a detection engineer is what comes out: its rule, its commands, every line that it prints of them.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { outputOf, ROOT, readPage, shownIn, unprinted } from './shown.ts';

const README = readPage('README.md');
const section = README.slice(
  README.indexOf('## For detection engineers'),
  README.indexOf('## For operators'),
);
const rule = /^```yaml\n([\s\S]*?)^```/m.exec(section)?.[1] ?? '';

const shown = shownIn(section);

/** What the comment behind a command says that was done to the rule before. */
const MISTAKES: Readonly<Record<string, (text: string) => string>> = {
  'with `executabel` in line 10': (text) => editLine(text, 10, 'executable', 'executabel'),
  "with the first test's path below Desktop": (text) => editLine(text, 14, 'Downloads', 'Desktop'),
};

function editLine(text: string, number: number, from: string, to: string): string {
  const lines = text.split('\n');
  const line = lines[number - 1] ?? '';
  expect(line).toContain(from);
  return lines.with(number - 1, line.replace(from, to)).join('\n');
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-readme-'));
  mkdirSync(join(folder, 'my-rules'));
  for (const name of ['rules', 'demo']) symlinkSync(join(ROOT, name), join(folder, name));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the README', () => {
  test('shows commands', () => {
    expect(shown.map(({ command }) => command.split(' ').slice(0, 3).join(' '))).toEqual([
      'picket rules check',
      'picket rules test',
      'picket rules explain',
      'picket rules backtest',
    ]);
  });

  test.each(shown)('prints of $command what it prints', ({ command, lines }) => {
    const [words = '', mistake] = command.split(/ +# /);
    const edit = mistake === undefined ? undefined : MISTAKES[mistake];
    if (mistake !== undefined) expect(Object.keys(MISTAKES)).toContain(mistake);
    writeFileSync(join(folder, 'my-rules/downloads.yaml'), edit?.(rule) ?? rule);
    expect(unprinted(lines, outputOf(words.replace('picket ', ''), folder))).toEqual([]);
  });
});
