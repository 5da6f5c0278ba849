// `expand`: `%name%` stands for the values of a list that the user keeps.

import { joined, parseTextPattern, type TextPattern } from './text-pattern.ts';

/** By name, without the percent signs; each value may have wildcards. */
export type PlaceholderLists = ReadonlyMap<string, readonly string[]>;

export class MissingListError extends Error {
  readonly list: string;
  constructor(list: string) {
    super(`no list is named \`${list}\``);
    this.name = 'MissingListError';
    this.list = list;
  }
}

// Two placeholders in one value multiply.
const MAX_FORMS = 100_000;

export class TooManyFormsError extends Error {}

const PLACEHOLDER = /\\%|%(\w+)%/g;

export function hasPlaceholder(pattern: TextPattern): boolean {
  return pattern.some((part) => typeof part === 'string' && /(?<!\\)%\w+%/.test(part));
}

/** Every value that the text stands for. Throws MissingListError. `\%` is a plain percent sign. */
export function expandPlaceholders(pattern: TextPattern, lists: PlaceholderLists): readonly TextPattern[] {
  let forms: TextPattern[] = [[]];
  const append = (choices: readonly TextPattern[]): void => {
    if (forms.length * choices.length > MAX_FORMS) throw new TooManyFormsError();
    forms = forms.flatMap((form) => choices.map((choice) => [...form, ...choice]));
  };
  for (const part of pattern) {
    if (typeof part !== 'string') {
      append([[part]]);
      continue;
    }
    let from = 0;
    for (const match of part.matchAll(PLACEHOLDER)) {
      append([[part.slice(from, match.index)]]);
      from = match.index + match[0].length;
      const [, name] = match;
      if (name === undefined) append([['%']]);
      else append(valuesOf(name, lists).map(parseTextPattern));
    }
    append([[part.slice(from)]]);
  }
  return forms.map(joined);
}

export function valuesOf(name: string, lists: PlaceholderLists): readonly string[] {
  const values = lists.get(name);
  if (values === undefined) throw new MissingListError(name);
  return values;
}
