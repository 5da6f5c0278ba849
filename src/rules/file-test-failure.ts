// Why a test of a test file failed: the event that came nearest to a rule that should have matched, or the first that
// one matched which should not have, with the conditions that decided.

import type { Trigger } from '../events/triggers.ts';
import type { NamedConditions } from './conditions.ts';
import { type Explanation, explainerOf, explainOutcome, type RuleExplainer, textOfTest } from './explain.ts';
import type { Outcome, Shortfall, TestedEvent } from './file-test-outcome.ts';
import type { RuleDefinition } from './schema.ts';

export interface ShortfallExplanation {
  readonly why: readonly Explanation[];
  readonly notes: readonly string[];
}

// A recording of thousands is searched for the nearest event only so far.
const EVENTS_SEARCHED = 1_000;
const RULES_EXPLAINED = 3;
const NAMES_SHOWN = 5;

/** The conditions of the first; a line for each. */
export async function explainShortfall(
  shortfalls: readonly Shortfall[],
  rules: readonly RuleDefinition[],
  named: NamedConditions,
  outcome: Outcome,
): Promise<ShortfallExplanation> {
  const notes: string[] = [];
  const why: Explanation[] = [];
  for (const [index, shortfall] of shortfalls.slice(0, RULES_EXPLAINED).entries()) {
    const explained = await explainOne(shortfall, rules, named, outcome);
    notes.push(...explained.notes);
    if (index === 0) why.push(...explained.why);
  }
  const more = shortfalls.length - RULES_EXPLAINED;
  if (more > 0) notes.push(`and ${more} more that differ`);
  return { why, notes };
}

async function explainOne(
  shortfall: Shortfall,
  rules: readonly RuleDefinition[],
  named: NamedConditions,
  outcome: Outcome,
): Promise<ShortfallExplanation> {
  if (shortfall.kind === 'verdict') {
    const { event, decision, expected } = shortfall;
    const by = decision.rule === undefined ? 'no rule decides' : `${decision.rule.name} decides`;
    const why = decision.rule === undefined ? [] : await outcomeOf(decision.rule, named, event);
    return { notes: [`${event.name}: ${by}, so the verdict is ${decision.verdict}, not ${expected}`], why };
  }
  const rule = rules.find(({ name }) => name === shortfall.rule);
  if (rule === undefined) return { notes: [], why: [] };
  if (shortfall.kind === 'unwanted') {
    const [first] = shortfall.events;
    const note = `${rule.name} matches ${namesOf(shortfall.events)}${wantedOf(shortfall)}`;
    return { notes: [note], why: first === undefined ? [] : await outcomeOf(rule, named, first) };
  }
  const isOnlyOne = outcome.asked.length === 1;
  const nearest = await nearestEvent(rule, named, outcome, new Set(shortfall.events));
  const matched = shortfall.events.length === 0 ? 'matches no event' : `matches ${namesOf(shortfall.events)}`;
  const note = `${rule.name} ${matched}${wantedOf(shortfall)}`;
  if (nearest === undefined) return { notes: [note], why: [] };
  // Of a single event that it does not match is said already.
  return { notes: isOnlyOne ? nearest.notes : [note, ...nearest.notes], why: nearest.why };
}

function wantedOf({ expected }: Extract<Shortfall, { kind: 'missed' | 'unwanted' }>): string {
  if (expected === undefined || expected === 0) return '';
  return `; expected ${expected === 1 ? 'is one event' : `are ${expected} events`}`;
}

function namesOf(events: readonly TestedEvent[]): string {
  const shown = events.slice(0, NAMES_SHOWN).map(({ name }) => name);
  const more = events.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}

function outcomeOf(
  rule: RuleDefinition,
  named: NamedConditions,
  event: TestedEvent,
): Promise<readonly Explanation[]> {
  return explainOutcome(rule, rule.own, named, event.trigger, event.facts());
}

async function nearestEvent(
  rule: RuleDefinition,
  named: NamedConditions,
  outcome: Outcome,
  matched: ReadonlySet<TestedEvent>,
): Promise<ShortfallExplanation | undefined> {
  let least = Number.POSITIVE_INFINITY;
  let nearest: ShortfallExplanation | undefined;
  const events = outcome.asked.filter((event) => rule.on.includes(event.trigger) && !matched.has(event));
  const explainers = new Map<Trigger, RuleExplainer>();
  for (const event of events.slice(0, EVENTS_SEARCHED)) {
    const explainer = explainers.get(event.trigger) ?? explainerOf(rule, named, event.trigger);
    explainers.set(event.trigger, explainer);
    const { kept, exceptedBy } = await explainer.explain(event.facts());
    if (exceptedBy.length > 0) {
      const by = exceptedBy.map(({ name, reason }) => `${name} (${reason})`).join(', ');
      return { notes: [`${event.name} is excepted by ${by}`], why: [] };
    }
    const tests = kept?.tests;
    if (tests === undefined || tests.length >= least) continue;
    least = tests.length;
    nearest = {
      notes: events.length === 1 ? [] : [`${event.name} comes nearest`],
      why: tests.map((test) => ({ condition: textOfTest(test), actual: test.actual, isTrue: test.isTrue })),
    };
  }
  return nearest;
}
