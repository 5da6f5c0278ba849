// A rule set in the form in which events meet it: for each trigger an index of candidates and their conditions as
// closures. An evaluation allocates nothing but the texts that it reads from the event.

import type { Facts } from '../events/facts.ts';
import { objectFacts } from '../events/object-facts.ts';
import type { Platform, Trigger } from '../events/triggers.ts';
import { EMPTY_FILE, isCacheable } from './cacheability.ts';
import { NO_HASHES } from './content-hashes.ts';
import { type Decision, isAuthTrigger, NO_MATCH } from './decision.ts';
import type { RuleDefinition, RuleSet } from './schema.ts';
import { type OnRefereeError, TriggerRules, type TriggerRulesOptions } from './trigger-rules.ts';

export interface CompileOptions extends TriggerRulesOptions {
  readonly platform: Platform;
  /** Leaves out every trigger for which it is false. */
  readonly triggers?: (trigger: Trigger) => boolean;
}

export interface CompiledRules {
  /** Evaluates the compiled rules of the trigger. The result is shared between calls: read it, don't keep or change it. */
  decide(trigger: Trigger, facts: Facts): Decision;
  triggers(): readonly Trigger[];
  /**
   * The hashes (HASH_OF, added) without which nothing below can answer for this event; 0: none. It is to be asked first:
   * while they are pending a rule that reads one counts as not matching.
   */
  hashesWanted(trigger: Trigger, facts: Facts): number;
  /**
   * The hashes without which rules that decide nothing can't be told; 0: none. They are for the audit: no answer waits
   * for them.
   */
  hashesToReport(trigger: Trigger, facts: Facts): number;
  /** Whether an answer to which no rule matched holds for whoever asks about the same content. */
  isCacheable(trigger: Trigger): boolean;
  /** true: `decide` can't answer for this event; ask `decideAsync`. */
  needsReferee(trigger: Trigger, facts: Facts): boolean;
  /** true, on the auth lane: the verdict of `decide` is right, but rules that decide nothing were left out of it. */
  needsReview(trigger: Trigger, facts: Facts): boolean;
  /**
   * As `decide`, with json-rules-engine for what can't be compiled. Reads the facts before it returns.
   * @param onRefereeError told of this event's errors, besides that of the options
   */
  decideAsync(trigger: Trigger, facts: Facts, onRefereeError?: OnRefereeError): Promise<Decision>;
}

export function compileRules(ruleSet: RuleSet, options: CompileOptions): CompiledRules {
  const rulesOf = new Map<Trigger, RuleDefinition[]>();
  for (const rule of ruleSet.rules) {
    if (!rule.platforms.includes(options.platform)) continue;
    for (const trigger of new Set(rule.on)) {
      if (options.lane === 'auth' && !isAuthTrigger(trigger)) continue;
      if (options.triggers?.(trigger) === false) continue;
      const rules = rulesOf.get(trigger);
      if (rules === undefined) rulesOf.set(trigger, [rule]);
      else rules.push(rule);
    }
  }
  const compiled = new Map<Trigger, TriggerRules>();
  for (const [trigger, rules] of rulesOf) {
    compiled.set(trigger, new TriggerRules(trigger, rules, ruleSet.conditions, options));
  }
  const cacheable = new Set<Trigger>();
  for (const [trigger, rules] of rulesOf)
    if (
      isAuthTrigger(trigger) &&
      isCacheable(trigger, rules, ruleSet.conditions, options.platform) &&
      isSilentOnEmptyFiles(compiled.get(trigger), trigger)
    )
      cacheable.add(trigger);
  return {
    isCacheable: (trigger) => cacheable.has(trigger),
    decide: (trigger, facts) => compiled.get(trigger)?.decide(facts) ?? NO_MATCH,
    triggers: () => [...compiled.keys()],
    hashesWanted: (trigger, facts) => compiled.get(trigger)?.hashesWanted(facts) ?? NO_HASHES,
    hashesToReport: (trigger, facts) => compiled.get(trigger)?.hashesToReport(facts) ?? NO_HASHES,
    needsReferee: (trigger, facts) => compiled.get(trigger)?.needsReferee(facts) ?? false,
    needsReview: (trigger, facts) => compiled.get(trigger)?.needsReview(facts) ?? false,
    decideAsync: async (trigger, facts, onRefereeError) =>
      (await compiled.get(trigger)?.decideAsync(facts, onRefereeError)) ?? NO_MATCH,
  };
}

function isSilentOnEmptyFiles(rules: TriggerRules | undefined, trigger: Trigger): boolean {
  const event = { picket: { trigger }, file: EMPTY_FILE, process: { hash: EMPTY_FILE.hash } };
  const facts = objectFacts(event);
  return (
    rules !== undefined &&
    !rules.needsReferee(facts) &&
    !rules.needsReview(facts) &&
    rules.decide(facts).matched.length === 0
  );
}
