// A rule set in the form in which events meet it: for each trigger an index of candidates and their conditions as
// closures. Without a match, an evaluation allocates nothing.

import { LRUCache } from 'lru-cache';
import type { Facts, Slot } from '../events/facts.ts';
import type { Platform, Trigger } from '../events/triggers.ts';
import { CandidateIndex, requiredEquality } from './candidate-index.ts';
import { type Leaf, type NamedConditions, visitLeaves } from './conditions.ts';
import { byDecisiveness, type Decision, decisionOf, isAuthTrigger, NO_MATCH } from './decision.ts';
import { parseOperatorName } from './decorators.ts';
import { EventFrame } from './event-frame.ts';
import { accessOf } from './fact-access.ts';
import { compileCondition, NEVER, needsReferee, type Test } from './predicate.ts';
import { type Referee, refereeOf } from './referee.ts';
import type { RuleDefinition, RuleSet } from './schema.ts';
import { doubtsOf } from './unresolved-path.ts';

export interface CompileOptions {
  readonly platform: Platform;
  /** Leaves out every trigger for which it is false. */
  readonly triggers?: (trigger: Trigger) => boolean;
  /**
   * auth: the triggers of the auth lane only. What can't be decided there in time (json-rules-engine, long texts under a
   * regular expression) goes to the slow lane where an enforced verdict depends on it, and is reviewed afterwards where
   * none does: no deadline may give a deny for the sake of a rule that can't deny.
   */
  readonly lane?: 'auth' | 'event';
  /** The referee could not evaluate a rule; it counts as not matching. */
  readonly onRefereeError?: (rule: RuleDefinition, error: unknown) => void;
}

export interface CompiledRules {
  /** Evaluates the compiled rules of the trigger. The result is shared between calls: read it, don't keep or change it. */
  decide(trigger: Trigger, facts: Facts): Decision;
  triggers(): readonly Trigger[];
  /** true: `decide` can't answer for this event; ask `decideAsync`. */
  needsReferee(trigger: Trigger, facts: Facts): boolean;
  /** true, on the auth lane: the verdict of `decide` is right, but rules that decide nothing were left out of it. */
  needsReview(trigger: Trigger, facts: Facts): boolean;
  /** As `decide`, with json-rules-engine for what can't be compiled. Reads the facts before it returns. */
  decideAsync(trigger: Trigger, facts: Facts): Promise<Decision>;
}

// On the auth lane a regular expression sees at most this much text: time grows with it, and a path ends at 4,096.
const LANE_MATCH_MAX = 8192;
// Sets of matches that were seen together, per trigger; real rule sets have some dozens.
const DECISIONS_MAX = 1024;

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
  return {
    decide: (trigger, facts) => compiled.get(trigger)?.decide(facts) ?? NO_MATCH,
    triggers: () => [...compiled.keys()],
    needsReferee: (trigger, facts) => compiled.get(trigger)?.needsReferee(facts) ?? false,
    needsReview: (trigger, facts) => compiled.get(trigger)?.needsReview(facts) ?? false,
    decideAsync: async (trigger, facts) => (await compiled.get(trigger)?.decideAsync(facts)) ?? NO_MATCH,
  };
}

interface RefereedRule {
  readonly rule: RuleDefinition;
  readonly referee: Referee;
  /** Whether it could match, as far as its compiled conditions tell. */
  readonly isPossible: Test;
  /** Denies or allows. */
  readonly decides: boolean;
  /** No verdict of the auth lane depends on it. */
  readonly isAside: boolean;
}

/** The rules of one trigger, numbered in the order in which they decide. */
class TriggerRules {
  readonly #frame = new EventFrame();
  readonly #rules: readonly RuleDefinition[];
  readonly #index: CandidateIndex;
  readonly #tests: readonly Test[];
  /** Facts that, when true, put paths in doubt. */
  readonly #doubts: readonly number[];
  readonly #refereed: ReadonlyMap<number, RefereedRule>;
  readonly #longTexts: readonly number[];
  /** Of rules on which no verdict depends. */
  readonly #longTextsAside: readonly number[];
  readonly #candidates: Int32Array;
  readonly #single: (Decision | undefined)[];
  readonly #several = new LRUCache<string, Decision>({ max: DECISIONS_MAX });
  readonly #onRefereeError: CompileOptions['onRefereeError'];

