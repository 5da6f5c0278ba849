// A Sigma file as its documents: rules, filters, correlations, with `action: global`, `reset` and `repeat` carried out.

import { createHash } from 'node:crypto';
import type { Place } from '../rule-document.ts';
import { parseHead, type SigmaHead, textOf } from './document-head.ts';
import { type Logsource, parseLogsource } from './logsource.ts';
import { SigmaError } from './sigma-error.ts';
import { describeTree, get, type MapTree, mergeTrees, parseTrees, type Tree } from './yaml-tree.ts';

export interface SigmaRule extends SigmaHead {
  readonly kind: 'rule';
  readonly logsource: Logsource;
  readonly detection: MapTree;
  /** Of the whole document; eight hex digits, the same until its content changes. */
  readonly hash: string;
}

export interface SigmaFilter extends SigmaHead {
  readonly kind: 'filter';
  readonly logsource: Logsource;
  readonly filter: MapTree;
}

interface SigmaCorrelation {
  readonly kind: 'correlation';
  readonly title: string;
  readonly id: string | undefined;
  readonly place: Place;
}

/** A document that is none of Sigma's: it breaks the specification. */
interface BrokenDocument {
  readonly kind: 'broken';
  readonly title: string | undefined;
  readonly id: string | undefined;
  readonly error: SigmaError;
}

export type SigmaDocument = SigmaRule | SigmaFilter | SigmaCorrelation | BrokenDocument;

const DOCUMENT = 'a rule with `title`, `logsource` and `detection`';

/** Every document; one that is wrong hides no other. */
export function parseSigma(file: string, text: string): readonly SigmaDocument[] {
  const trees = parseTrees(file, text);
  if (trees.length === 0) {
    return [
      broken(
        new SigmaError('document', { file, line: 1, column: 1 }, 'this file holds no Sigma document', {
          expected: DOCUMENT,
        }),
      ),
    ];
  }
  const documents: SigmaDocument[] = [];
  let global: MapTree | undefined;
  let previous: MapTree | undefined;
  for (const tree of trees) {
    if (tree instanceof SigmaError) {
      documents.push(broken(tree));
      continue;
    }
    try {
      if (tree.kind !== 'map') {
        throw new SigmaError('document', tree.place, 'a Sigma document is a map', {
          found: describeTree(tree),
          expected: DOCUMENT,
        });
      }
      const action = get(tree, 'action');
      const own = without(tree, 'action');
      switch (action === undefined ? undefined : action.kind === 'scalar' ? action.value : '') {
        case undefined:
          previous = merged(global, own);
          documents.push(parseDocument(previous));
          break;
        case 'global':
          global = merged(global, own);
          break;
        case 'reset':
          global = undefined;
          break;
        case 'repeat':
          if (previous === undefined) {
            throw new SigmaError(
              'document',
              tree.place,
              '`action: repeat` has no document before it to repeat',
            );
          }
          previous = merged(previous, own);
          documents.push(parseDocument(previous));
          break;
        default:
          throw new SigmaError('document', (action ?? tree).place, 'no action of documents has this name', {
            found: describeTree(action),
            expected: 'global, reset or repeat',
          });
      }
    } catch (error) {
      documents.push(broken(error, tree));
    }
  }
  return documents;
}

function merged(under: MapTree | undefined, over: MapTree): MapTree {
  const tree = under === undefined ? over : mergeTrees(under, over);
  return tree.kind === 'map' ? tree : over;
}

function without(tree: MapTree, key: string): MapTree {
  return { ...tree, entries: new Map([...tree.entries].filter(([name]) => name !== key)) };
}

function broken(error: unknown, tree?: Tree): BrokenDocument {
  if (!(error instanceof SigmaError)) throw error;
  const plain = (key: string): string | undefined => {
    const part = tree?.kind === 'map' ? get(tree, key) : undefined;
    return part?.kind === 'scalar' && typeof part.value === 'string' ? part.value : undefined;
  };
  return { kind: 'broken', title: plain('title'), id: plain('id'), error };
}

function parseDocument(tree: MapTree): SigmaDocument {
  if (get(tree, 'correlation') !== undefined) {
    const place = tree.entries.get('correlation')?.keyPlace ?? tree.place;
    return { kind: 'correlation', title: textOf(tree, 'title') ?? '', id: textOf(tree, 'id'), place };
  }
  const filter = get(tree, 'filter');
  const detection = get(tree, 'detection');
  if (filter === undefined && detection === undefined) {
    throw new SigmaError('document', tree.place, 'this is no Sigma document', {
      found: `the keys ${[...tree.entries.keys()].slice(0, 8).join(', ')}`,
      expected: '`detection:`, `filter:` or `correlation:`',
    });
  }
  const head = parseHead(tree);
  const logsource = parseLogsource(get(tree, 'logsource'), tree.place);
  if (detection !== undefined) {
    return { ...head, kind: 'rule', logsource, detection: mapOf(detection, 'detection'), hash: hashOf(tree) };
  }
  return { ...head, kind: 'filter', logsource, filter: mapOf(filter, 'filter') };
}

function mapOf(tree: Tree | undefined, name: string): MapTree {
  if (tree?.kind === 'map') return tree;
  const place = tree?.place ?? { file: '', line: 0, column: 0 };
  throw new SigmaError('document', place, `\`${name}\` is a map`, { found: describeTree(tree) });
}

function hashOf(tree: Tree): string {
  return createHash('sha256')
    .update(JSON.stringify(plain(tree)))
    .digest('hex')
    .slice(0, 8);
}

function plain(tree: Tree): unknown {
  if (tree.kind === 'scalar') return typeof tree.value === 'bigint' ? String(tree.value) : tree.value;
  if (tree.kind === 'list') return tree.items.map(plain);
  return [...tree.entries].map(([key, entry]) => [key, plain(entry.tree)]);
}
