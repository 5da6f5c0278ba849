// The rules of one priority, side by side, where somebody listens or json-rules-engine evaluates some of them: each is
// told in the turn of the promise queue in which json-rules-engine would tell it.

import { hears, type InternalAlmanac, type InternalEngine, type InternalRule, isSilent } from './original.ts';
import { CompiledOutcome, foreignOutcome, isUnheardError, type Outcome } from './outcome.ts';
import type { Program } from './program.ts';
import type { RuleResult } from './rule-result.ts';
import type { RunAlmanac } from './run-almanac.ts';
import { SilentOutcomes } from './silent-outcomes.ts';
import { Turns } from './turns.ts';

export interface SetContext {
  readonly engine: InternalEngine;
  readonly program: Program;
  readonly almanac: RunAlmanac;
  isStopped(): boolean;
}

// From a rule's result to its event, where nobody listens to the rule itself: its emitter is asked (3), and what it
// answers is handed on as a promise within a promise (3).
const SILENT_RULE_TURNS = 6;

export function runSet(context: SetContext, set: readonly InternalRule[]): Promise<unknown> {
  const { engine, program, almanac } = context;
  const compiled = set.map((rule) => program.compiled(rule));
  const frame = program.frame(almanac as unknown as InternalAlmanac);
  const outcomes = compiled.map((rule) =>
    rule === undefined || rule.isForeign(frame) ? undefined : new CompiledOutcome(rule, frame),
  );
  const firstCall = firstCallOf(engine, set, outcomes);
  let turns = new Turns();
  // A listener may have been bound meanwhile, by another one.
  const note = (outcome: Outcome): unknown =>
    isHeard(outcome, engine) ? tell(outcome, context) : almanac.record(outcome);
  let silent = new SilentOutcomes(turns, note);
  const pending = set.map((rule, index) => {
    if (context.isStopped()) return undefined;
    // A listener may add facts. What json-rules-engine reads only afterwards, it reads itself.
    const outcome = (compiled[index]?.lastReading ?? 0) < firstCall ? outcomes[index] : undefined;
    const turn = outcome?.turn ?? 0;
    const isRuleSilent = isSilent(rule);
    if (outcome !== undefined && isRuleSilent && !isHeard(outcome, engine)) {
      return silent.add(outcome, turn + SILENT_RULE_TURNS);
    }
    // What stands behind it in the set is told behind it in every turn.
    const clock = turns;
    turns = new Turns();
    silent = new SilentOutcomes(turns, note);
    if (outcome === undefined) {
      return rule
        .evaluate(almanac)
        .then((result) => tell(foreignOutcome(result as unknown as RuleResult), context));
    }
    if (isRuleSilent) return clock.after(turn + SILENT_RULE_TURNS).then(() => tell(outcome, context));
    return clock
      .after(turn)
      .then(() => tellRule(rule, outcome, almanac))
      .then(() => tell(outcome, context));
  });
  return Promise.all(pending);
}

/** The first turn in which a listener may be called. */
function firstCallOf(
  engine: InternalEngine,
  set: readonly InternalRule[],
  outcomes: readonly (CompiledOutcome | undefined)[],
): number {
  let first = Number.POSITIVE_INFINITY;
  const isEngineSilent = isSilent(engine);
  for (const [index, rule] of set.entries()) {
    const outcome = outcomes[index];
    const turn = outcome?.turn ?? 0;
    if (!isSilent(rule)) first = Math.min(first, turn + 2);
    else if (outcome === undefined ? !isEngineSilent : isHeard(outcome, engine)) {
      first = Math.min(first, turn + SILENT_RULE_TURNS + 1);
    }
  }
  return first;
}

/** By a listener of the engine, or by the emitter itself. */
function isHeard(outcome: Outcome, engine: InternalEngine): boolean {
  if (isUnheardError(outcome)) return true;
  return outcome.isMatch ? hears(engine, 'success') || hears(engine, outcome.type) : hears(engine, 'failure');
}

function tell(outcome: Outcome, { engine, almanac }: SetContext): Promise<unknown> {
  almanac.record(outcome);
  const event = outcome.event();
  const result = outcome.result();
  if (!outcome.isMatch) return engine.emitAsync('failure', event, almanac, result);
  return engine
    .emitAsync('success', event, almanac, result)
    .then(() => engine.emitAsync(event.type, event.params, almanac, result));
}

/** To the rule's own listeners. */
function tellRule(rule: InternalRule, outcome: Outcome, almanac: RunAlmanac): Promise<unknown> {
  const name = outcome.isMatch ? 'success' : 'failure';
  return Promise.resolve()
    .then(() => rule.emitAsync(name, outcome.event(), almanac, outcome.result()))
    .then(() => outcome);
}
