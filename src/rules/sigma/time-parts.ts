// `hour`, `day` and the like over a fact that is a time: ISO 8601 in UTC, so a part of it stands at a fixed place.

import type { Condition, Leaf } from '../conditions.ts';
import type { FactName } from './question-leaves.ts';
import type { SigmaValue } from './value.ts';

type TimeValue = SigmaValue & { readonly kind: 'time' };

interface TimeContext {
  readonly fact: FactName;
  /** Notes that the translation is not exact. */
  differs(reason: string): void;
}

const RANGES: Readonly<Record<'minute' | 'hour' | 'day' | 'month', readonly [number, number]>> = {
  minute: [0, 59],
  hour: [0, 23],
  day: [1, 31],
  month: [1, 12],
};
const BEFORE = { minute: '^.{14}', hour: '^.{11}', day: '^.{8}', month: '^.{5}' } as const;

export function timeConditions(value: TimeValue, { fact, differs }: TimeContext): Condition {
  const { unit } = value;
  if (unit === 'year') return yearCondition(value, fact);
  if (unit === 'week') {
    differs(`weeks are counted as in ISO 8601, and only from ${FIRST_YEAR} to ${LAST_YEAR}`);
    return weekCondition(value, fact);
  }
  const [from, to] = RANGES[unit];
  const texts = numbersOf(from, to, value).map((number) => String(number).padStart(2, '0'));
  if (texts.length === 0) return never(fact);
  return leaf(fact, 'matches', `${BEFORE[unit]}(?:${texts.join('|')})`);
}

function numbersOf(from: number, to: number, value: TimeValue): readonly number[] {
  const all = Array.from({ length: to - from + 1 }, (_, index) => from + index);
  return all.filter((number) => holds(number, value));
}

/** Of no number at all, such as hours below 0. */
function never(fact: FactName): Condition {
  return leaf(fact, 'matches', '[^\\x00-\\x{10FFFF}]');
}

function yearCondition({ comparison, value }: TimeValue, fact: FactName): Condition {
  const start = (year: number): string => `${String(year).padStart(4, '0')}-01-01T00:00:00`;
  switch (comparison) {
    case 'eq':
      return leaf(fact, 'startsWith', `${value}-`);
    case 'lt':
      return leaf(fact, 'lessThan', start(value));
    case 'lte':
      return leaf(fact, 'lessThan', start(value + 1));
    case 'gt':
      return leaf(fact, 'greaterThanInclusive', start(value + 1));
    case 'gte':
      return leaf(fact, 'greaterThanInclusive', start(value));
  }
}

// No operator knows a calendar: weeks are spelt out year by year.
const FIRST_YEAR = 2020;
const LAST_YEAR = 2050;
const DAY_MS = 86_400_000;

function weekCondition(value: TimeValue, fact: FactName): Condition {
  const spans: Condition[] = [];
  for (let year = FIRST_YEAR; year <= LAST_YEAR; year++) {
    const first = firstMonday(year);
    const weeks = (firstMonday(year + 1) - first) / (7 * DAY_MS);
    const numbers = numbersOf(1, weeks, value);
    const [from] = numbers;
    const to = numbers.at(-1);
    if (from === undefined || to === undefined) continue;
    const at = (week: number): string => new Date(first + week * 7 * DAY_MS).toISOString().slice(0, 19);
    spans.push({
      all: [leaf(fact, 'greaterThanInclusive', at(from - 1)), leaf(fact, 'lessThan', at(to))],
    });
  }
  return spans.length === 0 ? never(fact) : { any: spans };
}

/** The first week of a year is the one that has the fourth of January. */
function firstMonday(year: number): number {
  const fourth = Date.UTC(year, 0, 4);
  return fourth - ((new Date(fourth).getUTCDay() + 6) % 7) * DAY_MS;
}

function holds(number: number, { comparison, value }: TimeValue): boolean {
  switch (comparison) {
    case 'eq':
      return number === value;
    case 'lt':
      return number < value;
    case 'lte':
      return number <= value;
    case 'gt':
      return number > value;
    case 'gte':
      return number >= value;
  }
}

function leaf({ fact, path }: FactName, operator: string, value: string): Leaf {
  return { fact, ...(path === undefined ? {} : { path }), operator, value };
}
