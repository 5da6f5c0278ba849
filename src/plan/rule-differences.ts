// Which rules of one set are those of another: the same, changed (and in what), renamed, or only in one of them.

import { createHash } from 'node:crypto';
import type { Condition, NamedConditions } from '../rules/conditions.ts';
import type { RuleDefinition, RuleSet } from '../rules/schema.ts';

export interface RuleDifferences {
  readonly came: readonly string[];
  readonly went: readonly string[];
  /** Nothing but the name is another. */
  readonly renamed: readonly { readonly from: string; readonly to: string }[];
  readonly changed: readonly { readonly rule: string; readonly what: readonly string[] }[];
}

export function ruleDifferences(before: RuleSet, after: RuleSet): RuleDifferences {
  const old = new Map(before.rules.map((rule) => [rule.name, rule]));
  const now = new Map(after.rules.map((rule) => [rule.name, rule]));
  const gone = new Map(
    [...old.values()]
      .filter(({ name }) => !now.has(name))
      .map((rule) => [textOf(rule, before.conditions), rule.name]),
  );
  const came: string[] = [];
  const renamed: { from: string; to: string }[] = [];
  for (const rule of now.values()) {
    if (old.has(rule.name)) continue;
    const text = textOf(rule, after.conditions);
    const from = gone.get(text);
    if (from === undefined) came.push(rule.name);
    else {
      gone.delete(text);
      renamed.push({ from, to: rule.name });
    }
  }
  const isRenamed = new Set(renamed.map(({ from }) => from));
  const changed = [...now.values()].flatMap((rule) => {
    const earlier = old.get(rule.name);
    const what = earlier === undefined ? [] : whatChanged(earlier, before.conditions, rule, after.conditions);
    return what.length === 0 ? [] : [{ rule: rule.name, what }];
  });
  const went = [...old.keys()].filter((name) => !now.has(name) && !isRenamed.has(name));
  return { came, went, renamed, changed };
}

/** What a rule was called in the set before; undefined: it was not in it. */
export function earlierNames({ came, renamed }: RuleDifferences): (name: string) => string | undefined {
  const isNew = new Set(came);
  const from = new Map(renamed.map((one) => [one.to, one.from]));
  return (name) => (isNew.has(name) ? undefined : (from.get(name) ?? name));
}

export function isSameRules({ came, went, renamed, changed }: RuleDifferences): boolean {
  return came.length + went.length + renamed.length + changed.length === 0;
}

function whatChanged(
  old: RuleDefinition,
  oldNamed: NamedConditions,
  rule: RuleDefinition,
  named: NamedConditions,
): string[] {
  const what: string[] = [];
  const compare = (name: string, from: unknown, to: unknown): void => {
    if (String(from) !== String(to)) what.push(`${name} ${from} → ${to}`);
  };
  if (conditionText(old.conditions, oldNamed) !== conditionText(rule.conditions, named))
    what.push('conditions');
  compare('on', old.on.join(', '), rule.on.join(', '));
  compare('platforms', old.platforms.join(', '), rule.platforms.join(', '));
  compare('mode', old.mode, rule.mode);
  compare('priority', old.priority, rule.priority);
  compare('event', old.event.type, rule.event.type);
  compare('severity', old.severity, rule.severity);
  return what;
}

function textOf(
  { conditions, on, platforms, mode, priority, event }: RuleDefinition,
  named: NamedConditions,
) {
  return JSON.stringify([conditionText(conditions, named), on, platforms, mode, priority, event.type]);
}

/** What a condition says: named conditions written out, labels left away. */
function conditionText(condition: Condition, named: NamedConditions): string {
  return JSON.stringify(plain(condition), (_, part: unknown) =>
    typeof part === 'bigint' ? `${part}n` : part,
  );
  function plain(part: Condition): unknown {
    if ('all' in part) return { all: part.all.map(plain) };
    if ('any' in part) return { any: part.any.map(plain) };
    if ('not' in part) return { not: plain(part.not) };
    if ('condition' in part) {
      const target = named[part.condition];
      return target === undefined ? part : plain(target);
    }
    const { fact, path, operator, value } = part;
    return { fact, path, operator, value: Array.isArray(value) ? listText(value) : value };
  }
}

const SHORT_LIST = 64;
const digests = new WeakMap<object, string>();

/** A list of 100,000 values, which many rules may share, is read once. */
function listText(values: readonly unknown[]): unknown {
  if (values.length <= SHORT_LIST) return values;
  let digest = digests.get(values);
  if (digest === undefined) {
    digest = createHash('sha256')
      .update(JSON.stringify(values.map(String)))
      .digest('hex');
    digests.set(values, digest);
  }
  return { digest };
}
