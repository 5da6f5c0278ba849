// Whether an operator, its decorators, the fact and the value fit together. What never could be true, or compares a
// text with a number, is a mistake that would otherwise show as silence.

import type { FactValue } from '../events/facts.ts';
import { isFactReference, type Leaf } from './conditions.ts';
import { parseOperatorName } from './decorators.ts';
import { factName } from './fact-access.ts';
import { type NamedList, namedListOf } from './named-lists.ts';
import { ANY_TYPE, type FactType, type Fault, fault, type Operand, typeName } from './operand.ts';
import { checkOperator, noNetworkFaults } from './operator-operands.ts';
import type { PlaceOfPart } from './rule-document.ts';
import { describeValue, type RuleProblem } from './rule-problem.ts';

/** @param valueType of the other fact, where the value is one. Types that aren't known are any type. */
export function checkOperands(
  leaf: Leaf,
  placeOf: PlaceOfPart,
  factType: FactType = ANY_TYPE,
  valueType: FactType = ANY_TYPE,
): RuleProblem[] {
  const { decorators, operator } = parseOperatorName(leaf.operator);
  const fact: Operand = { kind: 'fact', type: factType, name: factName(leaf.fact, leaf.path) };
  const value: Operand = isFactReference(leaf.value)
    ? { kind: 'fact', type: valueType, name: factName(leaf.value.fact, leaf.value.path) }
    : { kind: 'value', value: leaf.value, at: undefined };
  const folds = decorators.includes('ignoreCase');
  return decorate(decorators, operator, fact, value, folds).map(({ key, at, ...fault }) => {
    const { source, ...place } = placeOf(key, at);
    const found = key === 'value' ? asWritten(fault.found, source) : fault.found;
    return { ...place, ...fault, found, severity: 'error' as const };
  });
}

/** `0644` is the number 644 in YAML: whoever wrote it must be shown both. */
function asWritten(found: string | undefined, source: string | undefined): string | undefined {
  if (found === undefined || source === undefined || !found.startsWith('number ')) return found;
  return found === `number ${source}` ? found : `${source}, which is the ${found}`;
}

function decorate(
  decorators: readonly string[],
  operator: string,
  left: Operand,
  right: Operand,
  folds: boolean,
): Fault[] {
  const [decorator, ...inner] = decorators;
  const next = (a: Operand, b: Operand): Fault[] => decorate(inner, operator, a, b, folds);
  switch (decorator) {
    case undefined:
      return checkOperator(operator, left, right, folds);
    case 'someFact':
    case 'everyFact':
      return entriesOf(left, decorator, operator).flatMap((entry) =>
        isFault(entry) ? [entry] : next(entry, right),
      );
    case 'someValue':
    case 'everyValue':
      return entriesOf(right, decorator, operator).flatMap((entry) =>
        isFault(entry) ? [entry] : next(left, entry),
      );
    case 'swap':
      return next(right, left);
    default:
      return next(left, right);
  }
}

const isFault = (entry: Operand | Fault): entry is Fault => 'code' in entry;

function entriesOf(side: Operand, decorator: string, operator: string): readonly (Operand | Fault)[] {
  if (side.kind === 'fact') {
    if (side.type.isList || side.type.base === 'any')
      return [{ ...side, type: { ...side.type, isList: false } }];
    const message = `\`${decorator}:\` goes through a list, and ${side.name} is none`;
    return [fault('operator', message, typeName(side.type), 'a fact that is a list, such as process.args')];
  }
  if (!Array.isArray(side.value)) {
    const message = `\`${decorator}:\` goes through a list of values`;
    return [fault('value', message, describeValue(side.value), 'a list, such as [a, b]')];
  }
  const list = namedListOf(side.value);
  if (list !== undefined) return entriesOfList(list, operator);
  return side.value.map((value: FactValue, at) => ({ kind: 'value', value, at }));
}

/** The values were checked when the list was read: where only their types count, one of each type stands for all. */
function entriesOfList(list: NamedList, operator: string): readonly (Operand | Fault)[] {
  const entry = (value: FactValue): Operand => ({ kind: 'value', value, at: undefined });
  if (operator === 'inCidr') return noNetworkFaults(list);
  if (operator !== 'matches') return list.samples.map(entry);
  if (list.values.length <= PATTERNS_MAX) return list.values.map(entry);
  const message = `the list \`${list.name}\` is too long for regular expressions, each of which is tried`;
  const found = `${list.values.length} values`;
  return [
    fault(
      'value',
      message,
      found,
      `at most ${PATTERNS_MAX}; or \`in\`, \`someValue:startsWith\` and the like`,
    ),
  ];
}

const PATTERNS_MAX = 1000;
