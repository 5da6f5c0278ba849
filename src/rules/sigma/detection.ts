// The search identifiers of a Sigma rule: maps (and), lists (or), fields with modifiers, keywords.

import type { Place } from '../rule-document.ts';
import { textOfUtf16 } from './modifier-values.ts';
import { applyModifier, LIST_MODIFIERS, unknownModifier, VALUE_MODIFIERS } from './modifiers.ts';
import type { PlaceholderLists } from './placeholders.ts';
import { mapAll, SigmaError } from './sigma-error.ts';
import { parseTextPattern } from './text-pattern.ts';
import type { SigmaValue } from './value.ts';
import { describeTree, type MapTree, type ScalarTree, type Tree } from './yaml-tree.ts';

/** One field, or the whole event, against values. */
export interface FieldTest {
  readonly kind: 'test';
  /** undefined: keywords, looked for in the whole event. */
  readonly field: string | undefined;
  readonly linking: 'any' | 'all';
  readonly isNegated: boolean;
  readonly values: readonly { readonly value: SigmaValue; readonly place: Place }[];
  readonly place: Place;
}

export type Detection = { readonly kind: 'all' | 'any'; readonly parts: readonly Detection[] } | FieldTest;

export type Detections = ReadonlyMap<string, Detection>;

/** @param reserved keys of the map that are no search identifiers */
export function parseDetections(
  tree: MapTree,
  reserved: readonly string[],
  lists: PlaceholderLists,
): Detections {
  const named = [...tree.entries.values()].filter(({ key }) => !reserved.includes(key));
  const detections: Detections = new Map(
    mapAll(named, ({ key, keyPlace, tree: part }) => [key, parseDetection(part, keyPlace, lists)] as const),
  );
  if (detections.size === 0) {
    throw new SigmaError('detection', tree.place, 'nothing is searched for: there is no search identifier', {
      expected: 'one at least, beside `condition`',
    });
  }
  return detections;
}

function parseDetection(tree: Tree, place: Place, lists: PlaceholderLists): Detection {
  if (tree.kind === 'map') {
    if (tree.entries.size === 0) throw empty(tree.place);
    const parts = mapAll(tree.entries.values(), (entry) =>
      parseField(entry.key, entry.keyPlace, entry.tree, lists),
    );
    return { kind: 'all', parts };
  }
  if (tree.kind === 'list') {
    if (tree.items.length === 0) throw empty(place);
    if (tree.items.every((item) => item.kind === 'scalar')) return parseField('', place, tree, lists);
    return { kind: 'any', parts: mapAll(tree.items, (item) => parseDetection(item, item.place, lists)) };
  }
  if (tree.value === null) throw empty(place);
  return parseField('', place, tree, lists);
}

function empty(place: Place): SigmaError {
  return new SigmaError('detection', place, 'this search identifier is empty', {
    expected: 'fields with their values, or keywords',
  });
}

function parseField(key: string, place: Place, tree: Tree, lists: PlaceholderLists): FieldTest {
  const [name = '', ...modifiers] = key.split('|');
  const field = name === '' ? undefined : name;
  for (const modifier of modifiers) {
    if (!VALUE_MODIFIERS.has(modifier) && !LIST_MODIFIERS.has(modifier))
      throw unknownModifier(modifier, place);
  }
  const scalars = scalarsOf(tree, key);
  const isAll = modifiers.includes('all');
  // A list of one is clear all the same, and a keyword may stand alone.
  if (isAll && tree.kind === 'scalar' && field !== undefined) {
    throw new SigmaError('modifier', place, '`all` joins several values, and this is one', {
      found: 'one value',
      expected: 'a list, or no `all`',
    });
  }
  const values = mapAll(scalars, (scalar) => {
    if (scalar.value === null && scalars.length > 1) {
      throw new SigmaError('value', scalar.place, '`null` inside a list is not valid', {
        expected: 'a search identifier of its own for null',
      });
    }
    return { value: modified(scalar, field, modifiers, lists), place: scalar.place };
  });
  if (field === undefined && values.some(({ value }) => value.kind === 'null')) {
    throw new SigmaError('value', place, 'a keyword is text, and this is null');
  }
  if (values.length > 1 && values.some(({ value }) => value.kind === 'exists')) {
    throw new SigmaError('modifier', place, '`exists` takes one value', {
      found: 'a list',
      expected: 'true or false',
    });
  }
  return {
    kind: 'test',
    field,
    linking: isAll ? 'all' : 'any',
    isNegated: modifiers.filter((modifier) => modifier === 'neq').length % 2 === 1,
    values,
    place,
  };
}

function scalarsOf(tree: Tree, key: string): readonly ScalarTree[] {
  if (tree.kind === 'scalar') return [tree];
  if (tree.kind === 'map') {
    throw new SigmaError('detection', tree.place, `\`${key}\` is compared with a map`, {
      found: 'a map',
      expected: 'a value or a list of values',
    });
  }
  if (tree.items.length === 0) {
    throw new SigmaError('detection', tree.place, `\`${key}\` is compared with no value at all`, {
      found: 'an empty list',
      expected: 'at least one value',
    });
  }
  return tree.items.map((item) => {
    if (item.kind === 'scalar') return item;
    throw new SigmaError('detection', item.place, `a value of \`${key}\` is one text or number`, {
      found: describeTree(item),
    });
  });
}

function modified(
  { value, place }: ScalarTree,
  field: string | undefined,
  modifiers: readonly string[],
  lists: PlaceholderLists,
): SigmaValue {
  let current: SigmaValue =
    value === null
      ? { kind: 'null' }
      : typeof value === 'boolean'
        ? { kind: 'boolean', value }
        : typeof value === 'string'
          ? { kind: 'text', pattern: parseTextPattern(value), isCased: false, source: value }
          : { kind: 'number', value };
  for (const [index, modifier] of modifiers.entries()) {
    if (LIST_MODIFIERS.has(modifier)) continue;
    const applied = modifiers.slice(0, index);
    current = applyModifier(modifier, current, { lists, field, place, applied });
  }
  return withoutBytes(current, place);
}

function withoutBytes(value: SigmaValue, place: Place): SigmaValue {
  if (value.kind === 'bytes') return textOfUtf16(value.bytes, { place });
  if (value.kind !== 'alternatives') return value;
  return { ...value, values: value.values.map((one) => withoutBytes(one, place)) };
}
