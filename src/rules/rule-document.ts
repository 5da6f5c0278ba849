// One rule file as plain data, with the line and column of everything in it.

import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  visit,
} from 'yaml';
import type { Leaf } from './conditions.ts';
import type { FindingCode } from './finding-codes.ts';
import type { RuleProblem } from './rule-problem.ts';

export type DocumentPath = readonly (string | number)[];

export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Where a part of a leaf stands, and how it was written where that is one word. */
export type PlaceOfPart = (
  key: keyof Leaf,
  entry?: number,
) => Place & { readonly source?: string | undefined };

export interface RuleDocument {
  readonly file: string;
  readonly value: unknown;
  /** Of a value, or of the nearest thing around it that exists. */
  placeOf(path: DocumentPath): Place;
  /** Of the key under which the value stands. */
  placeOfKey(path: DocumentPath): Place;
  /** A scalar as it was written: `0644`, where the value is the number 644. */
  sourceOf(path: DocumentPath): string | undefined;
}

/** Parses YAML, and JSON as the subset of it that it is. Broken syntax is reported and yields undefined. */
export function parseRuleDocument(
  file: string,
  text: string,
  report: (problem: RuleProblem) => void,
): RuleDocument | undefined {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, intAsBigInt: true, prettyErrors: false });
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(Math.min(offset, text.length));
    return { file, line, column: col };
  };
  if (!Array.isArray(documents)) return emptyDocument(file);
  const [document, second] = documents;
  if (document === undefined) return emptyDocument(file);
  // The first error only: those behind it are mostly its echoes.
  const [error] = documents.flatMap((one) => one.errors);
  if (error !== undefined) {
    const [at] = error.pos;
    const json = file.endsWith('.json') ? explainJson(text, place(at)) : undefined;
    const isTab =
      error.code === 'TAB_AS_INDENT' || /^ *\t/.test(text.slice(text.lastIndexOf('\n', at - 1) + 1));
    const problem = json ?? {
      ...place(at),
      ...explainSyntax(isTab ? 'TAB_AS_INDENT' : error.code, error.message),
    };
    report({ ...problem, severity: 'error' });
    return undefined;
  }
  if (second !== undefined) {
    report({
      ...place(second.range[0]),
      code: 'yaml-documents',
      message: 'a rule file is one YAML document; this begins a second one',
      found: '`---`',
      expected: 'all rules in one list, or in several files',
      severity: 'error',
    });
    return undefined;
  }

  const value = plainValue(document, (at, code, message, found) => {
    report({ ...place(at), code, message, found, severity: 'error' });
  });
  if (value === undefined) return undefined;

  const resolve = (node: unknown): unknown => (isAlias(node) ? node.resolve(document) : node);
  const walk = (path: DocumentPath, wantsKey: boolean): Node | undefined => {
    let current: unknown = resolve(document.contents);
    let last = current;
    let key: unknown;
    for (const step of path) {
      let next: unknown;
      if (isMap(current)) {
        const pair = current.items.find((item) => isPair(item) && keyOf(item.key) === String(step));
        key = pair?.key;
        next = pair?.value ?? pair?.key;
      } else if (isSeq(current)) {
        next = current.items[Number(step)];
        key = next;
      }
      if (next === undefined) return asNode(last);
      last = next;
      current = resolve(next);
    }
    return asNode(wantsKey ? (key ?? last) : last);
  };
  const placeOfNode = (node: Node | undefined): Place => place(node?.range?.[0] ?? 0);
  return {
    file,
    value: value.plain,
    placeOf: (path) => placeOfNode(walk(path, false)),
    placeOfKey: (path) => placeOfNode(walk(path, true)),
    sourceOf: (path) => {
      const node = walk(path, false);
      return isScalar(node) ? node.source : undefined;
    },
  };
}

/** undefined: its aliases lead nowhere, or to too much, and that is reported. */
function plainValue(
  document: Document,
  report: (at: number, code: FindingCode, message: string, found?: string) => void,
): { readonly plain: unknown } | undefined {
  let isWhole = true;
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) !== undefined) return;
      isWhole = false;
      report(alias.range?.[0] ?? 0, 'yaml-alias', 'no anchor of this name stands before', `*${alias.source}`);
    },
  });
  if (!isWhole) return undefined;
  try {
    return { plain: plain(document.toJS()) };
  } catch (error) {
    // The library stops where few aliases would grow to a giant.
    report(0, 'yaml-alias', `this file's aliases can't be expanded: ${messageOf(error)}`);
    return undefined;
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function emptyDocument(file: string): RuleDocument {
  const start = { file, line: 1, column: 1 };
  return {
    file,
    value: undefined,
    placeOf: () => start,
    placeOfKey: () => start,
    sourceOf: () => undefined,
  };
}

function keyOf(key: unknown): string {
  return isScalar(key) ? String(key.value) : String(key);
}

function asNode(value: unknown): Node | undefined {
  return isMap(value) || isSeq(value) || isScalar(value) || isAlias(value) ? value : undefined;
}

/** Integers are parsed as bigint so that none loses digits; those that a number holds become one. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') {
    return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
  }
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plain(entry)]));
}

function explainSyntax(code: string, message: string): Pick<RuleProblem, 'code' | 'message' | 'expected'> {
  switch (code) {
    case 'DUPLICATE_KEY':
      return { code: 'duplicate-key', message: 'this key stands here twice', expected: 'each key once' };
    case 'TAB_AS_INDENT':
      return { code: 'yaml-syntax', message: 'a tab indents this line', expected: 'spaces' };
    default:
      return { code: 'yaml-syntax', message: `this is not valid YAML: ${lowerFirst(firstLine(message))}` };
  }
}

/** JSON's own parser says what a writer of JSON understands. */
function explainJson(text: string, otherwise: Place): Omit<RuleProblem, 'severity'> | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    const words = messageOf(error)
      .replace(/, (?:\.\.\.)?".* is not valid JSON$/s, '')
      .replace(/(?: in JSON)? at position .*$/, '');
    // Of a short text it says no place; where YAML gave up is near enough.
    const found = /\(line (\d+) column (\d+)\)$/.exec(messageOf(error));
    const place = found === null ? {} : { line: Number(found[1]), column: Number(found[2]) };
    const message = `this is not valid JSON: ${lowerFirst(words)}`;
    return { ...otherwise, ...place, code: 'json-syntax', message };
  }
}

const firstLine = (text: string): string => text.split('\n')[0] ?? text;
const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
