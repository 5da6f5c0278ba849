// One rule file as plain data, with the line and column of everything in it.

import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseAllDocuments } from 'yaml';
import type { RuleProblem } from './rule-problem.ts';

export type DocumentPath = readonly (string | number)[];

export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

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
  for (const error of documents.flatMap((one) => one.errors)) {
    report({ ...place(error.pos[0]), ...explainSyntax(error.code, error.message), severity: 'error' });
  }
  if (documents.some((one) => one.errors.length > 0)) return undefined;
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
    value: plain(document.toJS()),
    placeOf: (path) => placeOfNode(walk(path, false)),
    placeOfKey: (path) => placeOfNode(walk(path, true)),
    sourceOf: (path) => {
      const node = walk(path, false);
      return isScalar(node) ? node.source : undefined;
    },
  };
}

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

const firstLine = (text: string): string => text.split('\n')[0] ?? text;
const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
