// What to except from a rule: values that many of its unwanted events have, few of the wanted ones, and few of all
// events, for an exception on what is everywhere excepts everything.

import type { Facts } from '../events/facts.ts';
import type { Platform, Trigger } from '../events/triggers.ts';
import { tellingFacts, tellingValue } from './telling-facts.ts';
import { TopValues } from './top-values.ts';

export interface ExceptionHint {
  readonly fact: string;
  readonly value: string;
  /** Of the events that are looked at. */
  readonly count: number;
  /** false: there were more different values than are kept, and the count may be too high. */
  readonly isExact: boolean;
}

/** Values by fact. */
export class FactValues {
  readonly #capacity: number;
  readonly #values = new Map<string, { readonly group: string; readonly top: TopValues }>();
  events = 0;

  /** @param capacity different values of each fact that are kept */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(facts: Facts, trigger: Trigger, platform: Platform): void {
    this.events++;
    for (const fact of tellingFacts(trigger, platform)) {
      const value = tellingValue(facts, fact);
      if (value === undefined) continue;
      let known = this.#values.get(fact.name);
      if (known === undefined) {
        known = { group: fact.group, top: new TopValues(this.#capacity) };
        this.#values.set(fact.name, known);
      }
      known.top.add(value);
    }
  }

  /** Of all events, how many have the value: 0 to 1. */
  share(fact: string, value: string): number {
    return this.events === 0 ? 0 : (this.#values.get(fact)?.top.count(value) ?? 0) / this.events;
  }

  count(fact: string, value: string): number {
    return this.#values.get(fact)?.top.count(value) ?? 0;
  }

  facts(): Iterable<readonly [string, { readonly group: string; readonly top: TopValues }]> {
    return this.#values;
  }
}

interface HintOptions {
  /** Events that the rule is to go on matching. */
  readonly wanted: FactValues;
  /** A sample of all events of the rule's triggers. */
  readonly background: readonly FactValues[];
  readonly pinned: ReadonlySet<string>;
  readonly number: number;
}

const SHARE_MIN = 0.1;

/** The best value of each group of facts, the best group first. */
export function exceptionHints(unwanted: FactValues, options: HintOptions): readonly ExceptionHint[] {
  const { wanted, background, pinned, number } = options;
  const best = new Map<string, { readonly hint: ExceptionHint; readonly score: number }>();
  for (const [fact, { group, top }] of unwanted.facts()) {
    if (pinned.has(group)) continue;
    for (const { value, count } of top.top(3)) {
      // One event has nothing in common with others, and what few of many have is worth no exception.
      if (count < 2 || count < unwanted.events * SHARE_MIN) continue;
      const everywhere = Math.max(0, ...background.map((values) => values.share(fact, value)));
      const score = (count / unwanted.events) * (1 - everywhere) * (1 - wanted.share(fact, value));
      const hint = { fact, value, count, isExact: top.isExact };
      if (score > (best.get(group)?.score ?? 0)) best.set(group, { hint, score });
    }
  }
  return [...best.values()]
    .sort((a, b) => b.score - a.score || (a.hint.fact < b.hint.fact ? -1 : 1))
    .slice(0, number)
    .map(({ hint }) => hint);
}
