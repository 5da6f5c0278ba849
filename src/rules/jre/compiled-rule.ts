// One rule of an engine in compiled form.

import type { Event } from 'json-rules-engine';
import { type CompileContext, compileCondition } from './condition.ts';
import type { Frame } from './frame.ts';
import { type ConditionNode, type InternalRule, isPlainRule } from './original.ts';
import { copyOf, isPlainData, isScalar, isUnchanged } from './plain-data.ts';

export interface CompiledRule {
  readonly event: Event;
  readonly priority: number;
  readonly name: unknown;
  isCurrent(): boolean;
  /** Whether this run's facts leave the evaluation to json-rules-engine. */
  isForeign(frame: Frame): boolean;
  test(frame: Frame): boolean;
  /** The conditions with their results. */
  tree(frame: Frame): ConditionNode;
  /** Turns from the evaluation to its result. */
  turns(frame: Frame): number;
  /** The last turn in which json-rules-engine may read a fact for it. */
  readonly lastReading: number;
}

/** undefined: it has no compiled form. */
export function compileRule(
  rule: InternalRule,
  context: CompileContext,
  replacesFactsInParams: boolean,
): CompiledRule | undefined {
  const { conditions: root, ruleEvent, name, priority, engine } = rule;
  if (root === undefined || !isPlainRule(rule)) return undefined;
  if (!isPlainData(ruleEvent) || !isPlainData(name)) return undefined;
  if (replacesFactsInParams && refersToFacts(ruleEvent)) return undefined;
  const condition = compileCondition(root, context);
  if (condition === undefined) return undefined;
  const event = copyOf(ruleEvent);
  const facts = [...context.facts];
  const leaves = [...context.leaves];
  // A group at the root is not noted in the tree: its result is the rule's.
  const isReference = Object.hasOwn(root, 'condition');
  const rootTurns = isReference ? 0 : -1;
  // Parameters are read (1) and gathered (1).
  const paramTurns = replacesFactsInParams && hasParams(ruleEvent) ? 2 : 0;
  const { fixedTurns } = condition;
  return {
    event,
    priority,
    name,
    isCurrent: () =>
      rule.engine === engine &&
      rule.conditions === root &&
      rule.ruleEvent === ruleEvent &&
      ruleEvent.type === event.type &&
      rule.name === name &&
      rule.priority === priority &&
      isPlainRule(rule) &&
      (ruleEvent.params === event.params || isUnchanged(ruleEvent.params, event.params)) &&
      condition.isCurrent(),
    isForeign: (frame) =>
      (frame.isAnyForeign && facts.some((fact) => frame.isForeign(fact))) ||
      (frame.isAnyThrown && leaves.some((leaf) => frame.hasThrown(leaf))),
    test: condition.test,
    lastReading: condition.most.reading,
    tree(frame) {
      const tree = condition.tree(frame);
      if (isReference) return tree;
      // A rule made from an earlier result may bring the key along.
      if (Object.hasOwn(root, 'result')) tree.result = condition.copy().result;
      else delete tree.result;
      return tree;
    },
    turns(frame) {
      const turns = fixedTurns === undefined || frame.isAnyMissing ? condition.turns(frame) : fixedTurns;
      return turns + rootTurns + paramTurns;
    },
  };
}

function refersToFacts({ params }: Event): boolean {
  const isFact = (value: unknown): boolean => !isScalar(value) && Object.hasOwn(value as object, 'fact');
  return typeof params === 'object' && params !== null && Object.values(params).some(isFact);
}

function hasParams({ params }: Event): boolean {
  return typeof params === 'object' && params !== null && Object.keys(params).length > 0;
}
