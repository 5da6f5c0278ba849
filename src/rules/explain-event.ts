// One event and a whole rule set: which rules matched, which nearly did, what was decided and why by that rule, and who
// would answer on a live system.

import { EncodedFacts } from '../events/encoded-facts.ts';
import type { Platform, Trigger } from '../events/triggers.ts';
import { type CompiledRules, compileRules } from './compile.ts';
import { type Decision, isAuthTrigger, isDeciding } from './decision.ts';
import { explainerOf, type RuleExplainer, type RuleExplanation } from './explain.ts';
import { type LiveAnswers, type LiveNote, liveAnswers } from './live-answer.ts';
import { type FactNote, notesOnFacts } from './missing-facts.ts';
import type { PlanOptions } from './plan.ts';
import type { RuleDefinition, RuleSet } from './schema.ts';

export interface ExplainedRule extends RuleExplanation {
  readonly rule: RuleDefinition;
  /** Why the rule is not asked about such an event at all. */
  readonly notAsked: string | undefined;
  /** Facts that the event lacks, and whether it could have them. */
  readonly facts: readonly FactNote[];
}

export interface EventExplanation {
  readonly trigger: Trigger;
  readonly platform: Platform;
  readonly decision: Decision;
  /** Why this verdict, as a sentence. */
  readonly reason: string;
  readonly rules: readonly ExplainedRule[];
  readonly live: readonly LiveNote[];
}

export interface EventExplainerOptions {
  readonly guard: PlanOptions;
  /** Explained whether they matched or not. */
  readonly wanted: ReadonlySet<RuleDefinition>;
}

export class EventExplainer {
  readonly #ruleSet: RuleSet;
  readonly #options: EventExplainerOptions;
  readonly #compiled = new Map<Platform, { readonly rules: CompiledRules; readonly live: LiveAnswers }>();
  readonly #explainers = new Map<RuleDefinition, Map<Trigger, RuleExplainer>>();

  constructor(ruleSet: RuleSet, options: EventExplainerOptions) {
    this.#ruleSet = ruleSet;
    this.#options = options;
  }

  /** @param bytes of an encoded event: rules see what they would see live */
  async explain(bytes: Uint8Array, trigger: Trigger, platform: Platform): Promise<EventExplanation> {
    const facts = new EncodedFacts().reset(bytes);
    const { rules, live } = this.#compiledFor(platform);
    const decision = await rules.decideAsync(trigger, facts);
    const explained: ExplainedRule[] = [];
    for (const rule of this.#ruleSet.rules) {
      const notAsked = whyNotAsked(rule, trigger, platform);
      const isWanted = this.#options.wanted.has(rule);
      if (notAsked !== undefined && !isWanted) continue;
      const explanation = await this.#explainerOf(rule, trigger).explain(facts);
      const isMatched = decision.matched.includes(rule);
      if (notAsked === undefined) requireAgreement(rule, explanation, isMatched);
      explained.push({
        ...explanation,
        isMatch: isMatched,
        rule,
        notAsked,
        facts: isWanted ? notesOnFacts(rule, this.#ruleSet.conditions, trigger, platform, facts) : [],
      });
    }
    return {
      trigger,
      platform,
      decision,
      reason: reasonFor(decision, trigger),
      rules: explained,
      live: live.of(trigger, facts),
    };
  }

  #compiledFor(platform: Platform): { readonly rules: CompiledRules; readonly live: LiveAnswers } {
    const known = this.#compiled.get(platform);
    if (known !== undefined) return known;
    const made = {
      rules: compileRules(this.#ruleSet, { platform }),
      live: liveAnswers(this.#ruleSet, platform, this.#options.guard),
    };
    this.#compiled.set(platform, made);
    return made;
  }

  #explainerOf(rule: RuleDefinition, trigger: Trigger): RuleExplainer {
    const ofRule = this.#explainers.get(rule) ?? new Map<Trigger, RuleExplainer>();
    this.#explainers.set(rule, ofRule);
    const known = ofRule.get(trigger);
    if (known !== undefined) return known;
    const made = explainerOf(rule, this.#ruleSet.conditions, trigger);
    ofRule.set(trigger, made);
    return made;
  }
}

function whyNotAsked(rule: RuleDefinition, trigger: Trigger, platform: Platform): string | undefined {
  if (!rule.on.includes(trigger)) return `${rule.name} is on ${rule.on.join(', ')}, and this is ${trigger}`;
  if (rule.platforms.includes(platform)) return undefined;
  return `${rule.name} is for ${rule.platforms.join(', ')}, and this event is from ${platform}`;
}

/** An explanation of something else than what was decided would be worse than none. */
function requireAgreement(rule: RuleDefinition, { isMatch }: RuleExplanation, isMatched: boolean): void {
  if (isMatch === isMatched) return;
  throw new Error(
    `the explanation of ${rule.name} says ${isMatch ? 'match' : 'no match'}, and the rules decided otherwise: this is a fault of picket, please report it`,
  );
}

function reasonFor(decision: Decision, trigger: Trigger): string {
  const { rule, verdict } = decision;
  if (rule === undefined) {
    const isShadow = decision.shadow.length > 0 ? ' enforced' : '';
    return isAuthTrigger(trigger)
      ? `no${isShadow} rule decides, so the program goes on`
      : decision.alerts.length > 0
        ? `no${isShadow} rule decides, so the event itself is not forwarded; its alert carries it`
        : `no${isShadow} rule decides, so the event is dropped`;
  }
  const [next] = decision.matched.filter(
    (one) => one !== rule && one.mode === 'enforce' && isDeciding(one.event.type),
  );
  const own = `${rule.name}, priority ${rule.priority}`;
  if (next === undefined) return `by ${own}: no other deciding rule matched`;
  const other = `${next.name} (${next.event.type}, priority ${next.priority})`;
  if (rule.priority > next.priority) return `by ${own}, which is higher than that of ${other}`;
  if (next.event.type === verdict) return `by ${own}; ${other} says the same`;
  return `by ${own}: at equal priority ${verdict} wins over ${next.event.type} of ${next.name}`;
}
