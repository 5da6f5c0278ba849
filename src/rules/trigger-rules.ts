// The rules of one trigger, compiled: an index of candidates, their conditions as closures, and what json-rules-engine
// must evaluate.

import type { Facts } from '../events/facts.ts';
import type { Trigger } from '../events/triggers.ts';
import { type Leaf, type NamedConditions, visitLeaves } from './conditions.ts';
import { NO_HASHES, readsHash } from './content-hashes.ts';
import { byDecisiveness, type Decision, decisionOf, isAuthTrigger, NO_MATCH } from './decision.ts';
import { DecisionCache } from './decision-cache.ts';
import { EventFrame } from './event-frame.ts';
import { wholeSlot } from './fact-access.ts';
import { HashRules } from './hash-rules.ts';
import { KeyChooser } from './index/rule-key.ts';
import { TriggerIndex } from './index/trigger-index.ts';
import { LeafTests } from './leaf-test.ts';
import { LongTexts } from './long-texts.ts';
import { ConditionCompiler, type Doubts, NEVER, needsReferee, type Test } from './predicate.ts';
import { type Referee, refereeOf } from './referee.ts';
import type { RuleDefinition } from './schema.ts';
import { doubtsOf } from './unresolved-path.ts';

export interface TriggerRulesOptions {
  /**
   * auth: the triggers of the auth lane only. What can't be decided there in time (json-rules-engine, long texts under a
   * regular expression) goes to the slow lane where an enforced verdict depends on it, and is reviewed afterwards where
   * none does: no deadline may give a deny for the sake of a rule that can't deny.
   */
  readonly lane?: 'auth' | 'event';
  readonly onRefereeError?: OnRefereeError;
}

/** json-rules-engine could not evaluate a rule, which counts as not matching. */
export type OnRefereeError = (rule: RuleDefinition, error: unknown) => void;

interface RefereedRule {
  readonly rule: RuleDefinition;
  readonly referee: Referee;
  /** Whether it could match, as far as its compiled conditions tell. */
  readonly isPossible: Test;
  /** Facts that, when true, put paths in doubt on which its verdict depends. */
  readonly doubts: readonly number[];
  /** No verdict of the auth lane depends on it. */
  readonly isAside: boolean;
}

/** The rules of one trigger, numbered in the order in which they decide. */
export class TriggerRules {
  readonly #frame = new EventFrame();
  readonly #rules: readonly RuleDefinition[];
  readonly #index: TriggerIndex;
  readonly #tests: readonly Test[];
  /** Facts that, when true, put paths in doubt. */
  readonly #doubts: readonly number[];
  /** Of rules that may match in doubt although the index does not find them: by what is not in doubt. */
  readonly #indexInDoubt: TriggerIndex;
  readonly #refereed: ReadonlyMap<number, RefereedRule>;
  readonly #hashRules: HashRules;
  readonly #longTexts: LongTexts;
  /** Of rules on which no verdict depends. */
  readonly #longTextsAside: LongTexts;
  /** Numbers of the rules that match the event at hand. */
  readonly #matched: Int32Array;
  readonly #decisions: DecisionCache;
  readonly #onRefereeError: OnRefereeError | undefined;

