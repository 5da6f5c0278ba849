// An explained event as JSON: without what a program can look up in the rules themselves.
import type { EventExplanation, ExplainedRule } from '../../rules/explain-event.ts';
import type { RuleDefinition } from '../../rules/schema.ts';

export function plainExplanation(
  number: number,
  recorded: string | undefined,
  { trigger, platform, decision, reason, rules, live }: EventExplanation,
  wanted: ReadonlySet<RuleDefinition>,
): object {
  return {
    number,
    trigger,
    platform,
    decision: {
      verdict: decision.verdict,
      rule: decision.rule?.name,
      reason,
      matched: decision.matched.map(({ name }) => name),
      tags: decision.tags,
      alerts: decision.alerts,
      shadow: decision.shadow,
    },
    rules: rules.filter((one) => isShown(one, wanted)).map((one) => plainRule(one, wanted)),
    recorded,
    live,
  };
}

function isShown(
  { rule, isMatch, kept, exceptedBy }: ExplainedRule,
  wanted: ReadonlySet<RuleDefinition>,
): boolean {
  if (wanted.size > 0) return wanted.has(rule);
  return isMatch || kept?.isNear === true || exceptedBy.length > 0;
}

function plainRule(explained: ExplainedRule, wanted: ReadonlySet<RuleDefinition>): object {
  const { rule, conditions, ...rest } = explained;
  const { file, line, column } = rule.place;
  return {
    name: rule.name,
    file,
    line,
    column,
    type: rule.event.type,
    priority: rule.priority,
    mode: rule.mode,
    ...rest,
    ...(wanted.has(rule) ? { conditions } : {}),
  };
}
