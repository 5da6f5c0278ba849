// `rules check --fix`: what is beyond doubt is mended, again and again until nothing is left of it, since what is right
// lets more be seen. A fix that would break a file's syntax is not made.

import { findIn } from '../check/check.ts';
import { applyIgnores } from '../check/ignores.ts';
import { type FoundRules, parseFound } from '../load.ts';
import type { RuleProblem } from '../rule-problem.ts';
import type { RuleText } from '../rule-text.ts';
import { applySplices, fixableText } from './splices.ts';

export interface FixedRules {
  /** All files, with those that changed. */
  readonly texts: readonly RuleText[];
  /** What was mended, with the place where it stood then. */
  readonly fixed: readonly RuleProblem[];
}

// Each round leaves less to mend; this many are never needed.
const ROUNDS_MAX = 12;

export function fixRules(found: FoundRules): FixedRules {
  let texts = found.texts;
  const fixed: RuleProblem[] = [];
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const problems = fixable({ ...found, texts });
    const before = texts;
    texts = texts.map((text) => {
      const own = problems.filter(({ file }) => file === text.file);
      const mended = own.length === 0 || text.isList ? undefined : mend(text.text, own);
      if (mended === undefined) return text;
      fixed.push(...mended.fixed);
      return { ...text, text: mended.text };
    });
    if (texts.every(({ text }, index) => text === before[index]?.text)) break;
  }
  return { texts, fixed };
}

/** Ignored findings are meant. */
export function fixable(found: FoundRules): readonly RuleProblem[] {
  const loaded = parseFound(found);
  const all = [...loaded.problems, ...findIn(loaded)];
  return applyIgnores(all, found.texts, false).filter(({ fix }) => fix !== undefined);
}

function mend(
  text: string,
  problems: readonly RuleProblem[],
): { readonly text: string; readonly fixed: readonly RuleProblem[] } | undefined {
  const source = fixableText(text);
  if (source === undefined) return undefined;
  const wanted = problems
    .flatMap((problem) => {
      const splice = source.spliceFor(problem);
      return splice === undefined ? [] : [{ problem, splice }];
    })
    .sort((a, b) => a.splice.from - b.splice.from);
  let end = -1;
  // Of two that touch each other the next round sees the second again.
  const chosen = wanted.filter(({ splice }) => {
    const isFree = splice.from > end;
    if (isFree) end = splice.to;
    return isFree;
  });
  const result = applySplices(
    text,
    chosen.map(({ splice }) => splice),
  );
  if (chosen.length === 0 || fixableText(result) === undefined) return undefined;
  return { text: result, fixed: chosen.map(({ problem }) => problem) };
}
