// Conditions that never or always hold, as a whole or on one trigger. What is said is certain; what is not said may
// still be so.

import type { Platform, Trigger } from '../../events/triggers.ts';
import type { NamedConditions } from '../conditions.ts';
import { isAuthTrigger } from '../decision.ts';
import { factName } from '../fact-access.ts';
import { type Contradiction, contradictionIn, type KnownValues } from '../logic/contradiction.ts';
import { describeLiteral } from '../logic/literal.ts';
import type { Place } from '../rule-document.ts';
import { oneOf, type RuleProblem } from '../rule-problem.ts';
import type { RuleDefinition } from '../schema.ts';
import { doubtsOf } from '../unresolved-path.ts';
import { type CheckContext, warning } from './finding.ts';
import { factsOf, knownValuesOf } from './known-values.ts';

/** Where a rule applies, and what is known of events there. */
interface Setting {
  readonly trigger: Trigger;
  readonly platform: Platform;
  readonly known: KnownValues;
}

export interface Holding {
  readonly problems: readonly RuleProblem[];
  /** Rules whose conditions are decided before any event comes: their parts need no words. */
  readonly decided: ReadonlySet<RuleDefinition>;
}

export function checkHolding(context: CheckContext): Holding {
  const problems: RuleProblem[] = [];
  const decided = new Set<RuleDefinition>();
  for (const rule of context.rules) {
    const found = checkRule(rule, context);
    problems.push(...found);
    if (found.some(({ code }) => code !== 'unreachable-trigger')) decided.add(rule);
  }
  return { problems: [...problems, ...checkNamed(context)], decided };
}

function checkNamed({ loaded, forms }: CheckContext): RuleProblem[] {
  return Object.entries(loaded.ruleSet.conditions).flatMap(([name, condition]): RuleProblem[] => {
    const place = loaded.conditionPlaces.get(name);
    if (place === undefined) return [];
    const conflict = contradictionIn([forms.of(condition)]);
    if (conflict !== undefined) {
      return [warning(place, 'never-holds', `the condition \`${name}\` never holds: ${explain(conflict)}`)];
    }
    const opposite = contradictionIn([forms.of(condition, true)]);
    if (opposite === undefined) return [];
    return [warning(place, 'always-holds', `the condition \`${name}\` always holds${because(opposite)}`)];
  });
}

function checkRule(rule: RuleDefinition, { loaded, platform, forms }: CheckContext): RuleProblem[] {
  const { conditions: named } = loaded.ruleSet;
  const settings = settingsOf(rule, named, platform);
  const normal = [forms.of(rule.conditions)];
  const conflicts = settings.map((setting) => ({ setting, found: contradictionIn(normal, setting.known) }));
  const [first] = conflicts;
  if (first === undefined) return [];
  const never = conflicts.filter(({ found }) => found !== undefined);
  if (first.found !== undefined && never.length === settings.length) {
    const message = `${rule.name} matches no event: ${explain(first.found, first.setting.known)}${whereInDoubt(rule, first.found)}`;
    return [warning(placeOf(first.found, rule, loaded.places), 'never-holds', message)];
  }
  const unreachable = never.flatMap(({ setting, found }) => {
    if (found === undefined) return [];
    const message = `${rule.name} matches no ${setting.trigger} on ${setting.platform}: ${explain(found, setting.known)}`;
    const expected = `\`on\` and \`platforms\` that its conditions can hold for`;
    return [warning(rule.place, 'unreachable-trigger', message, expected)];
  });
  if (unreachable.length > 0) return unreachable;
  const opposite = [forms.of(rule.conditions, true)];
  const always = settings.map(({ known }) => contradictionIn(opposite, known));
  const [found] = always;
  if (found === undefined || always.some((one) => one === undefined)) return [];
  const message = `${rule.name} matches every event of ${oneOf(rule.on).replace(/ or /, ' and ')}${because(found)}`;
  return [warning(rule.place, 'always-holds', message, 'a condition that some events do not satisfy')];
}

/** Settings of which the same is known are told apart only if a condition reads what differs. */
function settingsOf(
  rule: RuleDefinition,
  named: NamedConditions,
  platform: Platform | undefined,
): readonly Setting[] {
  const facts = factsOf(rule.conditions, named);
  const settings: Setting[] = [];
  for (const trigger of rule.on) {
    for (const one of rule.platforms) {
      if (platform !== undefined && platform !== one) continue;
      settings.push({ trigger, platform: one, known: knownValuesOf(facts, trigger, one) });
    }
  }
  return settings.every(({ known }) => known.size === 0) ? settings.slice(0, 1) : settings;
}

function explain(conflict: Contradiction | 'never', known?: KnownValues): string {
  if (conflict === 'never') return 'a part of its conditions can never hold';
  const { literal, other } = conflict;
  if (other !== undefined)
    return `${describeLiteral(other)} and ${describeLiteral(literal)} exclude each other`;
  const values = known?.get(literal.variable);
  const name = factName(literal.leaf.fact, literal.leaf.path);
  if (values?.length === 1) return `${name} is always ${JSON.stringify(values[0])} there`;
  return `${describeLiteral(literal)} is never true`;
}

function because(conflict: Contradiction | 'never'): string {
  if (conflict === 'never' || conflict.other === undefined) return '';
  const name = factName(conflict.literal.leaf.fact, conflict.literal.leaf.path);
  return `: whatever ${name} is, one of its conditions holds`;
}

/** A deny rule on paths also holds where the path is unknown; of a contradiction that is all it does. */
function whereInDoubt(rule: RuleDefinition, conflict: Contradiction | 'never'): string {
  if (rule.event.type !== 'deny' || conflict === 'never') return '';
  const inDoubt = rule.on.some(
    (trigger) => isAuthTrigger(trigger) && doubtsOf(conflict.literal.leaf, trigger).length > 0,
  );
  return inDoubt ? '; but where the path could not be resolved it denies' : '';
}

/** Of the literal, if it stands in the rule itself. */
function placeOf(
  conflict: Contradiction | 'never',
  rule: RuleDefinition,
  places: CheckContext['loaded']['places'],
): Place {
  if (conflict === 'never') return rule.place;
  const place = places.get(conflict.literal.leaf)?.('fact');
  return place?.file === rule.place.file && place.line >= rule.place.line ? place : rule.place;
}
