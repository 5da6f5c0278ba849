// What a good engineer writes who needs no engine: each rule as a function of generated JavaScript, with native string
// calls, sets and regular expressions, the first false part ending it, and a loop over all of a trigger's.

import type { Trigger } from '../../src/events/triggers.ts';
import {
  type Condition,
  isFactReference,
  type Leaf,
  type NamedConditions,
} from '../../src/rules/conditions.ts';
import type { RuleSet } from '../../src/rules/schema.ts';
import type { BenchEvent } from './bench-event.ts';
import {
  addressName,
  type FlatEvent,
  type Flatten,
  flatName,
  flattenFor,
  ignoresCase,
  loweredName,
} from './flat-event.ts';
import { byTrigger } from './rules-by-trigger.ts';
import { type Subject, UnsupportedRuleError } from './subject.ts';
import { v4Network } from './v4-network.ts';

const NAME = 'loop over predicates';
// A chain of comparisons is quicker than a set of as many.
const CHAIN_MAX = 4;

interface TriggerLoop {
  readonly flatten: Flatten;
  readonly predicates: readonly ((event: FlatEvent) => boolean)[];
  readonly names: readonly string[];
  readonly matched: Int32Array;
}

export function predicateLoop(ruleSet: RuleSet): Subject {
  const loops = new Map<Trigger, TriggerLoop>();
  for (const [trigger, rules] of byTrigger(ruleSet)) {
    const constants: unknown[] = [];
    const bodies = rules.map(
      (rule) => `(e) => ${expression(rule.conditions, ruleSet.conditions, constants)}`,
    );
    const make = new Function('constants', `return [${bodies.join(',\n')}];`);
    loops.set(trigger, {
      flatten: flattenFor(rules, ruleSet.conditions, 'undefined').flatten,
      predicates: make(constants) as TriggerLoop['predicates'],
      names: rules.map(({ name }) => name),
      matched: new Int32Array(rules.length),
    });
  }
  const run = ({ trigger, complete }: BenchEvent): number => {
    const loop = loops.get(trigger);
    if (loop === undefined) return 0;
    const { predicates, matched } = loop;
    const event = loop.flatten(complete);
    let count = 0;
    for (let i = 0; i < predicates.length; i++) if (predicates[i]?.(event)) matched[count++] = i;
    return count;
  };
  return {
    run,
    matches: (event) => {
      const count = run(event);
      const loop = loops.get(event.trigger);
      return [...(loop?.matched.subarray(0, count) ?? [])].map((index) => loop?.names[index] ?? '');
    },
  };
}

function expression(condition: Condition, named: NamedConditions, constants: unknown[]): string {
  const parts = (list: readonly Condition[], operator: string): string =>
    `(${list.map((part) => expression(part, named, constants)).join(operator)})`;
  if ('all' in condition) return parts(condition.all, ' && ');
  if ('any' in condition) return parts(condition.any, ' || ');
  if ('not' in condition) return `!${parts([condition.not], '')}`;
  if ('condition' in condition) {
    const target = named[condition.condition];
    if (target === undefined) throw new UnsupportedRuleError(NAME, condition.condition);
    return expression(target, named, constants);
  }
  return `(${test(condition, constants)})`;
}

function test(leaf: Leaf, constants: unknown[]): string {
  const name = flatName(leaf.fact, leaf.path);
  const folds = ignoresCase(leaf);
  const fact = `e.${folds ? loweredName(name) : name}`;
  const { value } = leaf;
  if (isFactReference(value)) {
    const other = `e.${flatName(value.fact, value.path)}`;
    if (leaf.operator === 'equal') return `${fact} === ${other}`;
    if (leaf.operator === 'notEqual') return `${fact} !== ${other}`;
    throw new UnsupportedRuleError(NAME, `${leaf.operator} between facts`);
  }
  const literal = JSON.stringify(typeof value === 'string' && folds ? value.toLowerCase() : value);
  const constant = (made: unknown): string => `constants[${constants.push(made) - 1}]`;
  const ifThere = (call: string): string => `${fact} !== undefined && ${fact}.${call}`;
  switch (leaf.operator.replace('ignoreCase:', '')) {
    case 'equal':
      return `${fact} === ${literal}`;
    case 'notEqual':
      return `${fact} !== ${literal}`;
    case 'in': {
      const list = value as readonly unknown[];
      if (list.length > CHAIN_MAX) return `${constant(new Set(list))}.has(${fact})`;
      return list.map((entry) => `${fact} === ${JSON.stringify(entry)}`).join(' || ');
    }
    case 'contains':
    case 'someFact:equal':
    case 'includes':
      return ifThere(`includes(${literal})`);
    case 'startsWith':
      return ifThere(`startsWith(${literal})`);
    case 'endsWith':
      return ifThere(`endsWith(${literal})`);
    case 'someFact:startsWith':
      return ifThere(`some((entry) => entry.startsWith(${literal}))`);
    case 'matches':
      return `${fact} !== undefined && ${constant(new RegExp(String(value)))}.test(${fact})`;
    case 'lessThan':
      return `${fact} < ${literal}`;
    case 'greaterThan':
      return `${fact} > ${literal}`;
    case 'greaterThanInclusive':
      return `${fact} >= ${literal}`;
    case 'exists':
      return value === true ? `${fact} !== undefined` : `${fact} === undefined`;
    case 'inCidr': {
      const address = `e.${addressName(name)}`;
      const { network, mask } = v4Network(String(value));
      return `${address} !== undefined && (${address} & ${mask}) === ${network}`;
    }
    default:
      throw new UnsupportedRuleError(NAME, leaf.operator);
  }
}
