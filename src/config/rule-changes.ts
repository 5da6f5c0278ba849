// What a reload changed, for the log: which rules came, which went, which are another than before, and what else.
import { hashOfList, namedListOf } from '../rules/named-lists.ts';
import type { RuleDefinition, RuleSet } from '../rules/schema.ts';

export interface RuleChanges {
  readonly came: readonly string[];
  readonly went: readonly string[];
  /** In what they say themselves. */
  readonly changed: readonly string[];
  /** Rules with other exceptions than before, or with one that has expired. */
  readonly excepted: readonly string[];
  /** Named lists that came, went, or hold other values. */
  readonly lists: readonly string[];
  /** Named conditions, on which rules depend without being different themselves. */
  readonly isSurroundingChanged: boolean;
}

export function ruleChanges(before: RuleSet, after: RuleSet): RuleChanges {
  const old = new Map(before.rules.map((rule) => [rule.name, rule]));
  const names = new Set(after.rules.map((rule) => rule.name));
  const stayed = after.rules.flatMap((rule) => {
    const earlier = old.get(rule.name);
    return earlier === undefined ? [] : [{ rule, earlier }];
  });
  const changed = stayed.filter(({ rule, earlier }) => ownText(rule) !== ownText(earlier));
  const excepted = stayed.filter(({ rule, earlier }) => exceptionText(rule) !== exceptionText(earlier));
  return {
    came: [...names].filter((name) => !old.has(name)),
    went: [...old.keys()].filter((name) => !names.has(name)),
    changed: changed.map(({ rule }) => rule.name),
    excepted: excepted.map(({ rule }) => rule.name),
    lists: changedLists(before.lists, after.lists),
    isSurroundingChanged: stringify(before.conditions, byName) !== stringify(after.conditions, byName),
  };
}

export function isUnchanged(changes: RuleChanges): boolean {
  const { came, went, changed, excepted, lists, isSurroundingChanged } = changes;
  return [came, went, changed, excepted, lists].every(({ length }) => length === 0) && !isSurroundingChanged;
}

export function describeChanges(changes: RuleChanges): string {
  const { came, went, changed, excepted, lists, isSurroundingChanged } = changes;
  const part = (verb: string, names: readonly string[]): string[] =>
    names.length === 0 ? [] : [`${verb}: ${names.join(', ')}`];
  return [
    ...part('came', came),
    ...part('went', went),
    ...part('changed', changed),
    ...part('exceptions changed of', excepted),
    ...part('lists changed', lists),
    ...(isSurroundingChanged ? ['named conditions changed'] : []),
  ].join('; ');
}

/**
 * What the rule does, its exceptions and the values of lists included: its tests and where it stands in the file do not
 * count. `more` is what else it depends on.
 */
export function ruleText(rule: RuleDefinition, more?: unknown): string {
  const { tests: _tests, place: _place, own: _own, exceptions: _exceptions, ...rest } = rule;
  return stringify([rest, more], byValues);
}

function ownText(rule: RuleDefinition): string {
  const { tests: _tests, place: _place, conditions: _conditions, exceptions: _exceptions, ...rest } = rule;
  return stringify(rest, byName);
}

function exceptionText({ own, conditions, exceptions }: RuleDefinition): string {
  const written = exceptions.map(({ place: _place, ...exception }) => exception);
  // What the effective condition has beside the rule's own are those that hold.
  const holding = conditions !== own && 'all' in conditions ? conditions.all.slice(1) : [];
  return stringify([written, holding], byName);
}

function changedLists(before: RuleSet['lists'], after: RuleSet['lists']): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter(
    (name) => stringify(before[name] ?? null, byValues) !== stringify(after[name] ?? null, byValues),
  );
}

type TextOfList = (list: NonNullable<ReturnType<typeof namedListOf>>) => unknown;

const byName: TextOfList = ({ name }) => ({ list: name });
const byValues: TextOfList = (list) => ({ list: hashOfList(list) });

/** A named list stands there as one word: rules by the hundred may use one of a hundred thousand values. */
function stringify(value: unknown, textOfList: TextOfList): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === 'bigint') return `${part}n`;
    const list = namedListOf(part);
    return list === undefined ? part : textOfList(list);
  });
}
