// What the rules say of one event. It depends on nothing but which rules matched, so it is made once for each set of
// matches and shared: treat it as frozen.

import { encodeAnnotations } from '../events/annotate.ts';
import type { Trigger } from '../events/triggers.ts';
import type { DecidingType, RuleDefinition, Severity } from './schema.ts';

type Verdict = DecidingType | 'none';

interface RuleAlert {
  readonly rule: string;
  readonly severity: Severity;
  readonly message: string;
}

export interface ShadowVerdict {
  readonly rule: string;
  readonly verdict: DecidingType;
}

export interface Decision {
  /** Of the enforced rules; none: no deciding one matched. */
  readonly verdict: Verdict;
  /** The one that decided. */
  readonly rule: RuleDefinition | undefined;
  /** Enforced and in shadow mode; the deciding one first, then by priority. */
  readonly matched: readonly RuleDefinition[];
  readonly tags: readonly string[];
  readonly alerts: readonly RuleAlert[];
  /** What rules in shadow mode would have decided. */
  readonly shadow: readonly ShadowVerdict[];
  /** Encoded Event fields 31 to 36, ready to be appended to an event; undefined: nothing matched. */
  readonly annotations: Uint8Array | undefined;
}

export const NO_MATCH: Decision = Object.freeze({
  verdict: 'none',
  rule: undefined,
  matched: [],
  tags: [],
  alerts: [],
  shadow: [],
  annotations: undefined,
});

export function isDeciding(type: string): type is DecidingType {
  return type === 'allow' || type === 'deny' || type === 'forward' || type === 'drop';
}

export function isAuthTrigger(trigger: Trigger): boolean {
  return trigger.startsWith('auth.');
}

/** The order in which matches count: enforced deciding rules first, higher priorities, deny and forward before the other. */
export function byDecisiveness(a: RuleDefinition, b: RuleDefinition): number {
  return decisiveClass(a) - decisiveClass(b) || b.priority - a.priority || strength(a) - strength(b);
}

function decisiveClass(rule: RuleDefinition): number {
  return rule.mode === 'enforce' && isDeciding(rule.event.type) ? 0 : 1;
}

function strength({ event: { type } }: RuleDefinition): number {
  return type === 'deny' || type === 'forward' ? 0 : 1;
}

/** @param matched in the order of byDecisiveness */
export function decisionOf(matched: readonly RuleDefinition[]): Decision {
  const [first] = matched;
  if (first === undefined) return NO_MATCH;
  const rule = first.mode === 'enforce' && isDeciding(first.event.type) ? first : undefined;
  const verdict: Verdict = rule !== undefined && isDeciding(rule.event.type) ? rule.event.type : 'none';
  const tags = new Set<string>();
  const alerts: RuleAlert[] = [];
  const shadow: ShadowVerdict[] = [];
  for (const match of matched) {
    const { type, params } = match.event;
    if (match.mode === 'shadow') {
      if (isDeciding(type)) shadow.push({ rule: match.name, verdict: type });
      continue;
    }
    for (const tag of match.tags) tags.add(tag);
    for (const tag of params.tags ?? []) tags.add(tag);
    if (type === 'alert') {
      const message = params.message ?? (match.description || match.name);
      alerts.push({ rule: match.name, severity: match.severity, message });
    }
  }
  const made = { verdict, rule, matched, tags: [...tags], alerts, shadow };
  const annotations = encodeAnnotations({
    rules: matched.map((match) => match.name),
    tags: made.tags,
    alerts,
    shadow,
    ...(verdict === 'none' ? {} : { decision: verdict }),
  });
  return Object.freeze({ ...made, annotations });
}
