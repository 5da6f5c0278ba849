// A rule file in JSON: what fits into a line stands in one, but for rules, and words as they were written.

import { isMap, isScalar, isSeq } from 'yaml';
import { entriesOf } from './key-order.ts';

export function formatJson(contents: unknown, text: string, width: number): string {
  const open = new Set<unknown>([contents, ...entriesOf(contents)]);
  for (const entries of entriesOf(contents))
    if (isSeq(entries)) for (const entry of entries.items) open.add(entry);

  const inline = (node: unknown): string => {
    if (isMap(node)) {
      const entries = node.items.map(({ key, value }) => `${inline(key)}: ${inline(value)}`);
      return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
    }
    if (isSeq(node)) return `[${node.items.map(inline).join(', ')}]`;
    if (!isScalar(node)) return 'null';
    const [from = 0, to = 0] = node.range ?? [];
    return text.slice(from, to);
  };

  /** @param column where the text begins, with what stands behind it in the line */
  const print = (node: unknown, indent: string, column: number): string => {
    const line = inline(node);
    const isEmpty = line === '{}' || line === '[]';
    if (isEmpty || (!open.has(node) && column + line.length + 1 <= width)) return line;
    const inner = `${indent}  `;
    if (isMap(node)) {
      const entries = node.items.map(({ key, value }) => {
        const start = `${inner}${inline(key)}: `;
        return `${start}${print(value, inner, start.length)}`;
      });
      return `{\n${entries.join(',\n')}\n${indent}}`;
    }
    if (!isSeq(node)) return line;
    return `[\n${node.items.map((item) => `${inner}${print(item, inner, inner.length)}`).join(',\n')}\n${indent}]`;
  };

  return `${print(contents, '', 0)}\n`;
}