  constructor(
    trigger: Trigger,
    rules: readonly RuleDefinition[],
    named: NamedConditions,
    options: TriggerRulesOptions,
  ) {
    const frame = this.#frame;
    this.#rules = [...rules].sort(byDecisiveness);
    this.#matched = new Int32Array(rules.length);
    this.#onRefereeError = options.onRefereeError;
    this.#decisions = new DecisionCache(rules.length, (numbers) =>
      decisionOf(numbers.map((number) => this.#rules[number] as RuleDefinition)),
    );
    const isOnLane = options.lane === 'auth';
    const [aside, enforced] = [false, true].map((wanted) =>
      isOnLane ? this.#rules.filter((rule) => isEnforcedVerdict(rule) === wanted) : [],
    ) as [RuleDefinition[], RuleDefinition[]];
    this.#longTexts = new LongTexts(enforced, named, frame);
    this.#longTextsAside = new LongTexts(aside, named, frame);

    const leafTests = new LeafTests(frame);
    const flagsOf = (leaf: Leaf): readonly number[] =>
      doubtsOf(leaf, trigger).map((slot) => frame.register(wholeSlot(slot)));
    const doubtsOfLeaf = (leaf: Leaf): Doubts => (needsReferee(leaf) ? 'always' : flagsOf(leaf));
    const deciding = new ConditionCompiler(leafTests, named, doubtsOfLeaf);
    const adding = new ConditionCompiler(leafTests, named, (leaf) => (needsReferee(leaf) ? 'always' : []));
    const keys = new KeyChooser(this.#rules, named);
    const openTo = (flags: (leaf: Leaf) => Doubts): ConditionCompiler =>
      new ConditionCompiler(leafTests, named, (leaf) => (readsHash(leaf) ? 'always' : flags(leaf)));
    const decidingOpen = openTo(doubtsOfLeaf);
    const addingOpen = openTo((leaf) => (needsReferee(leaf) ? 'always' : []));
    const hashRules = new HashRules(this.#rules, named, frame, (rule) => {
      const compiler = isAuthTrigger(trigger) && isVerdict(rule) ? decidingOpen : addingOpen;
      return compiler.compile(rule.conditions, 'possible');
    });
    this.#hashRules = hashRules;
    const doubts = new Set<number>();
    const doubted = new Set<number>();
    const refereed = new Map<number, RefereedRule>();
    const tests: Test[] = [];
    const ruleKeys = this.#rules.map((rule, number) => {
      const decides = isAuthTrigger(trigger) && isVerdict(rule);
      const compiler = decides ? deciding : adding;
      const bound = rule.event.type === 'allow' ? 'certain' : 'possible';
      const test = compiler.compile(rule.conditions, bound);
      const isAside = isOnLane && !isEnforcedVerdict(rule);
      const texts = new LongTexts(isAside ? [rule] : [], named, frame);
      const leaves = leavesOf(rule, named);
      const flags = decides ? leaves.flatMap(flagsOf) : [];
      for (const flag of flags) doubts.add(flag);
      if (leaves.some(needsReferee)) {
        const isPossible = compiler.compile(rule.conditions, 'possible');
        refereed.set(number, { rule, isPossible, referee: refereeOf(rule, named), doubts: flags, isAside });
        // json-rules-engine knows nothing of doubts: while a path of the rule is in doubt, so is what it would evaluate.
        const inDoubt = flags.length > 0 ? (): boolean => this.#isAnyTrue(flags) && test() : NEVER;
        tests.push(hashRules.onceKnown(number, inDoubt));
        if (flags.length > 0) doubted.add(number);
        return undefined;
      }
      const inTime = texts.isEmpty ? test : (): boolean => !texts.isLong() && test();
      tests.push(hashRules.onceKnown(number, inTime));
      // An allow holds only if it must, and what the index does not find does not hold at all.
      if (flags.length > 0 && bound === 'possible') doubted.add(number);
      return keys.keyOf(rule.conditions);
    });
    this.#tests = tests;
    this.#index = new TriggerIndex(ruleKeys, frame);
    this.#refereed = refereed;
    this.#doubts = [...doubts];
    const keysInDoubt = new KeyChooser(
      this.#rules.filter((_, number) => doubted.has(number)),
      named,
      (leaf) => doubtsOfLeaf(leaf).length === 0,
    );
    this.#indexInDoubt = new TriggerIndex(
      this.#rules.map((rule, number) =>
        doubted.has(number) ? keysInDoubt.keyOf(rule.conditions) : undefined,
      ),
      frame,
    );
  }

  decide(facts: Facts): Decision {
    this.#frame.begin(facts);
    const count = this.#match();
    return count === 0 ? NO_MATCH : this.#decisions.decisionOf(this.#matched, count);
  }

  /** The hashes that an event must have before the verdict is right; none: it is the same whatever they are. */
  hashesWanted(facts: Facts): number {
    if (!this.#isUnhashed(facts)) return NO_HASHES;
    const first = this.#match() === 0 ? undefined : (this.#matched[0] as number);
    const isRefereed = this.#isRefereed(false);
    return this.#hashRules.wanted(
      (rule, number) => isEnforcedVerdict(rule) && (isRefereed || this.#overrules(rule, number, first)),
      this.#isAnyTrue(this.#doubts),
    );
  }

  /** The hashes without which rules can't be told on which no verdict depends. */
  hashesToReport(facts: Facts): number {
    if (!this.#isUnhashed(facts)) return NO_HASHES;
    return this.#hashRules.wanted((rule) => !isEnforcedVerdict(rule), this.#isAnyTrue(this.#doubts));
  }

  #isUnhashed(facts: Facts): boolean {
    if (this.#hashRules.hashesRead === NO_HASHES) return false;
    this.#frame.begin(facts);
    return this.#hashRules.isAnyPending();
  }

  /** Whether the verdict would be another one than that of the rule that decides so far, if any does. */
  #overrules({ event: { type } }: RuleDefinition, number: number, first: number | undefined): boolean {
    const decided = first === undefined ? undefined : (this.#rules[first] as RuleDefinition);
    const isDenied = decided !== undefined && isEnforcedVerdict(decided) && decided.event.type === 'deny';
    const isDecided = decided !== undefined && isEnforcedVerdict(decided);
    return (type === 'deny') !== isDenied && !(isDecided && first !== undefined && first < number);
  }

  needsReferee(facts: Facts): boolean {
    if (this.#refereed.size === 0 && this.#longTexts.isEmpty) return false;
    this.#frame.begin(facts);
    return this.#longTexts.isLong() || this.#isRefereed(false);
  }

  needsReview(facts: Facts): boolean {
    if (this.#refereed.size === 0 && this.#longTextsAside.isEmpty) return false;
    this.#frame.begin(facts);
    return this.#longTextsAside.isLong() || this.#isRefereed(true);
  }

  #isRefereed(aside: boolean): boolean {
    for (const { isPossible, isAside } of this.#refereed.values())
      if (isAside === aside && isPossible()) return true;
    return false;
  }

  async decideAsync(facts: Facts, onRefereeError?: OnRefereeError): Promise<Decision> {
    this.#frame.begin(facts);
    const matched = [...this.#matched.subarray(0, this.#match())];
    // Everything is read from the event before the first await: its buffer may be another's afterwards.
    const pending: Promise<number | undefined>[] = [];
    for (const [number, { rule, referee, isPossible, doubts }] of this.#refereed) {
      if (this.#isAnyTrue(doubts) || !this.#hashRules.isKnown(number) || !isPossible()) continue;
      const matches = referee.matches(facts).catch((error: unknown) => {
        this.#onRefereeError?.(rule, error);
        onRefereeError?.(rule, error);
        return false;
      });
      pending.push(matches.then((isMatch) => (isMatch ? number : undefined)));
    }
    for (const number of await Promise.all(pending)) if (number !== undefined) matched.push(number);
    if (matched.length === 0) return NO_MATCH;
    matched.sort((a, b) => a - b);
    return this.#decisions.decisionOf(matched, matched.length);
  }

  /** Leaves the numbers of the matching rules at the front of #matched, in order; returns how many. */
  #match(): number {
    const hits = this.#index.candidates();
    if (this.#isAnyTrue(this.#doubts)) {
      const more = this.#indexInDoubt.candidates();
      hits.addRules(more.rules, more.count);
    }
    const { rules, count } = hits;
    const tests = this.#tests;
    const matched = this.#matched;
    let found = 0;
    for (let i = 0; i < count; i++) {
      const rule = rules[i] as number;
      if ((tests[rule] as Test)()) matched[found++] = rule;
    }
    if (found > 1) sort(matched, found);
    return found;
  }

  #isAnyTrue(flags: readonly number[]): boolean {
    for (const flag of flags) if (this.#frame.read(flag) === true) return true;
    return false;
  }
}

const isVerdict = ({ event: { type } }: RuleDefinition): boolean => type === 'deny' || type === 'allow';

const isEnforcedVerdict = (rule: RuleDefinition): boolean => isVerdict(rule) && rule.mode === 'enforce';

function leavesOf(rule: RuleDefinition, named: NamedConditions): Leaf[] {
  const leaves: Leaf[] = [];
  visitLeaves(rule.conditions, named, (leaf) => leaves.push(leaf));
  return leaves;
}

// Few rules match one event, and a view of the array would be an allocation.
const FEW = 32;

function sort(numbers: Int32Array, count: number): void {
  if (count > FEW) {
    numbers.subarray(0, count).sort();
    return;
  }
  for (let i = 1; i < count; i++) {
    const number = numbers[i] as number;
    let at = i;
    for (; at > 0 && (numbers[at - 1] as number) > number; at--) numbers[at] = numbers[at - 1] as number;
    numbers[at] = number;
  }
}
