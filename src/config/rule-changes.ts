// What a reload changed, for the log: which rules came, which went, which are another than before.
import type { RuleDefinition, RuleSet } from '../rules/schema.ts';

export interface RuleChanges {
  readonly came: readonly string[];
  readonly went: readonly string[];
  readonly changed: readonly string[];
  /** Named conditions or lists, on which rules depend without being different themselves. */
  readonly isSurroundingChanged: boolean;
}

export function ruleChanges(before: RuleSet, after: RuleSet): RuleChanges {
  const old = new Map(before.rules.map((rule) => [rule.name, textOf(rule)]));
  const names = new Set(after.rules.map((rule) => rule.name));
  return {
    came: [...names].filter((name) => !old.has(name)),
    went: [...old.keys()].filter((name) => !names.has(name)),
    changed: after.rules
      .filter((rule) => old.has(rule.name) && old.get(rule.name) !== textOf(rule))
      .map((rule) => rule.name),
    isSurroundingChanged:
      stringify([before.conditions, before.lists]) !== stringify([after.conditions, after.lists]),
  };
}

export function isUnchanged(changes: RuleChanges): boolean {
  const { came, went, changed, isSurroundingChanged } = changes;
  return came.length + went.length + changed.length === 0 && !isSurroundingChanged;
}

export function describeChanges({ came, went, changed, isSurroundingChanged }: RuleChanges): string {
  const part = (verb: string, names: readonly string[]): string[] =>
    names.length === 0 ? [] : [`${verb}: ${names.join(', ')}`];
  const surrounding = isSurroundingChanged ? ['named conditions or lists changed'] : [];
  return [...part('came', came), ...part('went', went), ...part('changed', changed), ...surrounding].join(
    '; ',
  );
}

/** What the rule does: its tests and where it stands in the file do not count. */
function textOf({ tests: _tests, place: _place, ...rule }: RuleDefinition): string {
  return stringify(rule);
}

function stringify(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part));
}
