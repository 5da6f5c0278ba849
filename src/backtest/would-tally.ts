// Verdicts that are not given, by rule: of rules in shadow mode, and of auth rules on events that were told.

import type { Facts } from '../events/facts.ts';
import { ByProgram, type ProgramCount } from './by-program.ts';

export interface WouldResult extends ProgramCount {
  readonly rule: string;
  readonly verdict: string;
}

export class WouldTally {
  readonly #rules = new Map<
    string,
    { readonly rule: string; readonly verdict: string; readonly by: ByProgram }
  >();

  add(rule: string, verdict: string, facts: Facts, isAsIfAsked: boolean): void {
    const key = `${verdict} ${rule}`;
    let known = this.#rules.get(key);
    if (known === undefined) {
      known = { rule, verdict, by: new ByProgram() };
      this.#rules.set(key, known);
    }
    known.by.add(facts, isAsIfAsked);
  }

  /** The most frequent first. */
  get results(): readonly WouldResult[] {
    return [...this.#rules.values()]
      .map(({ rule, verdict, by }) => ({ rule, verdict, ...by.result }))
      .sort((a, b) => b.events - a.events || (a.rule < b.rule ? -1 : 1));
  }
}
