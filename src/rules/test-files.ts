// Finds and reads test files: `*.test.yaml` beside the rules or in a folder of tests. They are no rule files: the loader
// passes them by, and an agent never reads them.

import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { reasonOf } from '../system-error.ts';
import type { RuleProblem } from './rule-problem.ts';
import { type RuleText, readText } from './rule-text.ts';

const TEST_FILE = /\.test\.(?:yaml|yml|json)$/;

export function isTestFile(path: string): boolean {
  return TEST_FILE.test(basename(path));
}

/** In the order of the paths, files of a folder by name; each once. What the rule loader reports is not said again. */
export async function readTestFiles(
  paths: readonly string[],
  report: (problem: RuleProblem) => void,
): Promise<readonly RuleText[]> {
  const texts: RuleText[] = [];
  const seen = new Set<string>();
  const visit = async (path: string): Promise<void> => {
    const status = await stat(path).catch(() => undefined);
    const isFolder = status?.isDirectory() ?? false;
    if (status === undefined || (!isFolder && !isTestFile(path))) return;
    const real = await realpath(path).catch(() => path);
    if (seen.has(real)) return;
    seen.add(real);
    if (!isFolder) {
      await readOne(path);
      return;
    }
    const entries = await readdir(path).catch((): string[] => []);
    for (const entry of entries.sort()) {
      if (entry.startsWith('.')) continue;
      await visit(join(path, entry));
    }
  };
  const readOne = async (file: string): Promise<void> => {
    try {
      const text = await readText(file, report);
      if (text !== undefined) texts.push({ file, text });
    } catch (error) {
      report({
        file,
        line: 0,
        column: 0,
        code: 'unreadable',
        message: `this file can't be read: ${reasonOf(error)}`,
        expected: 'a file that this user may read',
        severity: 'error',
      });
    }
  };
  for (const path of paths) await visit(path);
  return texts;
}
