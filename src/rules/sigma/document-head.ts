// What a Sigma document says of itself: title, id, level, tags and the like.

import type { Place } from '../rule-document.ts';
import { SigmaError } from './sigma-error.ts';
import { describeTree, get, type MapTree } from './yaml-tree.ts';

export interface SigmaHead {
  readonly title: string;
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly status: string | undefined;
  readonly description: string | undefined;
  readonly license: string | undefined;
  readonly author: string | undefined;
  readonly date: string | undefined;
  readonly modified: string | undefined;
  readonly level: string | undefined;
  readonly tags: readonly string[];
  readonly references: readonly string[];
  readonly falsePositives: readonly string[];
  readonly place: Place;
}

export function parseHead(tree: MapTree): SigmaHead {
  const title = textOf(tree, 'title');
  if (title === undefined || title === '') {
    throw new SigmaError('document', tree.place, 'the key `title` is missing', { expected: 'a short title' });
  }
  const taxonomy = textOf(tree, 'taxonomy');
  if (taxonomy !== undefined && taxonomy !== 'sigma') {
    throw new SigmaError(
      'document',
      get(tree, 'taxonomy')?.place ?? tree.place,
      'this taxonomy is not known',
      {
        found: taxonomy,
        expected: 'sigma',
      },
    );
  }
  return {
    title,
    id: textOf(tree, 'id'),
    name: textOf(tree, 'name'),
    status: textOf(tree, 'status'),
    description: textOf(tree, 'description'),
    license: textOf(tree, 'license'),
    author: textOf(tree, 'author'),
    date: textOf(tree, 'date'),
    modified: textOf(tree, 'modified'),
    level: textOf(tree, 'level'),
    tags: textsOf(tree, 'tags'),
    references: textsOf(tree, 'references'),
    falsePositives: textsOf(tree, 'falsepositives'),
    place: tree.entries.get('title')?.keyPlace ?? tree.place,
  };
}

export function textOf(tree: MapTree, key: string): string | undefined {
  const part = get(tree, key);
  if (part === undefined || (part.kind === 'scalar' && part.value === null)) return undefined;
  if (part.kind === 'scalar') return String(part.value).trim();
  // `author` is a list in a few rules.
  if (part.kind === 'list') return textsOf(tree, key).join(', ');
  throw new SigmaError('document', part.place, `\`${key}\` is text`, { found: describeTree(part) });
}

function textsOf(tree: MapTree, key: string): readonly string[] {
  const part = get(tree, key);
  if (part === undefined) return [];
  const items = part.kind === 'list' ? part.items : [part];
  return items.flatMap((item) => {
    if (item.kind !== 'scalar') {
      throw new SigmaError('document', item.place, `\`${key}\` is a list of texts`, {
        found: describeTree(item),
      });
    }
    return item.value === null || item.value === '' ? [] : [String(item.value).trim()];
  });
}
