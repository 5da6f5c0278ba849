// How far the word reaches at which a finding points: a place is where it begins.

import type { RuleProblem } from './rule-problem.ts';

/** The columns of the finding's line that it is about, from 1; the end is behind the last one. */
export function spanOf(
  { column }: Pick<RuleProblem, 'column'>,
  line: string,
): { readonly from: number; readonly to: number } {
  const rest = line.slice(column - 1);
  const word = QUOTED.exec(rest)?.[0] ?? PLAIN.exec(rest)?.[0].trimEnd() ?? '';
  return { from: column, to: column + Math.max(1, word.length) };
}

const QUOTED = /^(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')/;
/** A key ends at its colon; in a flow collection a word ends at the punctuation. */
const PLAIN = /^(?:[^\s,[\]{}:#]|:(?=\S)|(?<=\S)#| (?=[^\s#{}[\],:]+(?:[ ,}\]]|$)))+/;
