// One file of a rule set as text: rules, tests or a list of values.

import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import type { RuleProblem } from './rule-problem.ts';

export interface RuleText {
  readonly file: string;
  readonly text: string;
  /** A file of values that a rule file names under `lists:`. */
  readonly isList?: boolean | undefined;
}

/** Paths in a file start where it stands. */
export function besideFile(file: string, path: string): string {
  return isAbsolute(path) ? path : join(dirname(file), path);
}

/** undefined: it is no UTF-8, and that is reported. Rejects where it can't be read. */
export async function readText(
  file: string,
  report: (problem: RuleProblem) => void,
): Promise<string | undefined> {
  const bytes = await readFile(file);
  const text = decodeUtf8(bytes);
  if (text !== undefined) return text;
  const { line, column, byte } = badByte(bytes);
  report({
    file,
    line,
    column,
    code: 'not-utf8',
    message: 'this file is not valid UTF-8',
    found: `a byte 0x${byte.toString(16)}`,
    expected: 'text in UTF-8',
    severity: 'error',
  });
  return undefined;
}

function decodeUtf8(bytes: Uint8Array, stream = false): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream });
  } catch {
    return undefined;
  }
}

/** The end of the longest beginning that is good, found by halving. */
function badByte(bytes: Uint8Array): { line: number; column: number; byte: number } {
  let good = 0;
  let bad = bytes.length - 1;
  while (good < bad) {
    const middle = (good + bad + 1) >> 1;
    if (decodeUtf8(bytes.subarray(0, middle), true) === undefined) bad = middle - 1;
    else good = middle;
  }
  // A byte that begins a character is good until the next one shows otherwise.
  while (good > 0 && decodeUtf8(bytes.subarray(0, good)) === undefined) good--;
  const lines = Buffer.from(bytes.subarray(0, good)).toString().split('\n');
  return { line: lines.length, column: (lines.at(-1) ?? '').length + 1, byte: bytes[good] ?? 0 };
}
