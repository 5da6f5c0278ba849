// Why the bridge can't give a rule's verdict by itself: the first condition that it has no test for.

import type { Trigger } from '../events/triggers.ts';
import { type Condition, isFactReference, type Leaf, type NamedConditions } from '../rules/conditions.ts';
import { accessOf, factName } from '../rules/fact-access.ts';
import { exactTests } from '../rules/static-tests.ts';

/** undefined: the bridge could test the whole condition. */
export function whatBridgeCantTest(
  condition: Condition,
  named: NamedConditions,
  trigger: Trigger,
): string | undefined {
  const tests = exactTests(condition, named, trigger);
  if (tests !== undefined) {
    return tests.every((conjunction) => conjunction.length > 0) ? undefined : 'it holds for every event';
  }
  return firstObstacle(condition, named, trigger) ?? 'it has too many alternatives for a policy';
}

function firstObstacle(condition: Condition, named: NamedConditions, trigger: Trigger): string | undefined {
  if ('fact' in condition) {
    const isTestable = exactTests({ all: [condition] }, named, trigger) !== undefined;
    return isTestable ? undefined : obstacleOf(condition, trigger);
  }
  if ('not' in condition) return 'it has a `not`';
  if ('condition' in condition) {
    const target = named[condition.condition];
    return target === undefined ? undefined : firstObstacle(target, named, trigger);
  }
  for (const part of 'all' in condition ? condition.all : condition.any) {
    const found = firstObstacle(part, named, trigger);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A long list is the agent's to look up; a policy has no place for it. */
const MANY_VALUES = 100;

function obstacleOf({ fact, path, operator, value }: Leaf, trigger: Trigger): string {
  const name = factName(fact, path);
  if (!isPathOfBridge(accessOf(fact, path)?.slot?.name, trigger)) return `it reads ${name}`;
  if (isFactReference(value)) return `it compares ${name} with ${factName(value.fact, value.path)}`;
  const many = Array.isArray(value) && value.length > MANY_VALUES ? ` with ${value.length} values` : '';
  return `it compares ${name} by \`${operator}\`${many}`;
}

function isPathOfBridge(name: string | undefined, trigger: Trigger): boolean {
  if (name === 'file.path' || name === 'process.executable') return true;
  return name === 'process.previous.executable' && trigger === 'auth.exec';
}
