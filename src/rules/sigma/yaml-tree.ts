// A YAML file as trees that know the place of every part: documents are merged (`action: global`), and each part must
// still say where it was written.

import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  type YAMLError,
} from 'yaml';
import type { Place } from '../rule-document.ts';
import { SigmaError } from './sigma-error.ts';

type TreeScalar = string | number | bigint | boolean | null;

export interface ScalarTree {
  readonly kind: 'scalar';
  readonly value: TreeScalar;
  readonly place: Place;
  /** Where a character of a text stands that is quoted, or goes over several lines. */
  placeAt?(offset: number): Place;
}
interface ListTree {
  readonly kind: 'list';
  readonly items: readonly Tree[];
  readonly place: Place;
}
export interface MapTree {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, MapEntry>;
  readonly place: Place;
}
interface MapEntry {
  readonly key: string;
  readonly keyPlace: Place;
  readonly tree: Tree;
}
export type Tree = ScalarTree | ListTree | MapTree;

// Aliases of aliases grow exponentially; no rule comes near this.
const MAX_NODES = 100_000;
const MAX_DEPTH = 60;

/** Every document of the file in order, or what is wrong with it; empty ones are left out. */
export function parseTrees(file: string, text: string): readonly (Tree | SigmaError)[] {
  const lines = new LineCounter();
  const documents = parseYaml(text, lines);
  if (documents === undefined) {
    return [new SigmaError('yaml', { file, line: 1, column: 1 }, 'this file nests too deeply')];
  }
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(Math.min(offset, text.length));
    return { file, line, column: col };
  };
  let nodes = 0;
  const grow = (node: unknown, document: Document, around: Place, depth: number): Tree => {
    if (depth > MAX_DEPTH) throw new SigmaError('yaml', around, 'this nests too deeply');
    if (++nodes > MAX_NODES) {
      throw new SigmaError('yaml', around, 'the aliases of this file grow to too much', {
        expected: `at most ${MAX_NODES} values`,
      });
    }
    if (isAlias(node)) {
      const target = node.resolve(document);
      if (target === undefined) {
        throw new SigmaError('yaml', around, 'no anchor of this name stands before', {
          found: `*${node.source}`,
        });
      }
      return grow(target, document, around, depth + 1);
    }
    if (isMap(node)) {
      const at = place(node.range?.[0] ?? 0);
      const entries = new Map<string, MapEntry>();
      for (const { key, value } of node.items) {
        const keyPlace = isScalar(key) ? place(key.range?.[0] ?? 0) : at;
        if (!isScalar(key))
          throw new SigmaError('yaml', keyPlace, 'a key is one word', { found: 'a list or a map' });
        const name = String(key.value);
        entries.set(name, { key: name, keyPlace, tree: grow(value, document, keyPlace, depth + 1) });
      }
      return { kind: 'map', entries, place: at };
    }
    if (isSeq(node)) {
      const at = place(node.range?.[0] ?? 0);
      return {
        kind: 'list',
        items: node.items.map((item) => grow(item, document, at, depth + 1)),
        place: at,
      };
    }
    if (isScalar(node)) {
      const [start = 0, end = start] = node.range ?? [];
      const value = scalarOf(node.value);
      const placeAt = (offset: number): Place =>
        place(start + writtenOffset(text.slice(start, end), String(value), offset));
      return { kind: 'scalar', value, place: place(start), placeAt };
    }
    return { kind: 'scalar', value: null, place: around };
  };
  return documents.flatMap((document): readonly (Tree | SigmaError)[] => {
    const [error] = document.errors;
    if (error !== undefined) return [explain(error, place(error.pos[0]))];
    if (document.contents === null) return [];
    try {
      const tree = grow(document.contents, document, place(document.range[0]), 0);
      return tree.kind === 'scalar' && tree.value === null ? [] : [tree];
    } catch (wrong) {
      if (wrong instanceof SigmaError) return [wrong];
      throw wrong;
    }
  });
}

/** Of the same visible character, counted from the first: quotes, indentation and line breaks are left out of the text. */
function writtenOffset(written: string, text: string, offset: number): number {
  const head = /^(?:["']|[|>][^\n]*\n)?/.exec(written)?.[0].length ?? 0;
  let before = text.slice(0, offset).replace(/\s/g, '').length;
  for (let at = head; at < written.length; at++) {
    if (!/\s/.test(written[at] ?? '') && before-- === 0) return at;
  }
  return head;
}

function explain({ code, message }: YAMLError, place: Place): SigmaError {
  if (code === 'DUPLICATE_KEY') {
    return new SigmaError('yaml', place, 'this key stands here twice', { expected: 'each key once' });
  }
  const reason = (message.split('\n')[0] ?? '').replace(/^./, (first) => first.toLowerCase());
  return new SigmaError('yaml', place, `this is not valid YAML: ${reason}`);
}

/** undefined: it nests so deeply that the library, which follows it on the stack, gives up. */
function parseYaml(text: string, lines: LineCounter): readonly Document.Parsed[] | undefined {
  try {
    const documents = parseAllDocuments(text, { lineCounter: lines, intAsBigInt: true, prettyErrors: false });
    return Array.isArray(documents) ? documents : [];
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function scalarOf(value: unknown): TreeScalar {
  if (typeof value === 'bigint') {
    return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
  }
  if (
    value === null ||
    typeof value === 'string' ||
    typeof value === 'number' ||
    typeof value === 'boolean'
  ) {
    return value;
  }
  return String(value);
}

export function get(map: MapTree, key: string): Tree | undefined {
  return map.entries.get(key)?.tree;
}

/** What a person calls it in a message. */
export function describeTree(tree: Tree | undefined): string {
  if (tree === undefined) return 'nothing';
  if (tree.kind === 'map') return tree.entries.size === 0 ? 'an empty map' : 'a map';
  if (tree.kind === 'list') return tree.items.length === 0 ? 'an empty list' : 'a list';
  if (tree.value === null) return 'null';
  return typeof tree.value === 'string' ? JSON.stringify(tree.value) : String(tree.value);
}

/** As pySigma merges global documents: maps key by key, everything else by replacement. */
export function mergeTrees(under: Tree, over: Tree): Tree {
  if (under.kind !== 'map' || over.kind !== 'map') return over;
  const entries = new Map(under.entries);
  for (const [key, entry] of over.entries) {
    const before = entries.get(key);
    entries.set(key, before === undefined ? entry : { ...entry, tree: mergeTrees(before.tree, entry.tree) });
  }
  return { kind: 'map', entries, place: over.place };
}
