// Recorded events through a rule set, and through the one before it: which rules fire now and did not, which no longer
// do, what would be decided otherwise. Memory depends on the rules that fire, not on the length of the recording.

import { EncodedFacts } from '../events/encoded-facts.ts';
import { platformOf } from '../events/event-platform.ts';
import { type Facts, requiredSlot } from '../events/facts.ts';
import type { Platform, Trigger } from '../events/triggers.ts';
import { earlierNames, type RuleDifferences, ruleDifferences } from '../plan/rule-differences.ts';
import { type CompiledRules, compileRules } from '../rules/compile.ts';
import { type Decision, isAuthTrigger, NO_MATCH } from '../rules/decision.ts';
import type { RuleSet } from '../rules/schema.ts';
import { AnsweredQuestions, AskedFacts, AskedTriggers } from './as-asked.ts';
import { EventSample } from './event-sample.ts';
import { FactValues } from './exception-hints.ts';
import { type Change, RuleTally, type TallyLimits } from './rule-tally.ts';
import { VerdictTally } from './verdict-tally.ts';

export interface BacktestOptions {
  readonly rules: RuleSet;
  readonly before?: RuleSet | undefined;
  /** Whose events these are; not given: as each says itself. */
  readonly platform?: Platform | undefined;
  /** Judge told events by auth rules, too, as if they had been asked about. */
  readonly asAuth: boolean;
  readonly examples: number;
}

export interface RecordedEvent {
  readonly bytes: Uint8Array;
  readonly trigger: Trigger;
  readonly file: string;
  /** From 1. */
  readonly number: number;
}

/** Both sets for one platform. */
interface Sides {
  readonly now: CompiledRules;
  readonly before: CompiledRules | undefined;
  readonly asked: AskedTriggers;
}

const BACKGROUND_STRIDE = 8;
const BACKGROUND_VALUES = 256;
const RULES_WITH_MANY_VALUES = 1_000;

export class Backtest {
  readonly #options: BacktestOptions;
  readonly #facts = new EncodedFacts();
  readonly #askedFacts = new AskedFacts();
  readonly #answered = new AnsweredQuestions();
  readonly #sides = new Map<Platform, Sides>();
  readonly #earlier: (name: string) => string | undefined;
  readonly #later: (name: string) => string;
  readonly #changes = new WeakMap<Decision, WeakMap<Decision, readonly RuleChange[]>>();
  readonly #limits: TallyLimits;
  readonly differences: RuleDifferences | undefined;
  /** By the rule's name now; of those that fired. */
  readonly tallies = new Map<string, RuleTally>();
  readonly triggers = new Map<Trigger, number>();
  readonly platforms = new Set<Platform>();
  /** Told events that were judged as if asked about, by the auth trigger. */
  readonly asked = new Map<Trigger, number>();
  readonly verdicts: VerdictTally;
  readonly background = new Map<Trigger, FactValues>();
  readonly sample = new EventSample();
  events = 0;

  constructor(options: BacktestOptions) {
    this.#options = options;
    const { rules, before, examples } = options;
    this.differences = before && ruleDifferences(before, rules);
    this.#earlier = this.differences === undefined ? (name) => name : earlierNames(this.differences);
    const renamed = new Map(this.differences?.renamed.map(({ from, to }) => [from, to]));
    this.#later = (name) => renamed.get(name) ?? name;
    this.#limits = { examples, values: rules.rules.length > RULES_WITH_MANY_VALUES ? 8 : 32 };
    this.verdicts = new VerdictTally(before !== undefined);
  }

