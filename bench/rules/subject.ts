// What every engine under measurement looks like, Picket's and its rivals'.

import type { RuleSet } from '../../src/rules/schema.ts';
import type { BenchEvent } from './bench-event.ts';

export interface Subject {
  /** Evaluates every rule of the event's trigger; returns how many matched. */
  run(event: BenchEvent): number | Promise<number>;
  /** The same, with the names of the rules that matched, in any order. */
  matches(event: BenchEvent): readonly string[] | Promise<readonly string[]>;
}

/** @throws UnsupportedRuleError */
export type SubjectMaker = (ruleSet: RuleSet) => Subject;

/** A rival has no means for what a rule says. */
export class UnsupportedRuleError extends Error {
  override readonly name = 'UnsupportedRuleError';

  constructor(subject: string, what: string) {
    super(`${subject} has no form for ${what}`);
  }
}
