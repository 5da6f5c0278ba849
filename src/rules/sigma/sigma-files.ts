// Finds Sigma files and lists of placeholders, and writes rule files where nothing of somebody's own stands.

import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { reasonOf } from '../../system-error.ts';
import type { SigmaText } from './import-rules.ts';
import { HEADER } from './rule-output.ts';
import type { SigmaProblem } from './sigma-error.ts';

const EXTENSIONS = ['.yml', '.yaml'];

/** Folders recursively, by name. What can't be read is reported. */
export async function readSigmaFiles(
  paths: readonly string[],
  report: (problem: SigmaProblem) => void,
): Promise<readonly SigmaText[]> {
  const texts: SigmaText[] = [];
  const seen = new Set<string>();
  const outputs = new Set<string>();
  const fail = (file: string, message: string): void =>
    report({ file, line: 0, column: 0, code: 'unreadable', message, severity: 'error' });

  const readOne = async (file: string, below: string): Promise<void> => {
    const full = resolve(file);
    if (seen.has(full)) return;
    seen.add(full);
    try {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
      // The folder that is written to may lie below the one that is read.
      if (text.startsWith(`#${HEADER}`)) return;
      texts.push({ file, text, output: freeName(below, outputs) });
    } catch (error) {
      fail(
        file,
        error instanceof TypeError
          ? 'this file is not valid UTF-8'
          : `this file can't be read: ${reasonOf(error)}`,
      );
    }
  };
  const walk = async (folder: string, below: string): Promise<number> => {
    let count = 0;
    for (const entry of await readdir(folder, { withFileTypes: true }).then((all) => all.sort(byName))) {
      if (entry.name.startsWith('.')) continue;
      const path = join(folder, entry.name);
      // A link to a folder could lead round in a circle.
      if (entry.isDirectory()) count += await walk(path, join(below, entry.name));
      else if (EXTENSIONS.includes(extname(entry.name).toLowerCase())) {
        await readOne(path, join(below, entry.name));
        count++;
      }
    }
    return count;
  };
  for (const path of paths) {
    try {
      if (!(await stat(path)).isDirectory()) await readOne(path, basename(path));
      else if ((await walk(path, '')) === 0) fail(path, 'this folder holds no Sigma files (.yml, .yaml)');
    } catch (error) {
      fail(path, `this can't be read: ${reasonOf(error)}`);
    }
  }
  return texts;
}

const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : 1;

function freeName(path: string, taken: Set<string>): string {
  const stem = path.slice(0, path.length - extname(path).length);
  let name = `${stem}.yaml`;
  for (let number = 2; taken.has(name.toLowerCase()); number++) name = `${stem}-${number}.yaml`;
  taken.add(name.toLowerCase());
  return name;
}

/** `NAME.txt`, one value a line; empty lines and those that begin with `#` do not count. */
export async function readLists(folder: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const lists = new Map<string, readonly string[]>();
  for (const file of (await readdir(folder)).sort()) {
    if (extname(file) !== '.txt') continue;
    const lines = (await readFile(join(folder, file), 'utf8')).split(/\r?\n/).map((line) => line.trim());
    lists.set(
      basename(file, '.txt'),
      lines.filter((line) => line !== '' && !line.startsWith('#')),
    );
  }
  return lists;
}

export interface WrittenFiles {
  readonly written: number;
  /** Not written: a file stands there that no import made. */
  readonly kept: readonly string[];
  /** Of an earlier import, which this one did not write: their rules stay in force. */
  readonly stale: readonly string[];
}

export async function writeRuleFiles(
  folder: string,
  files: readonly { readonly output: string; readonly text: string }[],
): Promise<WrittenFiles> {
  const kept: string[] = [];
  const own = new Set<string>();
  let written = 0;
  await mkdir(folder, { recursive: true });
  for (const { output, text } of files) {
    const path = join(folder, output);
    own.add(resolve(path));
    if (!(await isOurs(path))) {
      kept.push(path);
      continue;
    }
    await mkdir(dirname(path), { recursive: true });
    // A running agent that reads the folder sees the old file or the new one.
    const draft = `${path}.new`;
    try {
      await writeFile(draft, text);
      await rename(draft, path);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
    written++;
  }
  const stale: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && extname(path) === '.yaml' && !own.has(resolve(path)) && (await isOurs(path))) {
      stale.push(join(folder, relative(folder, path)));
    }
  }
  return { written, kept, stale: stale.sort() };
}

/** Missing, or made by an import. */
async function isOurs(path: string): Promise<boolean> {
  try {
    const file = await open(path);
    try {
      const start = `#${HEADER}`;
      const { bytesRead, buffer } = await file.read(Buffer.alloc(Buffer.byteLength(start)), 0);
      return buffer.toString('utf8', 0, bytesRead) === start;
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    throw error;
  }
}
