// Judges requests a second time, by the shadow set, once they are answered, and counts where it would have answered
// otherwise. Of each pair of rules that differ some events a minute are passed on, as samples.
import { EncodedFacts } from '../events/encoded-facts.ts';
import type { CompiledRules } from '../rules/compile.ts';
import { NO_HASHES } from '../rules/content-hashes.ts';
import type { Decision } from '../rules/decision.ts';
import type { RuleDefinition, RuleSet } from '../rules/schema.ts';
import { AuthTriggers } from './auth-trigger.ts';
import type { Answers } from './judge.ts';
import type { LaneBatch } from './lane-frames.ts';
import { writeNote } from './lane-notes.ts';
import type { LaneRing } from './lane-ring.ts';
import { ShadowBudget } from './shadow-budget.ts';
import { noRule, type ShadowCounts } from './shadow-counts.ts';
import { judgementOf } from './shadow-difference.ts';

/** Of one pair; the rest is only counted. */
const samplesAMinute = 3;
const minuteMs = 60_000;

export interface ShadowJudgeOptions {
  readonly enforced: RuleSet;
  readonly shadow: RuleSet;
  /** Of `shadow`. */
  readonly rules: CompiledRules;
  readonly epoch: number;
  readonly counts: ShadowCounts;
  readonly ring: LaneRing;
}

export class ShadowJudge {
  readonly #options: ShadowJudgeOptions;
  readonly #enforcedPlaces: ReadonlyMap<RuleDefinition, number>;
  readonly #shadowPlaces: ReadonlyMap<RuleDefinition, number>;
  readonly #facts = new EncodedFacts();
  readonly #triggers = new AuthTriggers();
  readonly #budget = new ShadowBudget();
  /** By the place of a pair: since when samples are counted, and how many there were. */
  readonly #sampledSince: number[] = [];
  readonly #samples: number[] = [];

  constructor(options: ShadowJudgeOptions) {
    this.#options = options;
    this.#enforcedPlaces = placesOf(options.enforced);
    this.#shadowPlaces = placesOf(options.shadow);
  }

  /** The requests of a batch that were answered by its rules; those that were deferred are compared where they are judged. */
  compare({ batch, decisions, messages }: Answers): void {
    if (batch === undefined) return;
    const { counts } = this.#options;
    let before = performance.now();
    for (let index = 0; index < messages; index += 1) {
      const decision = decisions[index];
      if (decision === undefined) continue;
      if (!this.#budget.allows(before)) {
        counts.add('busy');
        continue;
      }
      try {
        this.#compareOne(batch, index, decision, before);
      } catch {
        counts.add('failed');
      }
      const after = performance.now();
      this.#budget.spend(after - before);
      before = after;
    }
  }

  #compareOne(batch: LaneBatch, index: number, decision: Decision, nowMs: number): void {
    const { rules, counts, ring, epoch } = this.#options;
    const start = batch.eventStart[index] ?? 0;
    const end = batch.eventEnd[index] ?? 0;
    const trigger = this.#triggers.of(batch.bytes, start, end);
    if (trigger === undefined) return;
    const facts = this.#facts.reset(batch.bytes, start, end);
    // Nobody hashes a file for rules that are not in force.
    if (rules.hashesWanted(trigger, facts) !== NO_HASHES) {
      counts.add('failed');
      return;
    }
    if (rules.needsReferee(trigger, facts)) {
      const note = { kind: 'shadow_undecided', epoch, trigger, enforced: judgementOf(decision) } as const;
      if (!writeNote(ring, note, batch.bytes, start, end)) counts.add('dropped');
      return;
    }
    const other = rules.decide(trigger, facts);
    counts.add('compared');
    if ((other.verdict === 'deny') === (decision.verdict === 'deny')) return;
    const enforced = placeOf(this.#enforcedPlaces, decision);
    const pair = counts.differed(enforced, placeOf(this.#shadowPlaces, other));
    if (pair === undefined || !this.#isSampled(pair, nowMs)) return;
    const difference = { enforced: judgementOf(decision), shadow: judgementOf(other) };
    writeNote(ring, { kind: 'shadow_difference', epoch, difference }, batch.bytes, start, end);
  }

  #isSampled(pair: number, nowMs: number): boolean {
    const since = this.#sampledSince[pair];
    if (since === undefined || nowMs - since >= minuteMs) {
      this.#sampledSince[pair] = nowMs;
      this.#samples[pair] = 0;
    }
    const count = (this.#samples[pair] ?? 0) + 1;
    this.#samples[pair] = count;
    return count <= samplesAMinute;
  }
}

function placesOf({ rules }: RuleSet): ReadonlyMap<RuleDefinition, number> {
  return new Map(rules.map((rule, place) => [rule, place]));
}

function placeOf(places: ReadonlyMap<RuleDefinition, number>, { rule }: Decision): number {
  return rule === undefined ? noRule : (places.get(rule) ?? noRule);
}
