// One Sigma value against one fact: which of Picket's operators asks the same.

import type { Condition } from '../conditions.ts';
import type { Place } from '../rule-document.ts';
import type { FieldTarget, WithinText } from './field-mapping.ts';
import { conditionsOf, type FactName, type Question } from './question-leaves.ts';
import { matchesQuestion, quotePattern } from './regular-expression.ts';
import { SigmaError } from './sigma-error.ts';
import { hasWildcard, patternSource, plainText, questionOf, type TextPattern } from './text-pattern.ts';
import { timeConditions } from './time-parts.ts';
import type { SigmaValue } from './value.ts';

export interface QuestionContext {
  readonly fact: FactName;
  readonly target: FieldTarget;
  readonly field: string;
  readonly place: Place;
  /** Notes that the translation is not exact. */
  differs(reason: string): void;
}

/** A question, or a condition of its own where one operator does not do. */
export function askOf(value: SigmaValue, context: QuestionContext): readonly Question[] | Condition {
  const { fact, place } = context;
  if (context.target.within !== undefined) return askWithin(value, context.target.within, context);
  switch (value.kind) {
    case 'null':
      return [{ operator: 'exists', value: false, ignoresCase: false }];
    case 'exists':
      return [{ operator: 'exists', value: value.value, ignoresCase: false }];
    case 'text':
      return askText(value.pattern, value.isCased, context);
    case 'number':
    case 'boolean':
      return askScalar(value.value, context);
    case 'regex': {
      requireText(context, 'a regular expression');
      const { operator, value: source } = matchesQuestion(value, place);
      return [{ operator: 'matches', value: source, ignoresCase: operator !== 'matches' }];
    }
    case 'cidr':
      requireText(context, 'a network');
      return [{ operator: 'inCidr', value: value.network, ignoresCase: false }];
    case 'compare':
      if (fact.type.base === 'boolean' || fact.type.base === 'object') throw misfit(context, 'a number');
      return [{ operator: COMPARISONS[value.comparison], value: value.value, ignoresCase: false }];
    case 'time':
      if (fact.type.base !== 'time' || fact.type.isList) throw misfit(context, 'a part of a time');
      return timeConditions(value, context);
    default:
      throw new Error(`${value.kind} is taken apart before`);
  }
}

/** A field that stands inside of the fact's text: every question is a regular expression. */
function askWithin(
  value: SigmaValue,
  { before, after, any }: WithinText,
  context: QuestionContext,
): readonly Question[] | Condition {
  const { fact, place } = context;
  const found = (inner: string, isCased: boolean): readonly Question[] => {
    const flags = new Set<'i'>(isCased ? [] : ['i']);
    const { value: source } = matchesQuestion({ source: `${before}${inner}`, flags }, place);
    return [{ operator: 'matches', value: source, ignoresCase: !isCased }];
  };
  switch (value.kind) {
    case 'text':
      return found(`${patternSource(value.pattern, any)}${after}`, value.isCased);
    case 'number':
    case 'boolean':
      return found(`${quotePattern(String(value.value))}${after}`, false);
    case 'null':
    case 'exists': {
      const leaf = conditionsOf(found('', false), fact, 'any');
      const isThere: Condition = { all: leaf };
      return value.kind === 'exists' && value.value ? isThere : { not: isThere };
    }
    default:
      throw misfit(context, 'anything but text');
  }
}

const COMPARISONS = {
  lt: 'lessThan',
  lte: 'lessThanInclusive',
  gt: 'greaterThan',
  gte: 'greaterThanInclusive',
} as const;

const NOUNS: Readonly<Record<FactName['type']['base'], string>> = {
  text: 'text',
  number: 'a number',
  boolean: 'true or false',
  time: 'a time',
  object: 'a map',
  any: 'anything',
};

export function misfit({ fact, field, place }: QuestionContext, what: string): SigmaError {
  const type = fact.type.isList ? `a list of ${fact.type.base}s` : NOUNS[fact.type.base];
  return new SigmaError(
    'type',
    place,
    `\`${field}\` can't be compared with ${what}: ${fact.name} is ${type}`,
    {
      found: what,
    },
  );
}

function requireText(context: QuestionContext, what: string): void {
  const { base } = context.fact.type;
  if (context.target.values !== undefined || (base !== 'text' && base !== 'time' && base !== 'any')) {
    throw misfit(context, what);
  }
}

function askScalar(value: number | bigint | boolean, context: QuestionContext): readonly Question[] {
  const { base } = context.fact.type;
  const isOwnType =
    context.target.values === undefined && base === (typeof value === 'boolean' ? 'boolean' : 'number');
  if (isOwnType) return [{ operator: 'equal', value, ignoresCase: false }];
  return askText([String(value)], false, context);
}

function askText(pattern: TextPattern, isCased: boolean, context: QuestionContext): readonly Question[] {
  const { fact, target, place } = context;
  const shown = hasWildcard(pattern) ? 'a pattern' : `the text ${JSON.stringify(plainText(pattern))}`;
  if (target.values !== undefined) return askNamed(pattern, target.values, context);
  switch (fact.type.base) {
    case 'number': {
      const plain = plainText(pattern);
      if (hasWildcard(pattern) || !/^-?\d+(?:\.\d+)?$/.test(plain)) throw misfit(context, shown);
      return [{ operator: 'equal', value: Number(plain), ignoresCase: false }];
    }
    case 'boolean': {
      const plain = plainText(pattern).toLowerCase();
      if (hasWildcard(pattern) || (plain !== 'true' && plain !== 'false')) throw misfit(context, shown);
      return [{ operator: 'equal', value: plain === 'true', ignoresCase: false }];
    }
    case 'object':
      throw misfit(context, shown);
    default: {
      const question = questionOf(pattern);
      if (question.operator === 'exists') return [{ ...question, ignoresCase: false }];
      const asked = { ...question, ignoresCase: !isCased };
      if (question.operator === 'matches') {
        matchesQuestion({ source: question.value, flags: new Set(isCased ? [] : ['i']) }, place);
      }
      return [asked];
    }
  }
}

/** What Sigma calls `true` is called `egress` here. */
function askNamed(
  pattern: TextPattern,
  values: ReadonlyMap<string, string | number | boolean>,
  { field, place }: QuestionContext,
): readonly Question[] {
  const meant = new RegExp(`^${patternSource(pattern)}$`, 'is');
  const found = [...values].filter(([name]) => meant.test(name)).map(([, value]) => value);
  if (found.length > 0) return found.map((value) => ({ operator: 'equal', value, ignoresCase: false }));
  throw new SigmaError('value', place, `\`${field}\` has no such value`, {
    found: JSON.stringify(plainText(pattern)),
    expected: [...values.keys()].join(', '),
  });
}
