// What pages show of commands: each with the lines below it, held against what it prints.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');

export interface Shown {
  readonly command: string;
  readonly lines: readonly string[];
}

export function readPage(name: string): string {
  return readFileSync(join(ROOT, name), 'utf8');
}

/** Of blocks without a language; what stands before the first `$ ` of one is of no command. */
export function shownIn(text: string): readonly Shown[] {
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```/gm)]
    .flatMap(([, language, block = '']) => (language === '' ? block.split(/^\$ /m).slice(1) : []))
    .map((shown) => {
      const [command = '', ...lines] = shown.trimEnd().split('\n');
      return { command, lines };
    });
}

/** @param command without `picket`; stdout, then stderr */
export function outputOf(command: string, folder: string): readonly string[] {
  const args = [join(ROOT, 'src/cli/main.ts'), ...command.split(' ')];
  const options = { cwd: folder, encoding: 'utf8', timeout: 25_000 } as const;
  const { stdout, stderr } = spawnSync(process.execPath, args, options);
  return [...stdout.split('\n'), ...stderr.split('\n')];
}

/** Those that the command does not print; `…` stands for what was left out. */
export function unprinted(lines: readonly string[], output: readonly string[]): readonly string[] {
  return lines.filter((line) => {
    if (line.trim() === '…') return false;
    const pattern = new RegExp(`^${line.split('…').map(RegExp.escape).join('.*')}$`);
    return !output.some((printed) => pattern.test(printed));
  });
}
