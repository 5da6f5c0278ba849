// The order in which a rule file's keys are written: who and when, why, what, and its tests.

import { isMap, isPair, isScalar, isSeq, type YAMLMap } from 'yaml';

const FILE = ['platforms', 'conditions', 'lists', 'rules', 'exceptions'];
const LIST = ['type', 'file', 'values'];
const EXCEPTION = ['rule', 'name', 'reason', 'expires', 'conditions'];
const RULE = [
  'name',
  'on',
  'platforms',
  'mode',
  'description',
  'severity',
  'priority',
  'tags',
  'references',
  'false_positives',
  'falsepositives',
  'conditions',
  'event',
  'tests',
];
const EVENT = ['type', 'params'];
const PARAMS = ['message', 'tags'];
const TEST = ['name', 'on', 'given', 'expect'];
const CONDITION = ['name', 'priority', 'all', 'any', 'not', 'condition', 'fact', 'path', 'operator', 'value'];

/** Puts the keys of a whole file in order; what is no rule file stays as it is. */
export function orderKeys(contents: unknown): void {
  if (isMap(contents)) {
    order(contents, FILE);
    const conditions = contents.get('conditions', true);
    if (isMap(conditions)) for (const { value } of conditions.items) orderCondition(value);
    const lists = contents.get('lists', true);
    if (isMap(lists)) for (const { value } of lists.items) if (isMap(value)) order(value, LIST);
    orderRules(contents.get('rules', true));
    orderExceptions(contents.get('exceptions', true));
  } else orderRules(contents);
}

/** The lists of a file whose entries stand apart: rules, and exceptions from them. */
export function entriesOf(contents: unknown): readonly unknown[] {
  return isMap(contents) ? ['rules', 'exceptions'].map((key) => contents.get(key, true)) : [contents];
}

function orderRules(rules: unknown): void {
  if (!isSeq(rules)) return;
  for (const rule of rules.items) {
    if (!isMap(rule)) continue;
    order(rule, RULE);
    orderCondition(rule.get('conditions', true));
    const event = rule.get('event', true);
    if (isMap(event)) {
      order(event, EVENT);
      const params = event.get('params', true);
      if (isMap(params)) order(params, PARAMS);
    }
    const tests = rule.get('tests', true);
    if (isSeq(tests)) for (const test of tests.items) if (isMap(test)) order(test, TEST);
  }
}

function orderExceptions(exceptions: unknown): void {
  if (!isSeq(exceptions)) return;
  for (const exception of exceptions.items) {
    if (!isMap(exception)) continue;
    order(exception, EXCEPTION);
    orderCondition(exception.get('conditions', true));
  }
}

function orderCondition(condition: unknown): void {
  if (!isMap(condition)) return;
  order(condition, CONDITION);
  for (const kind of ['all', 'any']) {
    const parts = condition.get(kind, true);
    if (isSeq(parts)) for (const part of parts.items) orderCondition(part);
  }
  orderCondition(condition.get('not', true));
}

/** Keys that are not known stay behind the others, in the order in which they stand. */
function order(map: YAMLMap, keys: readonly string[]): void {
  const rank = ({ key }: { readonly key: unknown }): number => {
    const at = keys.indexOf(isScalar(key) ? String(key.value) : '');
    return at === -1 ? keys.length : at;
  };
  const [first] = map.items;
  map.items.sort((a, b) => rank(a) - rank(b));
  // What stood before the first key stands before the map's first line, whichever key is now there.
  const [now] = map.items;
  if (isPair(first) && isPair(now) && first !== now && isScalar(first.key) && isScalar(now.key)) {
    now.key.spaceBefore = first.key.spaceBefore ?? false;
    first.key.spaceBefore = false;
  }
}
