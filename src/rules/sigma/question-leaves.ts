// Questions about one fact as leaves of a condition, as few as the operators allow.

import type { ConditionValue, Leaf } from '../conditions.ts';
import type { FactType } from '../operand.ts';

/** A fact as a condition names it, with its type in the trigger. */
export interface FactName {
  readonly fact: string;
  readonly path: string | undefined;
  readonly name: string;
  readonly type: FactType;
}

/** Leaves of one operator are made one: `someValue:`, `everyValue:` or `in` over the list of their values. */
export interface Question {
  /** `equal`, `startsWith`, … without decorators. */
  readonly operator: string;
  readonly value: ConditionValue;
  readonly ignoresCase: boolean;
}

/** The conditions of several questions about one fact, as few as the operators allow. */
export function conditionsOf(
  questions: readonly Question[],
  fact: FactName,
  linking: 'any' | 'all',
): readonly Leaf[] {
  const groups = new Map<string, Question[]>();
  for (const question of questions) {
    const key = `${question.operator} ${question.ignoresCase} ${question.operator === 'exists' ? String(question.value) : ''}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [question]);
    else group.push(question);
  }
  return [...groups.values()].map((group) => leafOf(group, fact, linking));
}

function leafOf(group: readonly Question[], fact: FactName, linking: 'any' | 'all'): Leaf {
  const [first] = group;
  if (first === undefined) throw new Error('a group has a question');
  const values = [...new Set(group.map(({ value }) => value))] as (string | number | bigint | boolean)[];
  const isOne = values.length === 1;
  const isIn = !isOne && linking === 'any' && first.operator === 'equal';
  const { operator, ignoresCase } = first;
  const parts = [
    ...(ignoresCase && operator !== 'matches' ? ['ignoreCase'] : []),
    ...(isOne || isIn ? [] : [linking === 'any' ? 'someValue' : 'everyValue']),
    ...(fact.type.isList && operator !== 'exists' ? ['someFact'] : []),
    ...(ignoresCase && operator === 'matches' ? ['ignoreCase'] : []),
    isIn ? 'in' : operator,
  ];
  return {
    fact: fact.fact,
    ...(fact.path === undefined ? {} : { path: fact.path }),
    operator: parts.join(':'),
    value: isOne ? first.value : values,
  };
}
