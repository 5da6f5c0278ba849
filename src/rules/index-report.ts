// What the index of each trigger looks like, in plain data: which rules are found by which kind of key, which are tried
// on every event and why, and which are left to json-rules-engine.

import type { Platform, Trigger } from '../events/triggers.ts';
import { type Leaf, type NamedConditions, visitLeaves } from './conditions.ts';
import { factName } from './fact-access.ts';
import type { KeyKind } from './index/leaf-key.ts';
import { KeyChooser, type KeyPart } from './index/rule-key.ts';
import { needsReferee } from './predicate.ts';
import type { RuleDefinition, RuleSet } from './schema.ts';

/** Keys of one kind in one fact. */
interface KeyedFact {
  readonly kind: KeyKind;
  /** `process.executable`, `process.args[0]` */
  readonly fact: string;
  /** Compared without its case. */
  readonly ignoresCase: boolean;
  /** The fact is a list, and each of its entries is looked up. */
  readonly isList: boolean;
  /** Rules that are found by it, among others perhaps: an `any` has a key for each of its branches. */
  readonly rules: number;
  /** Different values in the index; of ranges, different ranges. */
  readonly values: number;
}

interface RuleReason {
  readonly rule: string;
  /** In words, without a full stop. */
  readonly reason: string;
}

export interface TriggerIndex {
  readonly trigger: Trigger;
  readonly rules: number;
  /** Those with the most rules first. */
  readonly keys: readonly KeyedFact[];
  /** Rules without a key: each is tried on every event of the trigger. */
  readonly residue: readonly RuleReason[];
  /** Rules that json-rules-engine evaluates; never on the auth lane. */
  readonly refereed: readonly RuleReason[];
}

/** The triggers of the rules that apply on the platform, in the order of the rules. */
export function describeIndex(ruleSet: RuleSet, platform: Platform): readonly TriggerIndex[] {
  const rules = ruleSet.rules.filter(({ platforms }) => platforms.includes(platform));
  const triggers = [...new Set(rules.flatMap(({ on }) => on))];
  return triggers.map((trigger) =>
    describeTrigger(
      trigger,
      rules.filter(({ on }) => on.includes(trigger)),
      ruleSet.conditions,
    ),
  );
}

function describeTrigger(
  trigger: Trigger,
  rules: readonly RuleDefinition[],
  named: NamedConditions,
): TriggerIndex {
  const chooser = new KeyChooser(rules, named);
  const tallies = new Map<string, Tally>();
  const residue: RuleReason[] = [];
  const refereed: RuleReason[] = [];
  for (const rule of rules) {
    const [leaf] = refereedLeaves(rule, named);
    if (leaf !== undefined) {
      const reason = `\`${factName(leaf.fact, leaf.path)} ${leaf.operator}\` has a path with filters, wildcards or slices`;
      refereed.push({ rule: rule.name, reason });
      continue;
    }
    const key = chooser.keyOf(rule.conditions);
    if ('reason' in key) residue.push({ rule: rule.name, reason: key.reason });
    else for (const part of key.parts) tallyOf(tallies, part).add(part, rule.name);
  }
  const keys = [...tallies.values()].map((tally) => tally.keyedFact());
  return { trigger, rules: rules.length, keys: keys.sort((a, b) => b.rules - a.rules), residue, refereed };
}

function refereedLeaves({ conditions }: RuleDefinition, named: NamedConditions): readonly Leaf[] {
  const leaves: Leaf[] = [];
  visitLeaves(conditions, named, (leaf) => {
    if (needsReferee(leaf)) leaves.push(leaf);
  });
  return leaves;
}

function tallyOf(tallies: Map<string, Tally>, part: KeyPart): Tally {
  const name = `${part.kind} ${part.fact} ${part.isFolded} ${part.isList}`;
  let tally = tallies.get(name);
  if (tally === undefined) {
    tally = new Tally(part);
    tallies.set(name, tally);
  }
  return tally;
}

class Tally {
  readonly #part: KeyPart;
  readonly #rules = new Set<string>();
  readonly #lists = new Set<unknown>();
  readonly #values = new Set<unknown>();

  constructor(part: KeyPart) {
    this.#part = part;
  }

  add({ place, values, low, high }: KeyPart, rule: string): void {
    this.#rules.add(rule);
    if (place === 'range') this.#values.add(`${low} ${high}`);
    // A long list that many rules share is counted once.
    if (this.#lists.has(values)) return;
    this.#lists.add(values);
    for (const value of values) this.#values.add(value);
  }

  keyedFact(): KeyedFact {
    const { kind, fact, isFolded, isList } = this.#part;
    return {
      kind,
      fact,
      ignoresCase: isFolded,
      isList,
      rules: this.#rules.size,
      values: this.#values.size,
    };
  }
}
