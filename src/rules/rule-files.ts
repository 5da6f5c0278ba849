// Finds and reads rule files: the paths given, folders recursively.

import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { RuleProblem } from './rule-problem.ts';

const EXTENSIONS = ['.yaml', '.yml', '.json'];

export interface RuleText {
  readonly file: string;
  readonly text: string;
}

export interface FoundRuleFiles {
  readonly texts: readonly RuleText[];
  /** Every file that was read or should have been, for watching. */
  readonly files: readonly string[];
}

/** In the order of the paths, files of a folder by name. What can't be read is reported and left out. */
export async function readRuleFiles(
  paths: readonly string[],
  report: (problem: RuleProblem) => void,
): Promise<FoundRuleFiles> {
  const texts: RuleText[] = [];
  const files: string[] = [];
  const seen = new Set<string>();
  const fail = (file: string, code: string, message: string, found?: string, expected?: string): void =>
    report({ file, line: 0, column: 0, code, message, found, expected, severity: 'error' });

  const readOne = async (file: string): Promise<void> => {
    try {
      const real = await realpath(file);
      if (seen.has(real)) return;
      seen.add(real);
      files.push(file);
      const bytes = await readFile(file);
      const text = decodeUtf8(bytes);
      if (text === undefined) {
        const { line, column, byte } = badByte(bytes);
        const found = `a byte 0x${byte.toString(16)}`;
        const message = 'this file is not valid UTF-8';
        report({
          file,
          line,
          column,
          code: 'not-utf8',
          message,
          found,
          expected: 'text in UTF-8',
          severity: 'error',
        });
      } else {
        texts.push({ file, text });
      }
    } catch (error) {
      if (!files.includes(file)) files.push(file);
      fail(
        file,
        'unreadable',
        `this file can't be read: ${reasonOf(error)}`,
        undefined,
        'a file that this user may read',
      );
    }
  };

  const walk = async (folder: string): Promise<number> => {
    let entries: string[];
    try {
      const real = await realpath(folder);
      if (seen.has(real)) return 0;
      seen.add(real);
      entries = (await readdir(folder)).sort();
    } catch (error) {
      fail(
        folder,
        'unreadable',
        `this folder can't be read: ${reasonOf(error)}`,
        undefined,
        'a folder that this user may read',
      );
      return 1;
    }
    let count = 0;
    for (const entry of entries) {
      if (entry.startsWith('.')) continue;
      const path = join(folder, entry);
      const status = await stat(path).catch(() => undefined);
      if (status?.isDirectory()) count += await walk(path);
      else if (EXTENSIONS.includes(extname(entry))) {
        await readOne(path);
        count++;
      }
    }
    return count;
  };

  for (const path of paths) {
    let isFolder: boolean;
    try {
      isFolder = (await stat(path)).isDirectory();
    } catch (error) {
      files.push(path);
      fail(
        path,
        'missing-file',
        `there is no such file or folder: ${reasonOf(error)}`,
        undefined,
        'a rule file, or a folder of them',
      );
      continue;
    }
    if (isFolder) {
      if ((await walk(path)) === 0) {
        report({
          file: path,
          line: 0,
          column: 0,
          code: 'no-rule-files',
          message: 'this folder holds no rule files',
          expected: `files that end in ${EXTENSIONS.join(', ')}`,
          severity: 'warning',
        });
      }
    } else if (EXTENSIONS.includes(extname(path))) {
      await readOne(path);
    } else {
      files.push(path);
      fail(
        path,
        'file-type',
        'this is no rule file',
        extname(path) || 'a name without extension',
        EXTENSIONS.join(', '),
      );
    }
  }
  return { texts, files };
}

function decodeUtf8(bytes: Uint8Array, stream = false): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream });
  } catch {
    return undefined;
  }
}

/** The end of the longest beginning that is good, found by halving. */
function badByte(bytes: Uint8Array): { line: number; column: number; byte: number } {
  let good = 0;
  let bad = bytes.length - 1;
  while (good < bad) {
    const middle = (good + bad + 1) >> 1;
    if (decodeUtf8(bytes.subarray(0, middle), true) === undefined) bad = middle - 1;
    else good = middle;
  }
  // A byte that begins a character is good until the next one shows otherwise.
  while (good > 0 && decodeUtf8(bytes.subarray(0, good)) === undefined) good--;
  const lines = Buffer.from(bytes.subarray(0, good)).toString().split('\n');
  return { line: lines.length, column: (lines.at(-1) ?? '').length + 1, byte: bytes[good] ?? 0 };
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const known: Readonly<Record<string, string>> = {
    ENOENT: 'it does not exist',
    EACCES: 'permission denied',
    ENOTDIR: 'a part of the path is no folder',
    ELOOP: 'its links go round in a circle',
    EISDIR: 'it is a folder',
  };
  return known[code] ?? (error instanceof Error ? error.message : String(error));
}
