// The rules of one trigger that read a hash: which hashes an event can't be decided without.

import type { NamedConditions } from './conditions.ts';
import { hashesOfRule, NO_HASHES, PendingHashes, readsHash } from './content-hashes.ts';
import type { EventFrame } from './event-frame.ts';
import { KeyChooser } from './index/rule-key.ts';
import { TriggerIndex } from './index/trigger-index.ts';
import type { Test } from './predicate.ts';
import type { RuleDefinition } from './schema.ts';

interface HashRule {
  readonly rule: RuleDefinition;
  readonly hashes: number;
  /** Whether it could match, whatever the hashes are. */
  readonly isPossible: Test;
}

export class HashRules {
  readonly hashesRead: number;
  readonly #pending: PendingHashes;
  /** By number; undefined: it reads none. */
  readonly #rules: readonly (HashRule | undefined)[];
  /** By what is known before any hash is. */
  readonly #index: TriggerIndex;

  /**
   * @param rules of the trigger, in the order in which they decide
   * @param possible compiles a rule so that it holds if it could, whatever its hashes are
   */
  constructor(
    rules: readonly RuleDefinition[],
    named: NamedConditions,
    frame: EventFrame,
    possible: (rule: RuleDefinition) => Test,
  ) {
    this.#rules = rules.map((rule) => {
      const hashes = hashesOfRule(rule, named);
      return hashes === NO_HASHES ? undefined : { rule, hashes, isPossible: possible(rule) };
    });
    const readers = this.#rules.flatMap((one) => one ?? []);
    this.hashesRead = readers.reduce((all, { hashes }) => all | hashes, NO_HASHES);
    this.#pending = new PendingHashes(this.hashesRead, frame);
    const keys = new KeyChooser(
      readers.map(({ rule }) => rule),
      named,
      (leaf) => !readsHash(leaf),
    );
    this.#index = new TriggerIndex(
      this.#rules.map((one) => (one === undefined ? undefined : keys.keyOf(one.rule.conditions))),
      frame,
    );
  }

  isAnyPending(): boolean {
    return this.#pending.pending() !== NO_HASHES;
  }

  /** Of the frame's event: whether the rule can be told by it. */
  isKnown(number: number): boolean {
    const hashes = this.#rules[number]?.hashes ?? NO_HASHES;
    return hashes === NO_HASHES || (this.#pending.pending() & hashes) === NO_HASHES;
  }

  /** A test that is false while a hash that the rule reads is pending. */
  onceKnown(number: number, test: Test): Test {
    return this.#rules[number] === undefined ? test : () => this.isKnown(number) && test();
  }

  /**
   * The hashes of the frame's event that are pending and that some rule can't be told without.
   * @param isWanted of the rules that could match, whether it matters if they do
   * @param inDoubt the index can't be relied on, for a path is unresolved
   */
  wanted(isWanted: (rule: RuleDefinition, number: number) => boolean, inDoubt: boolean): number {
    const pending = this.#pending.pending();
    if (pending === NO_HASHES) return NO_HASHES;
    const { rules, count } = this.#index.candidates();
    let wanted = NO_HASHES;
    const end = inDoubt ? this.#rules.length : count;
    for (let i = 0; i < end && wanted !== pending; i++) {
      const number = inDoubt ? i : (rules[i] as number);
      const one = this.#rules[number];
      if (one === undefined || (one.hashes & pending & ~wanted) === 0) continue;
      if (isWanted(one.rule, number) && one.isPossible()) wanted |= one.hashes & pending;
    }
    return wanted;
  }
}
