// Finds and reads rule files: the paths given, folders recursively.

import { readdir, realpath, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { reasonOf } from '../system-error.ts';
import type { FindingCode } from './finding-codes.ts';
import type { RuleProblem } from './rule-problem.ts';
import { type RuleText, readText } from './rule-text.ts';
import { isTestFile } from './test-files.ts';

const EXTENSIONS = ['.yaml', '.yml', '.json'];

/** What generated schemas are called; they describe rule files and are none. */
const SCHEMA = '.schema.json';

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
          ? `there is no such file or folder${path === '-' ? ', and rules are not read from stdin' : ''}`
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
