// What the rules of a test made of its events, and where that falls short of what the test expects.

import type { Facts } from '../events/facts.ts';
import type { Platform, Trigger } from '../events/triggers.ts';
import type { Decision } from './decision.ts';
import { type FileExpectation, textOfCount } from './file-expectation.ts';
import type { FileTest } from './file-test.ts';

/** One event as the rules of a test see it. */
export interface TestedEvent {
  /** `event 3`, `event 3 of day.picket`, `the event`. */
  readonly name: string;
  readonly trigger: Trigger;
  readonly platform: Platform;
  facts(): Facts;
}

/** What the rules of a test made of its events. */
export interface Outcome {
  /** By rule, the events that it matched. */
  readonly matches: ReadonlyMap<string, readonly TestedEvent[]>;
  readonly verdicts: readonly { readonly event: TestedEvent; readonly decision: Decision }[];
  /** Those that some rule of the test is asked about. */
  readonly asked: readonly TestedEvent[];
}

export type Shortfall =
  | {
      readonly kind: 'missed' | 'unwanted';
      readonly rule: string;
      /** undefined: any number but none. */
      readonly expected: number | undefined;
      readonly events: readonly TestedEvent[];
    }
  | {
      readonly kind: 'verdict';
      readonly expected: string;
      readonly event: TestedEvent;
      readonly decision: Decision;
    };

export function shortfallsOf(
  { counts, only, verdict }: FileExpectation,
  outcome: Outcome,
): readonly Shortfall[] {
  const shortfalls: Shortfall[] = [];
  const matched = (name: string): readonly TestedEvent[] => outcome.matches.get(name) ?? [];
  for (const [rule, expected] of counts ?? []) {
    const events = matched(rule);
    if (events.length < expected) shortfalls.push({ rule, kind: 'missed', expected, events });
    if (events.length > expected) shortfalls.push({ rule, kind: 'unwanted', expected, events });
  }
  if (only !== undefined) {
    for (const rule of only) {
      if (matched(rule).length === 0)
        shortfalls.push({ rule, kind: 'missed', expected: undefined, events: [] });
    }
    for (const [rule, events] of outcome.matches) {
      if (!only.includes(rule)) shortfalls.push({ rule, kind: 'unwanted', expected: 0, events });
    }
  }
  if (verdict !== undefined) {
    const wrong = outcome.verdicts.find(({ decision }) => decision.verdict !== verdict);
    if (wrong !== undefined) shortfalls.push({ kind: 'verdict', expected: verdict, ...wrong });
  }
  return shortfalls;
}

/** In the words of the expectation. */
export function textOfOutcome(
  { rule, expect: { counts, verdict } }: FileTest,
  { matches, verdicts }: Outcome,
): string {
  const countOf = (name: string): number => matches.get(name)?.length ?? 0;
  const parts: string[] = [];
  if (verdict !== undefined) {
    const seen = [...new Set(verdicts.map(({ decision }) => decision.verdict))];
    parts.push(`verdict ${seen.length === 0 ? 'none' : seen.join(' and ')}`);
  }
  if (counts !== undefined) {
    parts.push(
      ...(rule === undefined
        ? [...counts.keys()].map((name) => `${name} ${countOf(name)}`)
        : [textOfCount(countOf(rule.name))]),
    );
  } else if (verdict === undefined) {
    const names = [...matches.keys()].sort();
    parts.push(names.length === 0 ? 'none' : (rule?.event.type ?? names.join(', ')));
  }
  return parts.join(', ');
}
