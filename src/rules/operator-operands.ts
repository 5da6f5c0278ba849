// Whether an operator, without its decorators, can do something with its two operands.

import type { FactValue } from '../events/facts.ts';
import { parseNetwork } from './cidr.ts';
import { type NamedList, namedListOf, noNetworksIn } from './named-lists.ts';
import { type FactType, type Fault, fault, type Operand, typeName, valueFault } from './operand.ts';
import { PatternError, patternOf } from './patterns.ts';
import { describeValue } from './rule-problem.ts';

/** @param folds `ignoreCase:` stands before it */
export function checkOperator(operator: string, left: Operand, right: Operand, folds: boolean): Fault[] {
  switch (operator) {
    case 'startsWith':
    case 'endsWith':
    case 'includes':
      return [...text(operator, left), ...text(operator, right)];
    case 'matches':
      return [...text(operator, left), ...pattern(right, folds)];
    case 'inCidr':
      return [...text(operator, left), ...network(right)];
    case 'exists':
      return presence(left, right);
    case 'in':
    case 'notIn':
      return [...list(operator, right), ...sameType(operator, left, right)];
    case 'contains':
    case 'doesNotContain':
      return [...list(operator, left), ...sameType(operator, right, left)];
    case 'equal':
    case 'notEqual':
      return equality(operator, left, right);
    default:
      return order(operator, left, right);
  }
}

function text(operator: string, side: Operand): Fault[] {
  if (side.kind === 'fact') {
    const { base, isList } = side.type;
    if (isList) {
      const message = `\`${operator}\` looks at one text, and ${side.name} is a list`;
      return [fault('operator', message, `\`${operator}\``, `\`someFact:${operator}\``)];
    }
    if (base === 'text' || base === 'time' || base === 'any') return [];
    return [
      fault(
        'operator',
        `\`${operator}\` looks at text, and ${side.name} is none`,
        typeName(side.type),
        'a fact that is text',
      ),
    ];
  }
  if (Array.isArray(side.value)) {
    const message = `\`${operator}\` takes one text`;
    return [fault('operator', message, 'a list of values', `\`someValue:${operator}\` for a list`)];
  }
  if (typeof side.value === 'string') return [];
  const wrong = valueFault(side, `\`${operator}\` takes text`, 'text; numbers in quotes');
  return [isWord(side.value) ? { ...wrong, fix: { kind: 'quote' } } : wrong];
}

function pattern(side: Operand, ignoreCase: boolean): Fault[] {
  if (side.kind === 'fact') {
    return [
      fault(
        'value',
        'a regular expression is written in the rule, not read from an event',
        `the fact ${side.name}`,
        'text',
      ),
    ];
  }
  const faults = text('matches', side);
  if (faults.length > 0 || typeof side.value !== 'string') return faults;
  try {
    patternOf(side.value, ignoreCase);
    return [];
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    const { message, found, expected } = error;
    return [{ key: 'value', at: side.at, code: 'wrong-pattern', message, found, expected }];
  }
}

function network(side: Operand): Fault[] {
  if (side.kind === 'fact') return text('inCidr', side);
  const list = namedListOf(side.value);
  if (list !== undefined) return noNetworkFaults(list);
  if (Array.isArray(side.value)) {
    return side.value.flatMap((value: FactValue, at) =>
      Array.isArray(value) ? [] : network({ kind: 'value', value, at }),
    );
  }
  if (typeof side.value === 'string' && parseNetwork(side.value) !== undefined) return [];
  return [valueFault(side, 'this is no network', 'CIDR notation, such as 10.0.0.0/8 or fe80::/10')];
}

function presence(left: Operand, right: Operand): Fault[] {
  if (left.kind === 'fact' && right.kind === 'value') {
    return typeof right.value === 'boolean'
      ? []
      : [valueFault(right, '`exists` asks yes or no', 'true or false')];
  }
  return [
    fault(
      'operator',
      '`exists` asks whether a fact is there',
      'values the other way round',
      'a fact, and true or false',
    ),
  ];
}

function list(operator: string, side: Operand): Fault[] {
  if (side.kind === 'value') {
    if (Array.isArray(side.value)) return [];
    const single = operator === 'notIn' ? 'notEqual' : 'equal';
    return [
      {
        ...valueFault(
          side,
          `\`${operator}\` takes a list of values`,
          `a list, such as [a, b]; \`${single}\` for one value`,
        ),
        ...(side.value === null || typeof side.value === 'object' ? {} : { fix: { kind: 'list' } as const }),
      },
    ];
  }
  if (side.type.isList || side.type.base === 'any') return [];
  const message = `\`${operator}\` looks into a list, and ${side.name} is none`;
  const expected = side.type.base === 'text' ? '`includes` for a part of a text' : 'a fact that is a list';
  return [fault('operator', message, typeName(side.type), expected)];
}

