// What a rule costs at worst. Linear time alone is no bound: it is the length of a text times the size of a pattern.

import {
  type Condition,
  isFactReference,
  type Leaf,
  type NamedConditions,
  visitLeaves,
} from './conditions.ts';
import { parseOperatorName } from './decorators.ts';
import { factName } from './fact-access.ts';
import { SHORT_LIST } from './list-search.ts';
import { literalsOf } from './pattern-literals.ts';
import { LANE_TEXT_MAX, patternOf } from './patterns.ts';
import { needsReferee } from './predicate.ts';
import { describeValue } from './rule-problem.ts';

export interface WorstCase {
  /**
   * Steps of some nanoseconds each, if every condition is evaluated and every text is as long as the auth lane lets one
   * be (8,192 characters; the event lane has no such bound, and its time grows with the text). A regular expression takes
   * one for each character and instruction, a search one for each character, a comparison one.
   */
  readonly steps: number;
  /** The condition that most of them are for: `process.command_line matches "(a|b)+c"`. Empty: the rule has none. */
  readonly costliest: string;
}

/** json-rules-engine's own expressions and promises; no bound is known, and it is kept off the auth lane. */
const REFEREED = 1_000_000;

export function worstCaseOf(rule: { readonly conditions: Condition }, named: NamedConditions): WorstCase {
  let steps = 0;
  let most = 0;
  let costliest = '';
  const counted = new Set<Leaf>();
  visitLeaves(rule.conditions, named, (leaf) => {
    // A leaf of a named condition under `not` and beside it is evaluated once.
    if (counted.has(leaf)) return;
    counted.add(leaf);
    const own = stepsOf(leaf);
    steps += own;
    if (own <= most) return;
    most = own;
    costliest = describe(leaf);
  });
  return { steps, costliest };
}

function stepsOf(leaf: Leaf): number {
  if (needsReferee(leaf)) return REFEREED;
  const { decorators, operator } = parseOperatorName(leaf.operator);
  const { value } = leaf;
  const folding = decorators.includes('ignoreCase') ? LANE_TEXT_MAX : 0;
  if (isFactReference(value)) return folding + LANE_TEXT_MAX;
  const values = [value].flat();
  switch (operator) {
    case 'matches':
      return values.reduce<number>((sum, one) => sum + stepsOfPattern(one, folding > 0), 0);
    case 'includes':
      return folding + LANE_TEXT_MAX * (values.length > SHORT_LIST ? 1 : values.length);
    case 'startsWith':
    case 'endsWith':
    case 'inCidr':
      return folding + Math.min(values.length, SHORT_LIST);
    case 'contains':
    case 'doesNotContain':
      // A list of the event is as long in all as a text may be.
      return folding + LANE_TEXT_MAX;
    default:
      return folding + 1;
  }
}

function stepsOfPattern(pattern: unknown, ignoreCase: boolean): number {
  if (typeof pattern !== 'string') return 0;
  const literals = literalsOf(pattern, ignoreCase);
  if (literals?.isExact && !literals.isFolded)
    return LANE_TEXT_MAX * literals.required.reduce((sum, { texts }) => sum + texts.length, 0);
  return LANE_TEXT_MAX * patternOf(pattern, ignoreCase).programSize;
}

function describe({ fact, path, operator, value }: Leaf): string {
  const other = isFactReference(value)
    ? factName(value.fact, value.path)
    : Array.isArray(value)
      ? `a list of ${value.length}`
      : describeValue(value);
  return `${factName(fact, path)} ${operator} ${other}`;
}