  constructor(
    trigger: Trigger,
    rules: readonly RuleDefinition[],
    named: NamedConditions,
    options: CompileOptions,
  ) {
    const frame = this.#frame;
    this.#rules = [...rules].sort(byDecisiveness);
    this.#index = new CandidateIndex(frame);
    this.#candidates = new Int32Array(rules.length);
    this.#single = new Array<Decision | undefined>(rules.length);
    this.#onRefereeError = options.onRefereeError;
    const isOnLane = options.lane === 'auth';
    const textsOf = (some: readonly RuleDefinition[]): number[] =>
      matchedSlots(some, named).map((slot) => frame.register(slot));
    const doubtful = new Set<number>();
    const refereed = new Map<number, RefereedRule>();
    this.#tests = this.#rules.map((rule, number) => {
      const decides = isAuthTrigger(trigger) && isVerdict(rule);
      const doubts = (leaf: Leaf): 'always' | readonly number[] => {
        if (needsReferee(leaf)) return 'always';
        return decides ? doubtsOf(leaf, trigger).map((slot) => frame.register(slot)) : [];
      };
      const leaves = leavesOf(rule, named);
      for (const leaf of leaves) {
        const flags = doubts(leaf);
        if (flags !== 'always') for (const flag of flags) doubtful.add(flag);
      }
      const isAside = isOnLane && !isEnforcedVerdict(rule);
      const bound = rule.event.type === 'allow' ? 'certain' : 'possible';
      const compiled = compileCondition(rule.conditions, { frame, named, doubts }, bound);
      const texts = isAside ? textsOf([rule]) : [];
      const test = texts.length === 0 ? compiled : () => !this.#isLong(texts) && compiled();
      if (!leaves.some(needsReferee)) {
        this.#index.add(number, requiredEquality(rule.conditions, named));
        return test;
      }
      const isPossible = compileCondition(rule.conditions, { frame, named, doubts }, 'possible');
      refereed.set(number, { rule, isPossible, referee: refereeOf(rule, named), decides, isAside });
      // Not in the index: this is what holds while paths are in doubt.
      return decides ? test : NEVER;
    });
    this.#refereed = refereed;
    this.#doubts = [...doubtful];
    this.#longTexts = isOnLane ? textsOf(rules.filter(isEnforcedVerdict)) : [];
    this.#longTextsAside = isOnLane ? textsOf(rules.filter((rule) => !isEnforcedVerdict(rule))) : [];
  }

  decide(facts: Facts): Decision {
    this.#frame.begin(facts);
    return this.#decisionOf(this.#match());
  }

  needsReferee(facts: Facts): boolean {
    if (this.#refereed.size === 0 && this.#longTexts.length === 0) return false;
    this.#frame.begin(facts);
    return this.#isLong(this.#longTexts) || this.#isRefereed(false);
  }

  needsReview(facts: Facts): boolean {
    if (this.#refereed.size === 0 && this.#longTextsAside.length === 0) return false;
    this.#frame.begin(facts);
    return this.#isLong(this.#longTextsAside) || this.#isRefereed(true);
  }

  #isLong(texts: readonly number[]): boolean {
    for (const text of texts) if (textLength(this.#frame.read(text)) > LANE_MATCH_MAX) return true;
    return false;
  }

  #isRefereed(aside: boolean): boolean {
    for (const { isPossible, isAside } of this.#refereed.values())
      if (isAside === aside && isPossible()) return true;
    return false;
  }

  async decideAsync(facts: Facts): Promise<Decision> {
    this.#frame.begin(facts);
    const matched = [...this.#candidates.subarray(0, this.#match())];
    const isInDoubt = this.#isInDoubt();
    // Everything is read from the event before the first await: its buffer may be another's afterwards.
    const pending: Promise<number | undefined>[] = [];
    for (const [number, { rule, referee, isPossible, decides }] of this.#refereed) {
      if ((isInDoubt && decides) || !isPossible()) continue;
      const matches = referee.matches(facts).catch((error: unknown) => {
        this.#onRefereeError?.(rule, error);
        return false;
      });
      pending.push(matches.then((isMatch) => (isMatch ? number : undefined)));
    }
    for (const number of await Promise.all(pending)) if (number !== undefined) matched.push(number);
    return this.#cached(matched.sort((a, b) => a - b));
  }

  /** Leaves the numbers of the matching rules at the front of #candidates, in order; returns how many. */
  #match(): number {
    const candidates = this.#candidates;
    if (this.#isInDoubt()) {
      // No index here: the paths that it looks up are the ones in doubt.
      let found = 0;
      for (let i = 0; i < this.#tests.length; i++) if (this.#tests[i]?.()) candidates[found++] = i;
      return found;
    }
    const count = this.#index.collect(candidates);
    let found = 0;
    for (let i = 0; i < count; i++) {
      const rule = candidates[i] ?? 0;
      if (this.#tests[rule]?.()) candidates[found++] = rule;
    }
    if (found > 1) candidates.subarray(0, found).sort();
    return found;
  }

  #isInDoubt(): boolean {
    for (const flag of this.#doubts) if (this.#frame.read(flag) === true) return true;
    return false;
  }

  #decisionOf(found: number): Decision {
    if (found === 0) return NO_MATCH;
    const first = this.#candidates[0] ?? 0;
    if (found > 1) return this.#cached([...this.#candidates.subarray(0, found)]);
    let decision = this.#single[first];
    if (decision === undefined) {
      decision = this.#make([first]);
      this.#single[first] = decision;
    }
    return decision;
  }

  #cached(numbers: readonly number[]): Decision {
    const key = numbers.join();
    let decision = this.#several.get(key);
    if (decision === undefined) {
      decision = this.#make(numbers);
      this.#several.set(key, decision);
    }
    return decision;
  }

  #make(numbers: readonly number[]): Decision {
    return decisionOf(numbers.flatMap((number) => this.#rules[number] ?? []));
  }
}

const isVerdict = ({ event: { type } }: RuleDefinition): boolean => type === 'deny' || type === 'allow';

const isEnforcedVerdict = (rule: RuleDefinition): boolean => isVerdict(rule) && rule.mode === 'enforce';

function leavesOf(rule: RuleDefinition, named: NamedConditions): Leaf[] {
  const leaves: Leaf[] = [];
  visitLeaves(rule.conditions, named, (leaf) => leaves.push(leaf));
  return leaves;
}

/** What regular expressions look at. */
function matchedSlots(rules: readonly RuleDefinition[], named: NamedConditions): Slot[] {
  const slots = new Set<Slot>();
  for (const leaf of rules.flatMap((rule) => leavesOf(rule, named))) {
    if (parseOperatorName(leaf.operator).operator !== 'matches') continue;
    const slot = accessOf(leaf.fact, leaf.path)?.slot;
    if (slot !== undefined) slots.add(slot);
  }
  return [...slots];
}

function textLength(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (!Array.isArray(value)) return 0;
  return value.reduce((sum: number, entry: unknown) => sum + textLength(entry), 0);
}
