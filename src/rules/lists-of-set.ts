// The named lists of all files of a set.

import type { KnownLists } from './condition-context.ts';
import { parseList } from './list-parser.ts';
import type { NamedList } from './named-lists.ts';
import type { ParsedFile } from './parsed-file.ts';
import type { Place } from './rule-document.ts';
import type { RuleProblem } from './rule-problem.ts';
import type { RuleText } from './rule-text.ts';
import { uniqueNames } from './unique-names.ts';

export interface ListsOfSet {
  readonly lists: KnownLists;
  readonly listPlaces: ReadonlyMap<string, Place>;
}

/** @param texts those of list files among them */
export function parseLists(
  files: readonly ParsedFile[],
  texts: readonly RuleText[],
  report: (problem: RuleProblem) => void,
): ListsOfSet {
  const textOf = new Map(texts.filter(({ isList }) => isList).map(({ file, text }) => [file, text]));
  const lists = new Map<string, NamedList | undefined>();
  const listPlaces = new Map<string, Place>();
  const unique = uniqueNames('list', report);
  for (const { document, lists: written } of files) {
    for (const [name, value] of Object.entries(written)) {
      const place = document.placeOfKey(['lists', name]);
      if (!unique.take(name, place)) continue;
      listPlaces.set(name, place);
      lists.set(name, parseList(name, value, { document, texts: textOf, report }));
    }
  }
  return { lists, listPlaces };
}
