// json-logic-engine, each rule compiled to a function, with operators of our own where JSON Logic has none.

import { LogicEngine } from 'json-logic-engine';
import type { Trigger } from '../../src/events/triggers.ts';
import {
  type Condition,
  isFactReference,
  type Leaf,
  type NamedConditions,
} from '../../src/rules/conditions.ts';
import type { RuleSet } from '../../src/rules/schema.ts';
import { addressName, type FlatEvent, flatName, flattenFor, ignoresCase, loweredName } from './flat-event.ts';
import { type FlatRules, flatSubject } from './flat-subject.ts';
import { byTrigger } from './rules-by-trigger.ts';
import { type Subject, UnsupportedRuleError } from './subject.ts';
import { v4Network } from './v4-network.ts';

const NAME = 'json-logic-engine';

export function jsonLogic(ruleSet: RuleSet): Subject {
  const engine = createEngine();
  const logics = new Map<Trigger, FlatRules>();
  for (const [trigger, rules] of byTrigger(ruleSet)) {
    logics.set(trigger, {
      flatten: flattenFor(rules, ruleSet.conditions, 'null').flatten,
      rules: rules.map(({ name, conditions }) => ({
        name,
        test: engine.build(logicOf(conditions, ruleSet.conditions)) as (event: FlatEvent) => unknown,
      })),
    });
  }
  return flatSubject(logics);
}

function createEngine(): LogicEngine {
  const engine = new LogicEngine();
  const patterns = new Map<string, RegExp>();
  const onText = (name: string, test: (fact: string, value: string) => boolean): void =>
    engine.addMethod(
      name,
      ([fact, value]: [unknown, string]) => typeof fact === 'string' && test(fact, value),
      {
        deterministic: true,
      },
    );
  onText('startsWith', (fact, value) => fact.startsWith(value));
  onText('endsWith', (fact, value) => fact.endsWith(value));
  onText('includes', (fact, value) => fact.includes(value));
  onText('matches', (fact, value) => {
    let pattern = patterns.get(value);
    if (pattern === undefined) {
      pattern = new RegExp(value);
      patterns.set(value, pattern);
    }
    return pattern.test(fact);
  });
  engine.addMethod(
    'inNetwork',
    ([address, network, mask]: [number | null, number, number]) =>
      address !== null && (address & mask) === network,
    { deterministic: true },
  );
  return engine;
}

type Logic = { readonly [operator: string]: unknown };

function logicOf(condition: Condition, named: NamedConditions): Logic {
  if ('all' in condition) return { and: condition.all.map((part) => logicOf(part, named)) };
  if ('any' in condition) return { or: condition.any.map((part) => logicOf(part, named)) };
  if ('not' in condition) return { '!': [logicOf(condition.not, named)] };
  if ('condition' in condition) {
    const target = named[condition.condition];
    if (target === undefined) throw new UnsupportedRuleError(NAME, condition.condition);
    return logicOf(target, named);
  }
  return leafLogic(condition);
}

function leafLogic(leaf: Leaf): Logic {
  const name = flatName(leaf.fact, leaf.path);
  const folds = ignoresCase(leaf);
  const fact = { var: folds ? loweredName(name) : name };
  const { value } = leaf;
  const ifThere = (logic: Logic): Logic => ({ and: [{ '!==': [fact, null] }, logic] });
  const right = isFactReference(value)
    ? { var: flatName(value.fact, value.path) }
    : typeof value === 'string' && folds
      ? value.toLowerCase()
      : value;
  const operator = leaf.operator.replace('ignoreCase:', '');
  switch (operator) {
    case 'equal':
      return { '===': [fact, right] };
    case 'notEqual':
      return { '!==': [fact, right] };
    case 'in':
      return { in: [fact, right] };
    case 'contains':
    case 'someFact:equal':
      return ifThere({ in: [right, fact] });
    case 'startsWith':
    case 'endsWith':
    case 'includes':
    case 'matches':
      return { [operator]: [fact, right] };
    case 'someFact:startsWith':
      return ifThere({ some: [fact, { startsWith: [{ var: '' }, right] }] });
    case 'lessThan':
      return ifThere({ '<': [fact, right] });
    case 'greaterThan':
      return ifThere({ '>': [fact, right] });
    case 'greaterThanInclusive':
      return ifThere({ '>=': [fact, right] });
    case 'exists':
      return { [value === true ? '!==' : '===']: [fact, null] };
    case 'inCidr': {
      const { network, mask } = v4Network(String(value));
      return { inNetwork: [{ var: addressName(name) }, network, mask] };
    }
    default:
      throw new UnsupportedRuleError(NAME, leaf.operator);
  }
}
