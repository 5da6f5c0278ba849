// Where the shadow set would have answered an authorization request otherwise than the enforced one did.
import type { Decision } from '../rules/decision.ts';

/** What a rule set says of a request, and the rule that decided; without one it is the allow of no rule. */
export interface Judgement {
  readonly verdict: 'allow' | 'deny';
  readonly rule: string | undefined;
}

export interface ShadowDifference {
  readonly enforced: Judgement;
  readonly shadow: Judgement;
}

/** Why a request was answered and the two sets not compared on it. */
export type ShadowGap =
  | 'busy' // the shadow rules have used up their time, see ShadowBudget
  | 'failed' // the shadow rules could not be evaluated, or need a hash that nobody had computed
  | 'dropped'; // it needs json-rules-engine, and too many did

/** Who keeps count of both sets' answers. */
export interface ShadowSink {
  compared(times: number): void;
  notCompared(why: ShadowGap, times: number): void;
  /** Exact: each difference once. */
  differed(difference: ShadowDifference, times: number): void;
  /** Of pairs of rules beyond those that are counted apart. */
  differedElsewhere(times: number): void;
  /** One of those that were counted, with its encoded event. */
  sampled(difference: ShadowDifference, event: Uint8Array): void;
}

export function judgementOf({ verdict, rule }: Decision): Judgement {
  return { verdict: verdict === 'deny' ? 'deny' : 'allow', rule: rule?.name };
}
