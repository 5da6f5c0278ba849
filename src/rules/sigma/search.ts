// What a rule searches for: its search identifiers and the condition over them.

import type { Place } from '../rule-document.ts';
import { parseSigmaCondition, type SigmaCondition } from './condition-grammar.ts';
import { type Detection, type Detections, parseDetections } from './detection.ts';
import type { SigmaRule } from './document.ts';
import type { PlaceholderLists } from './placeholders.ts';
import { joinErrors, mapAll, SigmaError } from './sigma-error.ts';
import { namesIn } from './to-conditions.ts';
import { describeTree, get, type MapTree } from './yaml-tree.ts';

export interface Search {
  readonly detections: Detections;
  readonly conditions: readonly { readonly condition: SigmaCondition; readonly place: Place }[];
}

/** Throws SigmaError. */
export function parseSearch(rule: SigmaRule, lists: PlaceholderLists): Search {
  const { detection } = rule;
  // Of the old aggregations, which are refused by their condition.
  const [detections, parsed] = both(
    () => parseDetections(detection, ['condition', 'timeframe'], lists),
    () => parseConditions(detection),
  );
  const conditions = mapAll(parsed, (one) => {
    namesIn(one.condition, detections, one.place);
    return one;
  });
  return { detections, conditions };
}

/** Two things that may each be wrong. */
function both<First, Second>(first: () => First, second: () => Second): readonly [First, Second] {
  let result: First;
  try {
    result = first();
  } catch (error) {
    if (!(error instanceof SigmaError)) throw error;
    try {
      second();
    } catch (other) {
      if (other instanceof SigmaError) throw joinErrors(error, [other]);
      throw other;
    }
    throw error;
  }
  return [result, second()];
}

function parseConditions(detection: MapTree): Search['conditions'] {
  const tree = get(detection, 'condition');
  if (tree === undefined) {
    throw new SigmaError('condition', detection.place, 'the key `condition` is missing', {
      expected: 'a condition',
    });
  }
  const items = tree.kind === 'list' ? tree.items : [tree];
  if (items.length === 0) throw new SigmaError('condition', tree.place, 'the list of conditions is empty');
  return mapAll(items, (item) => {
    if (item.kind !== 'scalar' || item.value === null) {
      throw new SigmaError('condition', item.place, 'a condition is text', { found: describeTree(item) });
    }
    const condition = parseSigmaCondition(String(item.value), item.place, item.placeAt);
    return { condition, place: item.place };
  });
}

export interface SearchWarning {
  readonly code: `sigma-${string}`;
  readonly place: Place;
  readonly message: string;
}

/** What is no mistake and hardly meant. */
export function warningsOf(search: Search): readonly SearchWarning[] {
  return [...unusedIn(search), ...[...search.detections.values()].flatMap(allOfOne)];
}

function allOfOne(detection: Detection): readonly SearchWarning[] {
  if (detection.kind !== 'test') return detection.parts.flatMap(allOfOne);
  const { field, linking, values, place } = detection;
  if (field === undefined || linking === 'any' || values.length > 1) return [];
  return [{ code: 'sigma-all-of-one', place, message: '`all` joins several values, and this list has one' }];
}

/** Search identifiers that the condition forgets. */
function unusedIn({ detections, conditions }: Search): readonly SearchWarning[] {
  const used = new Set(
    conditions.flatMap(({ condition, place }) => [...namesIn(condition, detections, place)]),
  );
  const [first] = conditions;
  return [...detections.keys()]
    .filter((name) => !used.has(name) && first !== undefined)
    .map((name) => ({
      code: 'sigma-unused',
      place: first?.place ?? { file: '', line: 0, column: 0 },
      message: `\`${name}\` is defined, and the condition does not use it`,
    }));
}
