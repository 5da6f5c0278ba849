// The files of values that rule files name under `lists:`, found and read before anything else in the rules is looked at.

import { dirname, join } from 'node:path';
import { reasonOf } from '../system-error.ts';
import { type Place, parseRuleDocument } from './rule-document.ts';
import { type FoundRuleFiles, type RuleText, readText } from './rule-files.ts';
import type { RuleProblem } from './rule-problem.ts';

/** Each file once. One that can't be read is reported where it is named, and left out of the texts. */
export async function readListFiles(
  rules: readonly RuleText[],
  report: (problem: RuleProblem) => void,
): Promise<FoundRuleFiles> {
  const texts: RuleText[] = [];
  const named = namedFiles(rules);
  for (const [file, place] of named) {
    try {
      const text = await readText(file, report);
      if (text !== undefined) texts.push({ file, text, isList: true });
    } catch (error) {
      report({
        ...place,
        code: 'list-unreadable',
        message: `this list can't be read: ${reasonOf(error)}`,
        found: file,
        expected: 'a file of values, its path from the folder of this file',
        severity: 'error',
      });
    }
  }
  return { texts, files: [...named.keys()] };
}

/** From the folder of the rule file that names it. */
export function pathOfList(ruleFile: string, file: string): string {
  return file.startsWith('/') ? file : join(dirname(ruleFile), file);
}

function namedFiles(rules: readonly RuleText[]): ReadonlyMap<string, Place> {
  const files = new Map<string, Place>();
  for (const { file, text } of rules) {
    if (!text.includes('lists')) continue;
    const document = documentOf(file, text);
    for (const [name, list] of Object.entries(asMap(asMap(document?.value).lists))) {
      const listed = asMap(list).file;
      if (document === undefined || typeof listed !== 'string' || listed === '') continue;
      const path = pathOfList(file, listed);
      if (!files.has(path)) files.set(path, document.placeOf(['lists', name, 'file']));
    }
  }
  return files;
}

/** What is wrong with it is told by the loader, which reads it again. */
function documentOf(file: string, text: string): ReturnType<typeof parseRuleDocument> {
  try {
    return parseRuleDocument(file, text, () => undefined);
  } catch {
    return undefined;
  }
}

function asMap(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {};
}
