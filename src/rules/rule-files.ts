// Finds and reads rule files: the paths given, folders recursively.

import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { reasonOf } from '../system-error.ts';
import type { FindingCode } from './finding-codes.ts';
import type { RuleProblem } from './rule-problem.ts';
import { isTestFile } from './test-files.ts';

const EXTENSIONS = ['.yaml', '.yml', '.json'];

/** What generated schemas are called; they describe rule files and are none. */
const SCHEMA = '.schema.json';

export interface RuleText {
  readonly file: string;
  readonly text: string;
  /** A file of values that a rule file names under `lists:`. */
  readonly isList?: boolean | undefined;
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
  const fail = (file: string, code: FindingCode, message: string, found?: string, expected?: string): void =>
    report({ file, line: 0, column: 0, code, message, found, expected, severity: 'error' });

  const readOne = async (file: string): Promise<void> => {
    try {
      const real = await realpath(file);
      if (seen.has(real)) return;
      seen.add(real);
      files.push(file);
      const text = await readText(file, report);
      if (text !== undefined) texts.push({ file, text });
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
      // A folder of tests is not empty.
      if (isTestFile(entry)) count++;
      const path = join(folder, entry);
      const status = await stat(path).catch(() => undefined);
      if (status?.isDirectory()) count += await walk(path);
      else if (isRuleFile(entry)) {
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
        (error as NodeJS.ErrnoException).code === 'ENOENT'
          ? 'there is no such file or folder'
          : `this can't be looked at: ${reasonOf(error)}`,
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
    } else if (isTestFile(path)) {
      // `rules/*.yaml` of a shell: whoever wants the tests asks for them.
    } else if (isRuleFile(path)) {
      await readOne(path);
    } else {
      files.push(path);
      fail(
        path,
        'file-type',
        'this is no rule file',
        path.endsWith(SCHEMA) ? 'a JSON Schema' : extname(path) || 'a name without extension',
        EXTENSIONS.join(', '),
      );
    }
  }
  return { texts, files };
}

function isRuleFile(name: string): boolean {
  return EXTENSIONS.includes(extname(name)) && !name.endsWith(SCHEMA) && !isTestFile(name);
}

/** undefined: it is no UTF-8, and that is reported. Rejects where it can't be read. */
export async function readText(
  file: string,
  report: (problem: RuleProblem) => void,
): Promise<string | undefined> {
  const bytes = await readFile(file);
  const text = decodeUtf8(bytes);
  if (text !== undefined) return text;
  const { line, column, byte } = badByte(bytes);
  report({
    file,
    line,
    column,
    code: 'not-utf8',
    message: 'this file is not valid UTF-8',
    found: `a byte 0x${byte.toString(16)}`,
    expected: 'text in UTF-8',
    severity: 'error',
  });
  return undefined;
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
