// What would have been decided, and what otherwise than before: denials by program, what is forwarded, what alerts, and
// what rules in shadow mode would have done.

import type { Facts } from '../events/facts.ts';
import type { Decision } from '../rules/decision.ts';
import { ByProgram, type ProgramCount } from './by-program.ts';
import { type WouldResult, WouldTally } from './would-tally.ts';

export interface VerdictResult {
  readonly denied: ProgramCount;
  /** Allowed before. */
  readonly newlyDenied: ProgramCount;
  readonly noLongerDenied: ProgramCount;
  readonly forwarded: { readonly before: number | undefined; readonly now: number };
  readonly alerts: { readonly before: number | undefined; readonly now: number };
  readonly shadow: readonly WouldResult[];
}

export class VerdictTally {
  readonly #isCompared: boolean;
  readonly #denied = new ByProgram();
  readonly #newlyDenied = new ByProgram();
  readonly #noLongerDenied = new ByProgram();
  readonly #would = new WouldTally();
  readonly #forwarded = { before: 0, now: 0 };
  readonly #alerts = { before: 0, now: 0 };

  constructor(isCompared: boolean) {
    this.#isCompared = isCompared;
  }

  /** @param before the same decision, where there is nothing to compare with */
  add(now: Decision, before: Decision, facts: Facts, isAuth: boolean, isAskedAfter: boolean): void {
    if (isAuth) this.#addAuth(now, before, facts, isAskedAfter);
    else {
      if (now.verdict === 'forward') this.#forwarded.now++;
      if (before.verdict === 'forward') this.#forwarded.before++;
    }
    if (now.alerts.length > 0) this.#alerts.now++;
    if (before.alerts.length > 0) this.#alerts.before++;
    for (const { rule, verdict } of now.shadow) this.#would.add(rule, verdict, facts, isAskedAfter);
  }

  #addAuth(now: Decision, before: Decision, facts: Facts, isAskedAfter: boolean): void {
    const isDenied = now.verdict === 'deny';
    const wasDenied = before.verdict === 'deny';
    if (isDenied) this.#denied.add(facts, isAskedAfter);
    if (isDenied && !wasDenied) this.#newlyDenied.add(facts, isAskedAfter);
    if (wasDenied && !isDenied) this.#noLongerDenied.add(facts, isAskedAfter);
  }

  get result(): VerdictResult {
    const before = (of: { before: number }): number | undefined => (this.#isCompared ? of.before : undefined);
    return {
      denied: this.#denied.result,
      newlyDenied: this.#newlyDenied.result,
      noLongerDenied: this.#noLongerDenied.result,
      forwarded: { now: this.#forwarded.now, before: before(this.#forwarded) },
      alerts: { now: this.#alerts.now, before: before(this.#alerts) },
      shadow: this.#would.results,
    };
  }
}
