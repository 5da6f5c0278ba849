// @marcbachmann/cel-js, each rule one expression that is parsed and checked once.

import { Environment } from '@marcbachmann/cel-js';
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

const NAME = 'cel-js';

export function cel(ruleSet: RuleSet): Subject {
  const all = new Map<Trigger, FlatRules>();
  for (const [trigger, rules] of byTrigger(ruleSet)) {
    const { flatten, names } = flattenFor(rules, ruleSet.conditions, 'null');
    const environment = createEnvironment(names);
    all.set(trigger, {
      flatten,
      rules: rules.map(({ name, conditions }) => ({
        name,
        test: environment.parse(expression(conditions, ruleSet.conditions)) as (event: FlatEvent) => unknown,
      })),
    });
  }
  return flatSubject(all);
}

function createEnvironment(names: readonly string[]): Environment {
  const environment = new Environment();
  for (const name of names) environment.registerVariable(name, 'dyn');
  environment.registerFunction(
    'inNetwork(dyn, double, double): bool',
    (address: unknown, network: number, mask: number) =>
      typeof address === 'number' && (address & mask) === network,
  );
  // Its own `matches` makes a RegExp at every call.
  const patterns = new Map<string, RegExp>();
  environment.registerFunction('found(dyn, string): bool', (text: unknown, source: string) => {
    let pattern = patterns.get(source);
    if (pattern === undefined) {
      pattern = new RegExp(source);
      patterns.set(source, pattern);
    }
    return typeof text === 'string' && pattern.test(text);
  });
  return environment;
}

function expression(condition: Condition, named: NamedConditions): string {
  const parts = (list: readonly Condition[], operator: string): string =>
    `(${list.map((part) => expression(part, named)).join(operator)})`;
  if ('all' in condition) return parts(condition.all, ' && ');
  if ('any' in condition) return parts(condition.any, ' || ');
  if ('not' in condition) return `!${parts([condition.not], '')}`;
  if ('condition' in condition) {
    const target = named[condition.condition];
    if (target === undefined) throw new UnsupportedRuleError(NAME, condition.condition);
    return expression(target, named);
  }
  return `(${test(condition)})`;
}

function test(leaf: Leaf): string {
  const name = flatName(leaf.fact, leaf.path);
  const folds = ignoresCase(leaf);
  const fact = folds ? loweredName(name) : name;
  const { value } = leaf;
  const right = isFactReference(value)
    ? flatName(value.fact, value.path)
    : literal(typeof value === 'string' && folds ? value.toLowerCase() : value);
  const ifThere = (call: string): string => `${fact} != null && ${call}`;
  switch (leaf.operator.replace('ignoreCase:', '')) {
    case 'equal':
      return `${fact} == ${right}`;
    case 'notEqual':
      return `${fact} != ${right}`;
    case 'in':
      return `${fact} in ${right}`;
    case 'contains':
    case 'someFact:equal':
      return ifThere(`${right} in ${fact}`);
    case 'includes':
      return ifThere(`${fact}.contains(${right})`);
    case 'startsWith':
      return ifThere(`${fact}.startsWith(${right})`);
    case 'endsWith':
      return ifThere(`${fact}.endsWith(${right})`);
    case 'matches':
      return `found(${fact}, ${right})`;
    case 'someFact:startsWith':
      return ifThere(`${fact}.exists(entry, entry.startsWith(${right}))`);
    case 'lessThan':
      return ifThere(`${fact} < ${right}`);
    case 'greaterThan':
      return ifThere(`${fact} > ${right}`);
    case 'greaterThanInclusive':
      return ifThere(`${fact} >= ${right}`);
    case 'exists':
      return value === true ? `${fact} != null` : `${fact} == null`;
    case 'inCidr': {
      const { network, mask } = v4Network(String(value));
      return `inNetwork(${addressName(name)}, ${literal(network)}, ${literal(mask)})`;
    }
    default:
      throw new UnsupportedRuleError(NAME, leaf.operator);
  }
}

/** A number of an event is a double to CEL. */
function literal(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  return typeof value === 'number' ? value.toFixed(1) : JSON.stringify(value);
}
