// What the pages for rule authors print is what comes out: each `$ picket rules …` of them is run, in the folder that
// test/data/author-pages has for the page.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = join(ROOT, 'src/cli/main.ts');
const PAGES = ['rules-check', 'rules-testing', 'rules-explain'] as const;

interface Session {
  readonly command: string;
  readonly output: string;
}

function sessionsOf(page: string): readonly Session[] {
  const text = readFileSync(join(ROOT, 'docs', `${page}.md`), 'utf8');
  return [...text.matchAll(/^```\n\$ picket ([\s\S]*?)^```$/gm)].map(([, block = '']) => {
    const [command = '', ...output] = block.split('\n');
    return { command, output: output.join('\n') };
  });
}

/** `…` stands for what is left out; where lines are broken does not count. */
function patternOf(output: string): RegExp {
  const words = output.trim().split(/\s+/);
  const parts = words.map((word) => word.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&').replaceAll('…', '.*'));
  return new RegExp(`^${parts.join(' ')}$`);
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-pages-'));
  for (const name of ['rules', 'demo']) symlinkSync(join(ROOT, name), join(folder, name));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe.each(PAGES)('the page %s', (page) => {
  const sessions = sessionsOf(page);

  test('has sessions', () => {
    expect(sessions).not.toEqual([]);
  });

  test.each(sessions)('shows what comes out of picket $command', ({ command, output }) => {
    cpSync(join(ROOT, 'test/data/author-pages', page), folder, { recursive: true });
    mkdirSync(join(folder, 'my-rules', 'recordings'), { recursive: true });
    cpSync(join(ROOT, 'demo/linux.picket'), join(folder, 'my-rules/recordings/monday.picket'));
    const args = command.split(' ');
    const { stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect(`${stdout}${stderr}`.trim().split(/\s+/).join(' ')).toMatch(patternOf(output));
  });
});
