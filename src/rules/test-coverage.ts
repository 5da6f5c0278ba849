// Which tests of rules' conditions have come out true and which false while the rules were tested. A condition that no
// test made false could be left out unnoticed; one that none made true could be mistyped.

import type { Facts } from '../events/facts.ts';
import type { Trigger } from '../events/triggers.ts';
import type { LeafPlaces } from './condition-context.ts';
import { type ConditionProbe, probeOf } from './condition-probe.ts';
import { describeFact } from './condition-view.ts';
import { isFactReference, type Leaf, type NamedConditions, visitLeaves } from './conditions.ts';
import { factName } from './fact-access.ts';
import type { Place } from './rule-document.ts';
import type { RuleDefinition, RuleSet } from './schema.ts';

export interface CoveredLeaf extends Place {
  /** Of the rule; of a named condition: those that use it. */
  readonly rules: readonly string[];
  /** `process.executable startsWith "/tmp/"`. */
  readonly condition: string;
  /** Events for which it was true, and false. */
  readonly whenTrue: number;
  readonly whenFalse: number;
}

export interface CoverageReport {
  readonly leaves: readonly CoveredLeaf[];
  /** Conditions that have been both. */
  readonly both: number;
  /** Outcomes seen, of two a condition. */
  readonly outcomes: number;
}

interface Tally {
  readonly rules: Set<string>;
  readonly place: Place;
  whenTrue: number;
  whenFalse: number;
}

export class Coverage {
  readonly #named: NamedConditions;
  readonly #tallies = new Map<Leaf, Tally>();
  readonly #probes = new Map<
    RuleDefinition,
    Map<Trigger, { probe: ConditionProbe; leaves: readonly Leaf[] }>
  >();

  constructor(ruleSet: RuleSet, places: LeafPlaces) {
    this.#named = ruleSet.conditions;
    for (const rule of ruleSet.rules) {
      visitLeaves(rule.own, ruleSet.conditions, (leaf) => {
        const tally = this.#tallies.get(leaf);
        if (tally !== undefined) {
          tally.rules.add(rule.name);
          return;
        }
        const { file, line, column } = places.get(leaf)?.('fact') ?? rule.place;
        this.#tallies.set(leaf, {
          rules: new Set([rule.name]),
          place: { file, line, column },
          whenTrue: 0,
          whenFalse: 0,
        });
      });
    }
  }

  /** Counts what each condition of the rule is for the event; nothing for one whose path is in doubt. */
  async see(rule: RuleDefinition, trigger: Trigger, facts: Facts): Promise<void> {
    const { probe, leaves } = this.#probeOf(rule, trigger);
    const sight = await probe.look(facts);
    for (const leaf of leaves) {
      const tally = this.#tallies.get(leaf);
      if (tally === undefined || sight.isInDoubt(leaf)) continue;
      if (sight.isTrue(leaf, probe.bound)) tally.whenTrue++;
      else tally.whenFalse++;
    }
  }

  report(): CoverageReport {
    const leaves = [...this.#tallies].map(([leaf, { rules, place, whenTrue, whenFalse }]): CoveredLeaf => {
      return { ...place, rules: [...rules], condition: textOfLeaf(leaf), whenTrue, whenFalse };
    });
    const both = leaves.filter(isBoth).length;
    const outcomes = leaves.reduce(
      (sum, { whenTrue, whenFalse }) => sum + Number(whenTrue > 0) + Number(whenFalse > 0),
      0,
    );
    return { leaves, both, outcomes };
  }

  #probeOf(rule: RuleDefinition, trigger: Trigger): { probe: ConditionProbe; leaves: readonly Leaf[] } {
    const ofRule =
      this.#probes.get(rule) ?? new Map<Trigger, { probe: ConditionProbe; leaves: readonly Leaf[] }>();
    this.#probes.set(rule, ofRule);
    const known = ofRule.get(trigger);
    if (known !== undefined) return known;
    const leaves = new Set<Leaf>();
    visitLeaves(rule.own, this.#named, (leaf) => leaves.add(leaf));
    const made = { probe: probeOf(rule, [rule.own], this.#named, trigger), leaves: [...leaves] };
    ofRule.set(trigger, made);
    return made;
  }
}

export function isBoth({ whenTrue, whenFalse }: CoveredLeaf): boolean {
  return whenTrue > 0 && whenFalse > 0;
}

/** Of outcomes; of whole conditions where both are asked of each. Without a condition nothing is missing. */
export function percentOf({ leaves, both, outcomes }: CoverageReport, requireBoth: boolean): number {
  if (leaves.length === 0) return 100;
  return requireBoth ? (100 * both) / leaves.length : (100 * outcomes) / (2 * leaves.length);
}

function textOfLeaf({ fact, path, operator, value }: Leaf): string {
  const right = isFactReference(value) ? factName(value.fact, value.path) : describeFact(value);
  return `${factName(fact, path)} ${operator} ${right}`;
}
