// What exceptions do to a rule: it holds where its own conditions do, and none of the exceptions that hold at the time.
// An exception allows nothing; it only takes events away from one rule.

import type { RootCondition } from './conditions.ts';
import type { RuleDefinition, RuleException, RuleSet } from './schema.ts';

const DATE = /^\d{4}-\d\d-\d\d$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/;
const DAY_MS = 24 * 60 * 60 * 1000;

/** From when on it no longer holds: the time, or the end of the day, in UTC. undefined: the text is neither. */
export function parseExpiry(text: string): number | undefined {
  const ms = DATE.test(text)
    ? Date.parse(`${text}T00:00:00Z`) + DAY_MS
    : TIME.test(text)
      ? Date.parse(text)
      : NaN;
  // Date.parse takes the 31st of February for a day in March.
  const isRealDay =
    text.slice(0, 10) ===
    new Date(Date.parse(`${text.slice(0, 10)}T00:00:00Z`) || 0).toISOString().slice(0, 10);
  return Number.isNaN(ms) || !isRealDay ? undefined : ms;
}

type Expiring = Pick<RuleException, 'expires'>;

export function expiryOf({ expires }: Expiring): number | undefined {
  return expires === undefined ? undefined : parseExpiry(expires);
}

export function isExpired(exception: Expiring, nowMs: number): boolean {
  const expiry = expiryOf(exception);
  return expiry !== undefined && expiry <= nowMs;
}

/** @param exceptions all of those for this rule */
export function withExceptions(
  rule: RuleDefinition,
  exceptions: readonly RuleException[],
  nowMs: number,
): RuleDefinition {
  const holding = exceptions.filter((exception) => !isExpired(exception, nowMs));
  return { ...rule, exceptions, conditions: effectiveCondition(rule.own, holding) };
}

export function effectiveCondition(own: RootCondition, holding: readonly RuleException[]): RootCondition {
  if (holding.length === 0) return own;
  return { all: [own, { not: { any: holding.map(({ conditions }) => conditions) } }] };
}

/** The set as it is at another time: without the exceptions that have expired by then. */
export function ruleSetAt(ruleSet: RuleSet, nowMs: number): RuleSet {
  return { ...ruleSet, rules: ruleSet.rules.map((rule) => withExceptions(rule, rule.exceptions, nowMs)) };
}

/** When the next of its exceptions expires; undefined: none does. */
export function nextExpiry({ rules }: RuleSet, nowMs: number): number | undefined {
  let next: number | undefined;
  for (const exception of rules.flatMap((rule) => rule.exceptions)) {
    const expiry = expiryOf(exception);
    if (expiry !== undefined && expiry > nowMs && (next === undefined || expiry < next)) next = expiry;
  }
  return next;
}
