// A fix turned into changes of a file's text: only the word in question changes, so comments and layout stay.

import {
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  Scalar,
  visit,
  type YAMLMap,
} from 'yaml';
import type { ProblemFix, RuleProblem } from '../rule-problem.ts';

export interface Splice {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** Where the parts of one file stand. */
export interface FixableText {
  /** undefined: this fix does not fit what stands there. */
  spliceFor(problem: RuleProblem): Splice | undefined;
}

/** undefined: the text has errors of syntax, and nothing in it is certain. */
export function fixableText(text: string): FixableText | undefined {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  if (document.errors.length > 0) return undefined;
  const scalars = new Map<number, Found>();
  const entries = new Map<
    number,
    { readonly before: Node | undefined; readonly node: Node; readonly isFlow: boolean }
  >();
  visit(document, {
    Scalar(key, node, path) {
      const start = node.range?.[0];
      const [pair, map] = [path.at(-1), path.at(-2)];
      if (start === undefined) return;
      scalars.set(start, {
        node,
        isKey: key === 'key',
        map: isPair(pair) && isMap(map) ? map : undefined,
      });
    },
    Seq(_, node) {
      for (const [index, item] of node.items.entries()) {
        const before = node.items[index - 1];
        if (!isNode(item) || !item.range) continue;
        entries.set(item.range[0], {
          before: isNode(before) ? before : undefined,
          node: item,
          isFlow: node.flow === true,
        });
      }
    },
  });
  return {
    spliceFor({ fix, line, column }) {
      const lineStart = lines.lineStarts[line - 1];
      if (fix === undefined || lineStart === undefined) return undefined;
      const offset = lineStart + column - 1;
      const found = scalars.get(offset);
      if (fix.kind === 'remove') return removal(entries.get(offset), text);
      if (found === undefined) return undefined;
      return fix.kind === 'insert' ? insertion(fix, found.map, text) : replacement(fix, found, text);
    },
  };
}

interface Found {
  readonly node: Scalar;
  readonly isKey: boolean;
  /** The map whose key or value it is. */
  readonly map: YAMLMap | undefined;
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'range' in value;

function replacement(
  fix: Exclude<ProblemFix, { kind: 'remove' | 'insert' }>,
  { node, isKey, map }: Found,
  text: string,
): Splice | undefined {
  const [from, to] = node.range ?? [];
  if (from === undefined || to === undefined) return undefined;
  const source = text.slice(from, to);
  if (source.includes('\n')) return undefined;
  switch (fix.kind) {
    case 'replace':
      // Two keys of one name would be worse than one that is misspelt.
      if (isKey && map?.has(fix.by)) return undefined;
      return { from, to, text: asScalar(fix.by, node.type) };
    case 'quote':
      return /^[^'"\\]+$/.test(source) ? { from, to, text: `'${source}'` } : undefined;
    case 'list':
      return { from, to, text: `[${source}]` };
  }
}

/** In the quotes in which the old word stood. */
function asScalar(word: string, type: Scalar['type']): string {
  if (type === Scalar.QUOTE_SINGLE) return `'${word.replaceAll("'", "''")}'`;
  return type === Scalar.QUOTE_DOUBLE || !PLAIN.test(word) ? JSON.stringify(word) : word;
}

/** Needs no quotes, in a flow collection neither. */
const PLAIN = /^[A-Za-z$][\w$./-]*(?::[\w$./-]+)*$/;

function removal(
  entry: { readonly before: Node | undefined; readonly node: Node; readonly isFlow: boolean } | undefined,
  text: string,
): Splice | undefined {
  const [from, to] = entry?.node.range ?? [];
  const before = entry?.before?.range?.[1];
  if (entry === undefined || from === undefined || to === undefined || before === undefined) return undefined;
  if (entry.isFlow) {
    const between = text.slice(before, from);
    return /^\s*,\s*$/.test(between) ? { from: before, to, text: '' } : undefined;
  }
  const lineStart = text.lastIndexOf('\n', from - 1) + 1;
  const lineEnd = text.indexOf('\n', to) === -1 ? text.length : text.indexOf('\n', to) + 1;
  // A line with a comment of its own is for a person to judge.
  return /^\s*-\s+\S+\s*$/.test(text.slice(lineStart, lineEnd))
    ? { from: lineStart, to: lineEnd, text: '' }
    : undefined;
}

function insertion(
  fix: Extract<ProblemFix, { kind: 'insert' }>,
  map: YAMLMap | undefined,
  text: string,
): Splice | undefined {
  if (map === undefined || map.has(fix.key)) return undefined;
  const pair = map.items.find(
    (item): item is Pair<Scalar, Node> => isScalar(item.key) && item.key.value === fix.after,
  );
  const [keyStart] = pair?.key.range ?? [];
  const valueEnd = pair?.value?.range?.[1];
  if (pair === undefined || keyStart === undefined || valueEnd === undefined) return undefined;
  if (map.flow) {
    const isJson = pair.key.type === Scalar.QUOTE_DOUBLE;
    const entry = isJson
      ? `"${fix.key}": ${fix.value.replace(/[a-z]+/g, '"$&"')}`
      : `${fix.key}: ${fix.value}`;
    return { from: valueEnd, to: valueEnd, text: `, ${entry}` };
  }
  const indent = ' '.repeat(keyStart - (text.lastIndexOf('\n', keyStart - 1) + 1));
  const newline = text.indexOf('\n', valueEnd);
  const isAtLineStart = isSeq(pair.value) && text[valueEnd - 1] === '\n';
  if (!isAtLineStart && newline === -1) {
    return { from: text.length, to: text.length, text: `\n${indent}${fix.key}: ${fix.value}` };
  }
  const at = isAtLineStart ? valueEnd : newline + 1;
  return { from: at, to: at, text: `${indent}${fix.key}: ${fix.value}\n` };
}

/** @param splices in order, none over another */
export function applySplices(text: string, splices: readonly Splice[]): string {
  let result = '';
  let done = 0;
  for (const { from, to, text: replacement } of splices) {
    result += text.slice(done, from) + replacement;
    done = to;
  }
  return result + text.slice(done);
}
