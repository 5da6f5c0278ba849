// Rules that the auth lane or the compiled index does not decide by itself, always or for some events, and why.

import type { Trigger } from '../events/triggers.ts';
import { isFactReference, type Leaf, type NamedConditions, visitLeaves } from '../rules/conditions.ts';
import { isAuthTrigger } from '../rules/decision.ts';
import { parseOperatorName } from '../rules/decorators.ts';
import { accessOf, factName } from '../rules/fact-access.ts';
import { needsReferee } from '../rules/predicate.ts';
import type { RuleDefinition } from '../rules/schema.ts';

export interface OutsideRule {
  readonly rule: string;
  readonly trigger: Trigger;
  /** json-rules-engine: for every event that could match · long texts: only for those */
  readonly when: 'json-rules-engine' | 'long texts';
  /**
   * slow lane: the system call waits for it, up to its budget · afterwards: the verdict does not depend on it ·
   * event lane: nobody waits
   */
  readonly where: 'slow lane' | 'afterwards' | 'event lane';
  readonly reason: string;
}

/** As compile.ts has it: a longer text is no work for the auth lane. */
export const LANE_MATCH_MAX = 8192;

export function outsideLane(
  rules: readonly RuleDefinition[],
  named: NamedConditions,
): readonly OutsideRule[] {
  return rules.flatMap((rule) => rule.on.flatMap((trigger) => outsideOn(rule, trigger, named)));
}

function outsideOn(rule: RuleDefinition, trigger: Trigger, named: NamedConditions): OutsideRule[] {
  const leaves: Leaf[] = [];
  visitLeaves(rule.conditions, named, (leaf) => leaves.push(leaf));
  const isVerdict = rule.event.type === 'deny' || rule.event.type === 'allow';
  const waits = rule.mode === 'enforce' && isVerdict;
  const where = !isAuthTrigger(trigger) ? 'event lane' : waits ? 'slow lane' : 'afterwards';
  const refereed = leaves.find(needsReferee);
  if (refereed !== undefined) {
    const reason = `${refereedPath(refereed)} is more than names and indices, so json-rules-engine evaluates it`;
    return [{ rule: rule.name, trigger, when: 'json-rules-engine', where, reason }];
  }
  if (!isAuthTrigger(trigger)) return [];
  const matched = [...new Set(leaves.flatMap(matchedLongText))];
  if (matched.length === 0) return [];
  const reason = `a regular expression looks at ${matched.join(' and ')}, which may have more than ${LANE_MATCH_MAX} characters`;
  return [{ rule: rule.name, trigger, when: 'long texts', where, reason }];
}

function refereedPath({ fact, path, value }: Leaf): string {
  if (accessOf(fact, path) === undefined || !isFactReference(value)) return factName(fact, path);
  return factName(value.fact, value.path);
}

/** Facts that are never longer than a path or a name of the kernel. */
const SHORT =
  /(?:^|\.)(?:executable|path|target_path|name|directory|extension|id|signing_id|team_id|cdhash|sha256|mode|owner|type|stage|script|working_directory)$/;

function matchedLongText(leaf: Leaf): string[] {
  if (parseOperatorName(leaf.operator).operator !== 'matches') return [];
  const name = accessOf(leaf.fact, leaf.path)?.slot?.name;
  return name === undefined || SHORT.test(name) ? [] : [name];
}
