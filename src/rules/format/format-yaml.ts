// A rule file in YAML: keys in order, two spaces, collections in one line only while they fit, comments where they were.

import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  type Node,
  parseDocument,
  Scalar,
  visit,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { entriesOf, orderKeys } from './key-order.ts';
import { quoted, writtenTags } from './yaml-words.ts';

export function parseYaml(text: string): Document.Parsed {
  return parseDocument(text, { keepSourceTokens: true, customTags: writtenTags });
}

export function formatYaml(document: Document.Parsed, text: string, width: number): string {
  const { contents } = document;
  keepKeyComments(document, text);
  settleSpace(document);
  orderKeys(contents);
  for (const entries of entriesOf(contents)) if (isSeq(entries)) separate(entries);
  openLong(contents, 0, 0, width);
  return document.toString({ lineWidth: width, indent: 2, indentSeq: true, minContentWidth: 0 });
}

/** Empty lines that the library would take for something else's the next time. */
function settleSpace(document: Document.Parsed): void {
  visit(document, {
    Scalar: (_, node) => {
      // Behind a key without a value it is the next key's.
      if (node.value === null && !node.source) node.spaceBefore = false;
    },
    Pair: (_, { value }) => {
      if (isMap(value) || isSeq(value)) value.spaceBefore = false;
    },
    Collection: (_, node) => {
      if (node.comment) node.comment = node.comment.replace(/\n+$/, '');
    },
  });
}

/** An empty line between rules, and between exceptions. */
function separate(rules: YAMLSeq): void {
  for (const [index, rule] of rules.items.entries()) {
    if (!isMap(rule)) continue;
    rule.spaceBefore = index > 0;
    // The first key's own empty line would come behind the dash.
    const [first] = rule.items;
    if (isPair(first) && isNode(first.key)) first.key.spaceBefore = false;
  }
}

/**
 * Opens the collections that don't fit into a line, from the outside in.
 * @param indent of the block that the node stands in
 * @param column at which its text begins
 */
function openLong(node: unknown, indent: number, column: number, width: number): void {
  if (!isMap(node) && !isSeq(node)) return;
  if (node.items.length === 0) return;
  if (node.flow) {
    if (!hasCommentWithin(node) && column + inline(node).length <= width) return;
    node.flow = false;
  }
  if (isSeq(node)) {
    for (const item of node.items) openLong(item, indent + 2, indent + 2, width);
    return;
  }
  for (const { key, value } of node.items) {
    const start = indent + inline(key).length + 2;
    // A list stands two spaces in, behind its dash.
    openLong(value, indent + 2, start, width);
  }
}

/** A comment behind the collection may stay there. */
function hasCommentWithin(node: YAMLMap | YAMLSeq): boolean {
  if (node.comment?.includes('\n')) return true;
  if (isSeq(node)) return node.items.some((item) => isNode(item) && hasComment(item));
  return node.items.some(
    ({ key, value }) => (isNode(key) && hasComment(key)) || (isNode(value) && hasComment(value)),
  );
}

function hasComment(node: Node): boolean {
  if (node.comment || node.commentBefore) return true;
  return (isMap(node) || isSeq(node)) && hasCommentWithin(node);
}

/** The library takes `conditions: # why` for a comment before what is below the key; it stays beside the key. */
function keepKeyComments(document: Document.Parsed, text: string): void {
  visit(document, {
    Pair(_, { key, value }) {
      if (!isNode(key) || !isNode(value) || !key.range || !value.commentBefore) return;
      const [, keyEnd] = key.range;
      const beside = /^[^\S\n]*:[^\S\n]+#(.*)/.exec(text.slice(keyEnd, text.indexOf('\n', keyEnd)))?.[1];
      const [first, ...others] = value.commentBefore.split('\n');
      if (beside === undefined || first === undefined || beside.trimEnd() !== first.trimEnd()) return;
      key.comment = first;
      value.commentBefore = others.length === 0 ? null : others.join('\n');
    },
  });
}

/** As it would stand in one line. */
function inline(node: unknown): string {
  if (isMap(node))
    return `{ ${(node as YAMLMap).items.map(({ key, value }) => `${inline(key)}: ${inline(value)}`).join(', ')} }`;
  if (isSeq(node)) return `[${node.items.map(inline).join(', ')}]`;
  if (isAlias(node)) return `*${node.source}`;
  if (!isScalar(node)) return '';
  const isQuoted = node.type === Scalar.QUOTE_DOUBLE || node.type === Scalar.QUOTE_SINGLE;
  return isQuoted ? quoted(String(node.value)) : (node.source ?? String(node.value));
}
