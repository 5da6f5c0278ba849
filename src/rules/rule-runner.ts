// Runs one rule alone, as enforced, over many events: compiled once, whatever the number of its tests.

import type { Facts } from '../events/facts.ts';
import type { Platform, Trigger } from '../events/triggers.ts';
import { type CompiledRules, compileRules } from './compile.ts';
import type { NamedConditions, RootCondition } from './conditions.ts';
import type { RuleDefinition } from './schema.ts';

export interface RuleRunner {
  /** @throws what json-rules-engine throws, of a rule that only it can evaluate */
  matches(platform: Platform, trigger: Trigger, facts: Facts): Promise<boolean>;
}

/** @param conditions the rule's own, or those that its exceptions leave */
export function runnerOf(
  rule: RuleDefinition,
  conditions: RootCondition,
  named: NamedConditions,
): RuleRunner {
  // Enforced: what a rule in shadow mode would do is what its tests are about.
  const alone: RuleDefinition = { ...rule, conditions, mode: 'enforce' };
  const compiled = new Map<Platform, CompiledRules>();
  const errors: unknown[] = [];
  const rulesOf = (platform: Platform): CompiledRules => {
    const known = compiled.get(platform);
    if (known !== undefined) return known;
    const made = compileRules(
      { rules: [alone], conditions: named, lists: {} },
      { platform, onRefereeError: (_, error) => errors.push(error) },
    );
    compiled.set(platform, made);
    return made;
  };
  return {
    async matches(platform, trigger, facts) {
      const rules = rulesOf(platform);
      const { matched } = await rules.decideAsync(trigger, facts);
      const error = errors.pop();
      if (error !== undefined) throw error;
      return matched.length > 0;
    },
  };
}
