// An exception as text for a file of exceptions, with the reason for each of its conditions beside it; and such a file
// with one more.

import { isMap, isSeq, parseDocument, stringify } from 'yaml';
import type { TellingFact } from './exception-facts.ts';

export interface WrittenException {
  readonly rule: string;
  readonly name: string;
  readonly reason: string;
  readonly expires?: string | undefined;
  readonly facts: readonly TellingFact[];
  /** What a person should know of it; each is a line of comment above it. */
  readonly remarks: readonly string[];
}

/** Where a file of exceptions can't take another by itself. */
export class ExceptionFileError extends Error {
  override readonly name = 'ExceptionFileError';
}

const KEY = 'exceptions';

/** With the key above it. */
export function exceptionFile(exception: WrittenException): string {
  return `${KEY}:\n${exceptionText(exception, '  ')}`;
}

/**
 * The file with the exception behind its last one; all else stays as it is, byte for byte.
 * @throws ExceptionFileError
 */
export function withException(text: string, exception: WrittenException): string {
  if (text.trim() === '') return exceptionFile(exception);
  const document = parseDocument(text, { prettyErrors: false });
  const { contents } = document;
  if (document.errors.length > 0) throw new ExceptionFileError('it is not valid YAML');
  // Comments alone.
  if (contents === null) return `${withLineEnd(text)}${exceptionFile(exception)}`;
  if (!isMap(contents)) throw new ExceptionFileError(`it is no file of exceptions: it has no key \`${KEY}\``);
  if (contents.has('rules'))
    throw new ExceptionFileError('it holds rules; exceptions stand in files of their own');
  const list = contents.get(KEY, true);
  if (list === undefined) return `${withLineEnd(text)}${exceptionFile(exception)}`;
  if (!isSeq(list) || list.flow || contents.flow || list.items.length === 0 || !list.range) {
    throw new ExceptionFileError(`\`${KEY}\` is no list of entries with dashes`);
  }
  const [start, , end] = list.range;
  const indent = ' '.repeat(start - (text.lastIndexOf('\n', start - 1) + 1));
  return `${withLineEnd(text.slice(0, end))}${exceptionText(exception, indent)}${text.slice(end)}`;
}

function withLineEnd(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}

function exceptionText(exception: WrittenException, indent: string): string {
  const { rule, name, reason, expires, facts, remarks } = exception;
  const lines = [
    ...remarks.map((remark) => `# ${remark}`),
    `- rule: ${scalar(rule)}`,
    `  name: ${scalar(name)}`,
    `  reason: ${scalar(reason)}`,
    ...(expires === undefined ? [] : [`  expires: ${scalar(expires)}`]),
    '  conditions:',
    '    all:',
    ...facts.flatMap(({ leaf, why }) => [`      # ${why}`, `      - ${flow(leaf)}`]),
  ];
  return lines.map((line) => `${indent}${line}\n`).join('');
}

const scalar = (text: string): string => stringify(text, { lineWidth: 0 }).trimEnd();

/** As rules are written by hand: `{ operator: in, value: [a, b] }`. */
function flow(map: object): string {
  const entries = Object.entries(map).map(([key, value]) => {
    // Within a list a text is quoted as it must be within any braces.
    const options = { collectionStyle: 'flow', lineWidth: 0, flowCollectionPadding: false } as const;
    return `${key}: ${stringify([value], options).trimEnd().slice(1, -1)}`;
  });
  return `{ ${entries.join(', ')} }`;
}
