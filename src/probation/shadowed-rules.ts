// A rule set that is not trusted, held to what a trusted one denies. Its new and changed deny rules are in shadow mode;
// the trusted set's deny rules that it no longer has as they were deny what those would deny, too; an allow that it no
// longer has stays. So nothing is denied that the trusted set does not deny, and nothing that the new one does not. All
// else (allow, alert, tag, every notify rule) is as new.
import { ruleText } from '../config/rule-changes.ts';
import type { Trigger } from '../events/triggers.ts';
import {
  type Condition,
  type NamedConditions,
  type RootCondition,
  referencesOf,
} from '../rules/conditions.ts';
import type { RuleDefinition, RuleSet } from '../rules/schema.ts';

export const NO_RULES: RuleSet = { rules: [], conditions: {}, lists: {} };

export interface ShadowedRules {
  readonly ruleSet: RuleSet;
  /** Deny rules that are now in shadow mode. */
  readonly shadowed: readonly string[];
}

/** Each pair of an old and a new rule is a condition to compile; beyond, only rules of one name are held together. */
const PAIRS_MAX = 4_096;

export function shadowedRules(ruleSet: RuleSet, trusted: RuleSet): ShadowedRules {
  const before = new Set(trusted.rules.map((rule) => fullText(rule, trusted)));
  const after = new Set(ruleSet.rules.map((rule) => fullText(rule, ruleSet)));
  const isNew = (rule: RuleDefinition): boolean => !before.has(fullText(rule, ruleSet));
  const isGone = (rule: RuleDefinition): boolean => !after.has(fullText(rule, trusted));

  const fresh = new Set(ruleSet.rules.filter((rule) => enforces(rule, 'deny') && isNew(rule)));
  const { rename, conditions } = apart(trusted, ruleSet);
  const gone = trusted.rules
    .filter(isGone)
    .map((rule) => ({ ...rule, conditions: renamed(rule.conditions, rename) as RootCondition }));
  const denies = gone.filter((rule) => enforces(rule, 'deny'));
  const pairs = denies.length * fresh.size;
  const held = denies.flatMap((old) =>
    commonParts(
      old,
      [...fresh].filter((rule) => pairs <= PAIRS_MAX || rule.name === old.name),
    ),
  );
  const rules = ruleSet.rules.map((rule) => (fresh.has(rule) ? { ...rule, mode: 'shadow' as const } : rule));
  return {
    ruleSet: {
      ...ruleSet,
      rules: [...rules, ...held, ...gone.filter((rule) => enforces(rule, 'allow'))],
      conditions: { ...ruleSet.conditions, ...conditions },
    },
    shadowed: [...fresh].map(({ name }) => name),
  };
}

export function enforces({ mode, event }: RuleDefinition, type: 'deny' | 'allow'): boolean {
  return mode === 'enforce' && event.type === type;
}

/** The old rule where one of the new ones matches, too; by the lower priority, so that an allow above either is above. */
function commonParts(old: RuleDefinition, fresh: readonly RuleDefinition[]): RuleDefinition[] {
  return old.on.flatMap((trigger) => {
    const byPriority = new Map<number, RootCondition[]>();
    for (const rule of fresh) {
      if (!isWhereverOld(rule, trigger, old)) continue;
      const priority = Math.min(rule.priority, old.priority);
      byPriority.set(priority, [...(byPriority.get(priority) ?? []), rule.conditions]);
    }
    return [...byPriority].map(([priority, any]) => ({
      ...old,
      on: [trigger],
      priority,
      conditions: { all: [old.conditions, { any }] },
    }));
  });
}

function isWhereverOld(rule: RuleDefinition, trigger: Trigger, old: RuleDefinition): boolean {
  return rule.on.includes(trigger) && old.platforms.every((platform) => rule.platforms.includes(platform));
}

type Rename = (name: string) => string;

/** The trusted set's named conditions under names that the other set does not have. */
function apart(trusted: RuleSet, other: RuleSet): { rename: Rename; conditions: NamedConditions } {
  let prefix = 'before ';
  while (Object.keys(other.conditions).some((name) => name.startsWith(prefix))) prefix += '~';
  const rename: Rename = (name) => prefix + name;
  const conditions = Object.entries(trusted.conditions).map(([name, condition]) => [
    rename(name),
    renamed(condition, rename),
  ]);
  return { rename, conditions: Object.fromEntries(conditions) };
}

function renamed(condition: Condition, rename: Rename): Condition {
  if ('fact' in condition) return condition;
  if ('condition' in condition) return { ...condition, condition: rename(condition.condition) };
  if ('not' in condition) return { ...condition, not: renamed(condition.not, rename) };
  const each = (parts: readonly Condition[]): Condition[] => parts.map((part) => renamed(part, rename));
  if ('all' in condition) return { ...condition, all: each(condition.all) };
  return { ...condition, any: each(condition.any) };
}

/** What a rule does, with the named conditions that it reaches. */
function fullText(rule: RuleDefinition, { conditions: named }: RuleSet): string {
  const reached = new Set<string>();
  const next = referencesOf(rule.conditions);
  for (let name = next.pop(); name !== undefined; name = next.pop()) {
    if (reached.has(name)) continue;
    reached.add(name);
    next.push(...referencesOf(named[name]));
  }
  return ruleText(
    rule,
    [...reached].sort().map((name) => [name, named[name]]),
  );
}
