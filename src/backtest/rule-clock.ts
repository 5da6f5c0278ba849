// How long each rule takes on an event of its trigger: the very code that decides, one rule alone, over a sample of the
// recording, in rounds, so that what disturbs the machine for a moment disturbs one round. The least of the rounds
// counts: whatever is above it is not the rule's.

import { EncodedFacts } from '../events/encoded-facts.ts';
import type { Platform, Trigger } from '../events/triggers.ts';
import { type CompiledRules, compileRules } from '../rules/compile.ts';
import type { RuleDefinition, RuleSet } from '../rules/schema.ts';
import { AskedFacts } from './as-asked.ts';
import type { SampledTrigger } from './event-sample.ts';

export interface RuleTime {
  readonly rule: string;
  /** Nanoseconds an event, with the reading of the facts that it needs; the slowest of its triggers. */
  readonly nsPerEvent: number;
  readonly trigger: Trigger;
  readonly events: number;
  /** json-rules-engine evaluates it. */
  readonly isRefereed: boolean;
}

export interface ClockOptions {
  /** Also what auth rules take on told events. */
  readonly askedBy: (trigger: Trigger) => Trigger | undefined;
  readonly now?: () => number;
  /** @param share of the work that is done, 0 to 1 */
  readonly onProgress?: (share: number, measurements: number) => void;
}

const ROUNDS = 5;
/** Evaluations in all rounds together: a second or two, whatever the number of rules. */
const EVALUATIONS_MAX = 2_000_000;
const EVENTS_MIN = 8;
/** In a round, where there are fewer events, each several times: a handful of evaluations is over before the clock moves. */
const EVALUATIONS_OF_ROUND = 256;

interface Timed {
  readonly rule: RuleDefinition;
  readonly rules: CompiledRules;
  readonly trigger: Trigger;
  readonly events: readonly Uint8Array[];
  readonly isRefereed: boolean;
  best: number;
}

/** The slowest first. */
export async function clockRules(
  ruleSet: RuleSet,
  samples: readonly SampledTrigger[],
  options: ClockOptions,
): Promise<readonly RuleTime[]> {
  const { now = () => performance.now(), onProgress } = options;
  const timed = samples.flatMap((sample) => timedRules(ruleSet, sample, options));
  const share = Math.floor(EVALUATIONS_MAX / (ROUNDS + 1) / Math.max(1, timed.length));
  const eventsMax = Math.max(EVENTS_MIN, share);
  const measurements = (ROUNDS + 1) * timed.length;
  let measured = 0;
  // The first round warms up and does not count.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const one of timed) {
      const events = one.events.slice(0, eventsMax);
      const repeats = one.isRefereed
        ? 1
        : Math.ceil(Math.min(EVALUATIONS_OF_ROUND, eventsMax) / events.length);
      const started = now();
      for (let repeat = 0; repeat < repeats; repeat++) {
        if (one.isRefereed) await refereeAll(one, events);
        else decideAll(one, events);
      }
      if (round > 0) one.best = Math.min(one.best, (now() - started) / events.length / repeats);
      onProgress?.(++measured / measurements, measured);
    }
  }
  const slowest = new Map<string, RuleTime>();
  for (const { rule, trigger, events, isRefereed, best } of timed) {
    const nsPerEvent = Math.round(best * 1e6);
    if (nsPerEvent <= (slowest.get(rule.name)?.nsPerEvent ?? -1)) continue;
    const counted = Math.min(events.length, eventsMax);
    slowest.set(rule.name, { rule: rule.name, nsPerEvent, trigger, events: counted, isRefereed });
  }
  return [...slowest.values()].sort((a, b) => b.nsPerEvent - a.nsPerEvent);
}

function timedRules(
  ruleSet: RuleSet,
  { platform, trigger, events }: SampledTrigger,
  { askedBy }: ClockOptions,
): Timed[] {
  if (events.length === 0) return [];
  const triggers = [trigger, askedBy(trigger)].filter((one) => one !== undefined);
  return triggers.flatMap((on) =>
    ruleSet.rules
      .filter((rule) => rule.on.includes(on) && rule.platforms.includes(platform))
      .map((rule) => {
        const rules = compileAlone(rule, ruleSet, platform, on);
        const isRefereed = isEverRefereed(rules, on, events);
        return { rule, rules, trigger: on, events, isRefereed, best: Number.POSITIVE_INFINITY };
      }),
  );
}

function compileAlone(
  rule: RuleDefinition,
  ruleSet: RuleSet,
  platform: Platform,
  trigger: Trigger,
): CompiledRules {
  return compileRules({ ...ruleSet, rules: [rule] }, { platform, triggers: (one) => one === trigger });
}

const encoded = new EncodedFacts();
const asked = new AskedFacts();

function isEverRefereed(rules: CompiledRules, trigger: Trigger, events: readonly Uint8Array[]): boolean {
  return events.some((bytes) => rules.needsReferee(trigger, asked.use(encoded.reset(bytes), trigger)));
}

function decideAll({ rules, trigger }: Timed, events: readonly Uint8Array[]): void {
  for (const bytes of events) rules.decide(trigger, encoded.reset(bytes));
}

async function refereeAll({ rules, trigger }: Timed, events: readonly Uint8Array[]): Promise<void> {
  for (const bytes of events) await rules.decideAsync(trigger, encoded.reset(bytes));
}
