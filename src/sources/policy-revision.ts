// One state of the rules, ready to be judged by: what the auth lane compiles, what the event lane evaluates and what the
// bridge is told. Each has an epoch of its own, and every authorization request names the epoch it is judged by.
import type { picket } from '../events/proto/picket.js';
import type { Platform } from '../events/triggers.ts';
import type { CompiledRules } from '../rules/compile.ts';
import type { RuleSet } from '../rules/schema.ts';
import type { ShadowRules } from '../rules/shadow-rules.ts';

export interface PolicyRevision {
  readonly epoch: number;
  readonly ruleSet: RuleSet;
  /** Whose events are judged: all three lanes by the same, whatever system the bridge runs on. */
  readonly platform: Platform;
  /** For the event lane and the slow lane. */
  readonly rules: CompiledRules;
  /** Compared with them on each authorization request; undefined: there is no shadow set. */
  readonly shadow?: ShadowRules | undefined;
  /** What the bridge subscribes to and answers by itself; without the epoch. */
  readonly policy: picket.v1.IPolicy;
}
