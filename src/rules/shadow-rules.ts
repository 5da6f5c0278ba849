// A whole rule set in shadow: evaluated beside the enforced one on the same authorization requests, never answering.
import type { CompiledRules } from './compile.ts';
import type { RuleSet } from './schema.ts';

export interface ShadowRules {
  readonly ruleSet: RuleSet;
  /** Compiled without the auth lane's bounds, for what the lane itself does not compare. */
  readonly rules: CompiledRules;
}