/** Each of the list's entries against the single operand. */
function sameType(operator: string, single: Operand, many: Operand): Fault[] {
  if (single.kind === 'value' && Array.isArray(single.value)) {
    return [
      valueFault(
        single,
        `\`${operator}\` looks for one value`,
        `one value; \`someValue:${operator}\` for several`,
      ),
    ];
  }
  if (many.kind === 'value') {
    if (!Array.isArray(many.value)) return [];
    const list = namedListOf(many.value);
    const values: readonly FactValue[] = list === undefined ? many.value : list.samples;
    return values.flatMap((value: FactValue, at) =>
      equality(operator, single, { kind: 'value', value, at: list === undefined ? at : undefined }),
    );
  }
  return equality(operator, single, { ...many, type: { ...many.type, isList: false } });
}

function equality(operator: string, left: Operand, right: Operand): Fault[] {
  for (const side of [left, right]) {
    if (side.kind === 'value' && Array.isArray(side.value)) {
      const other = operator === 'notEqual' ? 'notIn' : 'in';
      return [
        valueFault(side, `\`${operator}\` compares with one value`, `one value; \`${other}\` for a list`),
      ];
    }
    if (side.kind !== 'fact') continue;
    if (side.type.isList) {
      const message = `\`${operator}\` compares one value, and ${side.name} is a list`;
      return [
        fault('operator', message, `\`${operator}\``, '`contains`, or `someFact:` before the operator'),
      ];
    }
    if (side.type.base === 'object') {
      const message = `${side.name} is a group of facts and equals nothing`;
      return [fault('fact', message, side.name, `one of its facts, or \`exists\``)];
    }
  }
  if (left.kind === 'value' && right.kind === 'value') return [];
  if (left.kind === 'value') return equality(operator, right, left);
  const { base } = left.type;
  if (right.kind === 'fact') {
    if (base === 'any' || right.type.base === 'any' || isText(base) === isText(right.type.base)) return [];
    const message = `${left.name} and ${right.name} are never equal`;
    return [
      fault('value', message, `${typeName(left.type)} and ${typeName(right.type)}`, 'facts of one type'),
    ];
  }
  if (base === 'any' || typeFits(base, right.value)) return [];
  return [
    {
      ...valueFault(
        right,
        `${left.name} is ${typeName(left.type)} and never equals this`,
        EXPECTED_VALUE[base],
      ),
      ...(base === 'text' && isWord(right.value) ? { fix: { kind: 'quote' } as const } : {}),
    },
  ];
}

const EXPECTED_VALUE = {
  text: 'text; numbers in quotes',
  time: 'text, such as "2026-01-31T12:00:00Z"',
  number: 'a number, without quotes',
  boolean: 'true or false, without quotes',
  object: 'nothing',
} as const;

const isText = (base: FactType['base']): boolean => base === 'text' || base === 'time';

function typeFits(base: FactType['base'], value: FactValue): boolean {
  if (isText(base)) return typeof value === 'string';
  if (base === 'number') return typeof value === 'number' || typeof value === 'bigint';
  return typeof value === base;
}

function order(operator: string, left: Operand, right: Operand): Fault[] {
  return [left, right].flatMap((side, index) => {
    const other = index === 0 ? right : left;
    if (side.kind === 'fact') {
      const { base, isList } = side.type;
      if (isList || base === 'boolean' || base === 'object') {
        const message = `\`${operator}\` compares numbers, and ${side.name} is none`;
        return [fault('operator', message, typeName(side.type), 'a fact that is a number')];
      }
      return [];
    }
    if (typeof side.value === 'number' || typeof side.value === 'bigint') return [];
    const isTime = other.kind === 'fact' && (other.type.base === 'time' || other.type.base === 'any');
    if (isTime && typeof side.value === 'string' && /^\d{4}-\d\d-\d\dT/.test(side.value)) return [];
    return [valueFault(side, `\`${operator}\` compares numbers`, 'a number, without quotes')];
  });
}

/** Read by YAML as something else than the text that it may be meant as. */
const isWord = (value: FactValue): boolean =>
  typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean';

/** Of a list: its values that are no networks, a few of them. */
export function noNetworkFaults(list: NamedList): Fault[] {
  return noNetworksIn(list).map((value) =>
    fault(
      'value',
      `the list \`${list.name}\` holds what is no network`,
      describeValue(value),
      'CIDR notation, such as 10.0.0.0/8; `type: cidr` checks each where it stands',
    ),
  );
}
