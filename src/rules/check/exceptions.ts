// Exceptions and lists beyond errors: what ends soon, what covers nothing or too much, what nobody uses.

import type { Condition, NamedConditions } from '../conditions.ts';
import { expiryOf, isExpired } from '../exceptions.ts';
import { contradictionIn } from '../logic/contradiction.ts';
import { namedListOf } from '../named-lists.ts';
import type { RuleProblem } from '../rule-problem.ts';
import type { RuleDefinition, RuleException } from '../schema.ts';
import { type CheckContext, warning } from './finding.ts';

/** Time enough for somebody to look whether it is still needed. */
const SOON_MS = 14 * 24 * 60 * 60 * 1000;

export function checkExceptions(context: CheckContext): RuleProblem[] {
  const { rules, nowMs } = context;
  const { listPlaces, usedLists } = context.loaded;
  const ofRules = rules.flatMap((rule) =>
    rule.exceptions
      .filter((exception) => !isExpired(exception, nowMs))
      .flatMap((exception) => [...checkExpiry(exception, nowMs), ...checkCover(exception, rule, context)]),
  );
  const unused = [...listPlaces].filter(([name]) => !usedLists.has(name));
  return [
    // One that is for several rules ends once.
    ...new Map(ofRules.map((problem) => [JSON.stringify(problem), problem])).values(),
    ...unused.map(([name, place]) =>
      warning(place, 'unused-list', `no condition refers to the list \`${name}\``),
    ),
  ];
}

function checkExpiry(exception: RuleException, nowMs: number): RuleProblem[] {
  const expiry = expiryOf(exception);
  if (expiry === undefined || expiry - nowMs > SOON_MS) return [];
  const message = `the exception \`${exception.name}\` ends soon: ${exception.expires}`;
  return [
    warning(exception.place, 'exception-ends-soon', message, 'a later date if it will still be needed'),
  ];
}

function checkCover(
  { name, conditions, place }: RuleException,
  rule: RuleDefinition,
  { loaded: { ruleSet }, forms }: CheckContext,
): RuleProblem[] {
  const named = ruleSet.conditions;
  const demanded = new Set(partsOf(rule.own, named).map(textOf));
  if (partsOf(conditions, named).every((part) => demanded.has(textOf(part)))) {
    const message = `the exception \`${name}\` covers all that ${rule.name} matches: it asks for nothing that the rule does not ask for itself`;
    return [warning(place, 'exception-of-rule', message, 'a condition that holds for some of these events')];
  }
  const own = forms.of(rule.own);
  const isCovering = contradictionIn([own, forms.of(conditions)]) === undefined;
  // Of a rule that matches nothing that is said of the rule.
  if (isCovering || contradictionIn([own]) !== undefined) return [];
  const message = `the exception \`${name}\` covers nothing that ${rule.name} matches: no event satisfies both`;
  return [warning(place, 'exception-of-nothing', message, 'a condition that events of the rule can satisfy')];
}

/** What must hold together. */
function partsOf(condition: Condition, named: NamedConditions): readonly Condition[] {
  if ('all' in condition) return condition.all.flatMap((part) => partsOf(part, named));
  if ('any' in condition && condition.any.length === 1)
    return condition.any.flatMap((part) => partsOf(part, named));
  const target = 'condition' in condition ? named[condition.condition] : undefined;
  return target === undefined ? [condition] : partsOf(target, named);
}

function textOf(condition: Condition): string {
  return JSON.stringify(condition, (key, value: unknown) => {
    if (key === 'name' || key === 'priority') return undefined;
    return typeof value === 'bigint' ? `${value}n` : (namedListOf(value)?.name ?? value);
  });
}
