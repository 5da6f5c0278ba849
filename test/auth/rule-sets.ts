// Rule sets for the tests of the auth lane, as the loader would leave them.
import type { RootCondition } from '../../src/rules/conditions.ts';
import type { RuleDefinition, RuleSet } from '../../src/rules/schema.ts';

export function rule(
  name: string,
  conditions: RootCondition,
  more: Partial<RuleDefinition> = {},
): RuleDefinition {
  return {
    name,
    on: ['auth.open', 'auth.exec'],
    platforms: ['linux'],
    description: '',
    severity: 'high',
    tags: ['attack.t1204.002'],
    mode: 'enforce',
    priority: 1,
    conditions,
    own: conditions,
    exceptions: [],
    event: { type: 'deny', params: {} },
    tests: [],
    references: [],
    falsePositives: [],
    place: { file: 'test.yaml', line: 1, column: 1 },
    ...more,
  };
}

export function ruleSet(...rules: RuleDefinition[]): RuleSet {
  return { rules, conditions: {}, lists: {} };
}

/** Denies what lies under /denied, by a rule that is named after the epoch: the verdict shows which set judged. */
export function rulesOfEpoch(epoch: number): RuleSet {
  return ruleSet(
    rule(`epoch-${epoch}`, {
      all: [{ fact: 'file', path: '$.path', operator: 'startsWith', value: '/denied/' }],
    }),
  );
}
