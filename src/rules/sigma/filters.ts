// Sigma's filters: documents that take matches away from rules which they name.

import type { Place } from '../rule-document.ts';
import { parseSigmaCondition, type SigmaCondition } from './condition-grammar.ts';
import { type Detections, parseDetections } from './detection.ts';
import type { SigmaFilter, SigmaRule } from './document.ts';
import { covers } from './logsource.ts';
import type { PlaceholderLists } from './placeholders.ts';
import { SigmaError } from './sigma-error.ts';
import { namesIn } from './to-conditions.ts';
import { describeTree, get, type Tree } from './yaml-tree.ts';

export interface AppliedFilter {
  readonly detections: Detections;
  readonly condition: SigmaCondition;
  readonly place: Place;
  /** The events of which the condition is true are taken away; false: they alone are left. */
  readonly excludes: boolean;
}

/** A filter that has been read, or why it can't be: then no rule that it is for may be imported without it. */
export type ParsedFilter = {
  readonly document: SigmaFilter;
  /** Ids and names of rules; undefined: every rule of the log source. */
  readonly rules: readonly string[] | undefined;
} & ({ readonly filter: AppliedFilter } | { readonly error: SigmaError });

export function parseFilter(document: SigmaFilter, lists: PlaceholderLists): ParsedFilter {
  const { filter } = document;
  const rules = rulesOf(get(filter, 'rules'), filter.place);
  try {
    const detections = parseDetections(filter, ['rules', 'condition'], lists);
    const tree = get(filter, 'condition');
    if (tree?.kind !== 'scalar' || typeof tree.value !== 'string') {
      throw new SigmaError('filter', tree?.place ?? filter.place, 'a filter has one condition', {
        found: describeTree(tree),
        expected: 'text',
      });
    }
    const condition = parseSigmaCondition(tree.value, tree.place, tree.placeAt);
    namesIn(condition, detections, tree.place);
    const excludes = excludesMatches(condition, tree.place);
    return { document, rules, filter: { detections, condition, place: tree.place, excludes } };
  } catch (error) {
    if (!(error instanceof SigmaError)) throw error;
    return { document, rules, error };
  }
}

function rulesOf(tree: Tree | undefined, around: Place): readonly string[] | undefined {
  const fail = (): never => {
    throw new SigmaError('filter', tree?.place ?? around, 'a filter says for which rules it is', {
      found: describeTree(tree),
      expected: '`rules:` with any, all, or ids and names of rules',
    });
  };
  if (tree === undefined || tree.kind === 'map') return fail();
  const items = tree.kind === 'list' ? tree.items : [tree];
  const names = items.map((item) =>
    item.kind === 'scalar' && item.value !== null ? String(item.value) : fail(),
  );
  const [first] = names;
  if (first === undefined) return undefined;
  return tree.kind === 'scalar' && /^(?:any|all)$/i.test(first) ? undefined : names;
}

/**
 * The specification's own example names what is taken away (`condition: selection`); pySigma, and the filters that
 * people write for it, joins the condition to the rule's by `and` (`condition: not selection`). Each form is read in
 * the only way in which it makes sense. A condition that mixes both could mean either.
 */
function excludesMatches(condition: SigmaCondition, place: Place): boolean {
  if (isNegative(condition)) return false;
  if (!hasNot(condition)) return true;
  throw new SigmaError('filter', place, 'what this filter takes away can be read in two ways', {
    found: '`not` inside of the condition',
    expected: '`not (…)` around all of it, or no `not` at all',
  });
}

function isNegative(condition: SigmaCondition): boolean {
  if (condition.kind === 'not') return true;
  return condition.kind === 'and' && condition.parts.every(isNegative);
}

function hasNot(condition: SigmaCondition): boolean {
  if (condition.kind === 'not') return true;
  return 'parts' in condition && condition.parts.some(hasNot);
}

export function isFor({ document, rules }: ParsedFilter, rule: SigmaRule): boolean {
  if (!covers(document.logsource, rule.logsource)) return false;
  if (rules === undefined) return true;
  return rules.some((name) => name === rule.id || name === rule.name || name === rule.title);
}