  /** One after another: a rule may be left to json-rules-engine, which answers later. */
  async add(event: RecordedEvent): Promise<void> {
    const { bytes, trigger } = event;
    const facts = this.#facts.reset(bytes);
    const platform = this.#options.platform ?? platformOf(facts);
    const sides = this.#sidesOf(platform);
    count(this.triggers, trigger);
    this.platforms.add(platform);
    this.events++;
    this.sample.add(platform, trigger, bytes);
    if (this.events % BACKGROUND_STRIDE === 1) this.#addBackground(facts, trigger, platform);
    await this.#judge(event, facts, trigger, platform, sides, false);
    if (!this.#options.asAuth) return;
    if (isAuthTrigger(trigger)) this.#answered.asked(trigger, facts);
    const asked = sides.asked.of(trigger);
    if (asked === undefined || this.#answered.takes(trigger, facts)) return;
    count(this.asked, asked);
    await this.#judge(event, this.#askedFacts.use(facts, asked), asked, platform, sides, true);
  }

  async #judge(
    event: RecordedEvent,
    facts: Facts,
    trigger: Trigger,
    platform: Platform,
    { now, before }: Sides,
    isAskedAfter: boolean,
  ): Promise<void> {
    const decision = await decisionOf(now, trigger, facts);
    const earlier = before === undefined ? decision : await decisionOf(before, trigger, facts);
    if (decision === NO_MATCH && earlier === NO_MATCH) return;
    this.verdicts.add(decision, earlier, facts, isAuthTrigger(trigger), isAskedAfter);
    for (const { rule, change } of this.#changesOf(decision, earlier)) {
      const tally = this.#tallyOf(rule);
      tally.add(change, facts, trigger, platform, isAskedAfter);
      if (tally.wantsExample(change, subjectOf(facts))) {
        const { file, number, bytes } = event;
        tally.examples[change].push({ file, event: number, trigger, bytes: bytes.slice() });
      }
    }
  }

  /** Decisions are shared between events, so each pair of them is compared once. */
  #changesOf(now: Decision, before: Decision): readonly RuleChange[] {
    let others = this.#changes.get(now);
    if (others === undefined) {
      others = new WeakMap();
      this.#changes.set(now, others);
    }
    let changes = others.get(before);
    if (changes === undefined) {
      changes = this.#compare(now, before);
      others.set(before, changes);
    }
    return changes;
  }

  #compare(now: Decision, before: Decision): readonly RuleChange[] {
    const earlier = new Set(before.matched.map(({ name }) => name));
    const changes = now.matched.map(({ name }): RuleChange => {
      const was = this.#earlier(name);
      const isKept = was !== undefined && earlier.delete(was);
      return { rule: name, change: isKept ? 'kept' : 'newly' };
    });
    for (const name of earlier) changes.push({ rule: this.#later(name), change: 'gone' });
    return changes;
  }

  #tallyOf(rule: string): RuleTally {
    let tally = this.tallies.get(rule);
    if (tally === undefined) {
      tally = new RuleTally(this.#limits);
      this.tallies.set(rule, tally);
    }
    return tally;
  }

  #sidesOf(platform: Platform): Sides {
    let sides = this.#sides.get(platform);
    if (sides === undefined) {
      const { rules, before } = this.#options;
      const now = compileRules(rules, { platform });
      const old = before && compileRules(before, { platform });
      const asked = new AskedTriggers(...(old === undefined ? [now] : [now, old]));
      sides = { now, before: old, asked };
      this.#sides.set(platform, sides);
    }
    return sides;
  }

  #addBackground(facts: Facts, trigger: Trigger, platform: Platform): void {
    let values = this.background.get(trigger);
    if (values === undefined) {
      values = new FactValues(BACKGROUND_VALUES);
      // Actions come from recordings; their number is not to be an outsider's choice.
      if (this.background.size < 1024) this.background.set(trigger, values);
    }
    values.add(facts, trigger, platform);
  }
}

interface RuleChange {
  readonly rule: string;
  readonly change: Change;
}

/** Without a promise of its own where json-rules-engine need not be asked: recordings are long. */
function decisionOf(rules: CompiledRules, trigger: Trigger, facts: Facts): Decision | Promise<Decision> {
  return rules.needsReferee(trigger, facts)
    ? rules.decideAsync(trigger, facts)
    : rules.decide(trigger, facts);
}

function count<K>(counts: Map<K, number>, key: K): void {
  if (counts.size < 4096 || counts.has(key)) counts.set(key, (counts.get(key) ?? 0) + 1);
}

const PROGRAM = requiredSlot('process.executable');
const FILE = requiredSlot('file.path');
const QUESTION = requiredSlot('dns.question.name');

function subjectOf(facts: Facts): string {
  return [PROGRAM, FILE, QUESTION].map((slot) => String(facts.get(slot) ?? '')).join(' ');
}
