// What one rule did over a recording: how often it fired in each of the two sets, which events show it, and what those
// have in common.

import type { Facts } from '../events/facts.ts';
import type { Platform, Trigger } from '../events/triggers.ts';
import { FactValues } from './exception-hints.ts';

/** An event as a person finds it again. */
export interface Example {
  readonly file: string;
  /** Number of the event in the file, from 1. */
  readonly event: number;
  readonly trigger: Trigger;
  /** Encoded. */
  readonly bytes: Uint8Array;
}

export interface TallyLimits {
  readonly examples: number;
  /** Different values of each fact that are kept. */
  readonly values: number;
}

/** newly: only now · gone: only before · kept: in both */
export type Change = 'newly' | 'gone' | 'kept';

export class RuleTally {
  readonly #limits: TallyLimits;
  /** By what became of the event. */
  readonly counts: Record<Change, number> = { newly: 0, gone: 0, kept: 0 };
  /** Of those that fire now: told events that were judged as if they had been asked about. */
  asked = 0;
  readonly values: Readonly<Record<Change, FactValues>>;
  readonly examples: Readonly<Record<Change, Example[]>> = { newly: [], gone: [], kept: [] };
  readonly #shown = new Set<string>();

  constructor(limits: TallyLimits) {
    this.#limits = limits;
    this.values = {
      newly: new FactValues(limits.values),
      gone: new FactValues(limits.values),
      kept: new FactValues(limits.values),
    };
  }

  add(change: Change, facts: Facts, trigger: Trigger, platform: Platform, isAskedAfter: boolean): void {
    this.counts[change]++;
    if (isAskedAfter && change !== 'gone') this.asked++;
    this.values[change].add(facts, trigger, platform);
  }

  /** Different ones first: a hundred times the same program is one example. */
  wantsExample(change: Change, subject: string): boolean {
    const key = `${change} ${subject}`;
    if (this.examples[change].length >= this.#limits.examples || this.#shown.has(key)) return false;
    this.#shown.add(key);
    return true;
  }
}
