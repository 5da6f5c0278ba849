// The files of values that rule files name under `lists:`, found and read before anything else in the rules is looked at.

import { reasonOf } from '../system-error.ts';
import { type DocumentMap, isMap } from './document-map.ts';
import { type Place, parseRuleDocument } from './rule-document.ts';
import type { FoundRuleFiles } from './rule-files.ts';
import type { RuleProblem } from './rule-problem.ts';
import { besideFile, type RuleText, readText } from './rule-text.ts';

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

function namedFiles(rules: readonly RuleText[]): ReadonlyMap<string, Place> {
  const files = new Map<string, Place>();
  for (const { file, text } of rules) {
    if (!text.includes('lists')) continue;
    const document = documentOf(file, text);
    for (const [name, list] of Object.entries(mapAt(document?.value, 'lists'))) {
      const listed = isMap(list) ? list.file : undefined;
      if (document === undefined || typeof listed !== 'string' || listed === '') continue;
      const path = besideFile(file, listed);
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

function mapAt(value: unknown, key: string): DocumentMap {
  const found = isMap(value) ? value[key] : undefined;
  return isMap(found) ? found : {};
}
