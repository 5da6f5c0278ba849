// Events that a translated rule matches, made from its own values: the `given` of its tests. A guess each time, which
// whoever uses it tries.

import { type Condition, isFactReference, type Leaf, type Scalar } from '../conditions.ts';
import { parseOperatorName } from '../decorators.ts';
import { sampleOf } from './sample-pattern.ts';

/** What one leaf asks of one text or number. */
interface Demand {
  readonly operator: string;
  readonly value: Scalar;
}

/** By `fact` and path: what must hold of it. */
type Demands = Map<string, { readonly leaf: Leaf; readonly isList: boolean; readonly demands: Demand[] }>;

export type Given = Record<string, unknown>;

/** @param attempt each number chooses other alternatives; 0 the first ones */
export function exampleOf(condition: Condition, attempt: number): Given | undefined {
  const demands: Demands = new Map();
  let step = 0;
  const choose = (count: number): number => (attempt === 0 ? 0 : (attempt * 7 + step++ * 3) % count);
  gather(condition, true, demands, choose);
  const given: Given = {};
  for (const { leaf, isList, demands: asked } of demands.values()) {
    const values = isList ? asked.map((demand) => exampleValue([demand], leaf)) : [exampleValue(asked, leaf)];
    if (values.includes(undefined)) return undefined;
    // `answers[*].data`: the list is further up, and one entry of it will do.
    place(given, leaf, isList && leaf.path?.includes('*') !== true, values);
  }
  return given;
}

function gather(
  condition: Condition,
  isWanted: boolean,
  demands: Demands,
  choose: (count: number) => number,
): void {
  if ('not' in condition) {
    gather(condition.not, !isWanted, demands, choose);
    return;
  }
  if ('condition' in condition) return;
  if ('fact' in condition) {
    if (isWanted) demand(condition, demands, choose);
    else avoid(condition, demands);
    return;
  }
  const parts = 'all' in condition ? condition.all : condition.any;
  if ('all' in condition === isWanted) {
    for (const part of parts) gather(part, isWanted, demands, choose);
    return;
  }
  const part = parts[choose(Math.max(1, parts.length))];
  if (part !== undefined) gather(part, isWanted, demands, choose);
}

function entryFor(leaf: Leaf, demands: Demands): { readonly isList: boolean; readonly demands: Demand[] } {
  const key = `${leaf.fact} ${leaf.path ?? ''}`;
  const found = demands.get(key);
  if (found !== undefined) return found;
  const isList = parseOperatorName(leaf.operator).decorators.includes('someFact');
  const entry = { leaf, isList, demands: [] as Demand[] };
  demands.set(key, entry);
  return entry;
}

function demand(leaf: Leaf, demands: Demands, choose: (count: number) => number): void {
  const { decorators, operator } = parseOperatorName(leaf.operator);
  const { demands: asked } = entryFor(leaf, demands);
  const { value } = leaf;
  if (isFactReference(value)) {
    asked.push({ operator: 'equal', value: 'the-same' });
    entryFor({ ...leaf, ...value, path: value.path }, demands).demands.push({
      operator: 'equal',
      value: 'the-same',
    });
    return;
  }
  const values: readonly Scalar[] = Array.isArray(value) ? value : [value as Scalar];
  const plain = operator === 'in' ? 'equal' : operator;
  if (decorators.includes('everyValue')) {
    for (const one of values) asked.push({ operator: plain, value: one });
    return;
  }
  asked.push({ operator: plain, value: values[choose(Math.max(1, values.length))] ?? '' });
}

/** What must not hold needs a fact only where its absence is asked about. */
function avoid(leaf: Leaf, demands: Demands): void {
  if (!leaf.operator.endsWith('exists')) return;
  if (leaf.value === false) entryFor(leaf, demands).demands.push({ operator: 'exists', value: true });
  else entryFor(leaf, demands).demands.push({ operator: 'exists', value: false });
}

function exampleValue(demands: readonly Demand[], { fact, path }: Leaf): unknown {
  const isAbsent = demands.some(({ operator, value }) => operator === 'exists' && value === false);
  if (isAbsent) return null;
  const of = (name: string): Scalar[] =>
    demands.filter(({ operator }) => operator === name).map(({ value }) => value);
  const [equal] = of('equal');
  if (equal !== undefined) return equal;
  const [network] = of('inCidr');
  if (typeof network === 'string') return network.split('/')[0];
  const number = numberOf(demands);
  if (number !== undefined) return number;
  const [start = ''] = longestFirst(of('startsWith'));
  const [end = ''] = longestFirst(of('endsWith'));
  const samples = of('matches').map((source) => sampleOf(String(source)));
  if (samples.includes(undefined)) return undefined;
  const [sample] = samples;
  // A program has a whole path.
  const isBare = start === '' && sample === undefined && end.startsWith('/');
  let text = isBare && /executable|path$/.test(path ?? fact) ? '/usr/bin' : start;
  for (const part of [...of('includes').map(String), ...samples.map(String)]) {
    if (!text.toLowerCase().includes(part.toLowerCase()))
      text += text === '' || samples.length > 0 || /\s$/.test(text) || /^\s/.test(part) ? part : ` ${part}`;
  }
  if (!text.endsWith(end)) text += end;
  return text === '' ? 'anything' : text;
}

function longestFirst(values: readonly Scalar[]): string[] {
  return values.map(String).sort((a, b) => b.length - a.length);
}

function numberOf(demands: readonly Demand[]): unknown {
  for (const { operator, value } of demands) {
    if (operator === 'greaterThanInclusive' || operator === 'lessThanInclusive') return value;
    if (typeof value !== 'number') continue;
    if (operator === 'greaterThan') return value + 1;
    if (operator === 'lessThan') return value - 1;
  }
  return undefined;
}

function place(given: Given, { fact, path = '$' }: Leaf, isList: boolean, values: readonly unknown[]): void {
  const steps = [fact, ...(path.match(/[A-Za-z_]\w*|\d+|\*/g) ?? [])];
  let current: Record<string, unknown> | unknown[] = given;
  for (const [index, step] of steps.entries()) {
    const isLast = index === steps.length - 1;
    const next = steps[index + 1] ?? '';
    const value = isLast ? (isList ? values : values[0]) : /^[\d*]/.test(next) ? [] : {};
    if (Array.isArray(current)) {
      const at = step === '*' ? 0 : Number(step);
      // What stands before it must be something.
      while (current.length < at) current.push('x');
      if (isLast && step !== '*') current[at] = value;
      else current[at] ??= value;
      current = current[at] as Record<string, unknown>;
    } else {
      if (isLast) current[step] = mergeLists(current[step], value);
      else if (typeof current[step] !== 'object' || current[step] === null) current[step] = value;
      current = current[step] as Record<string, unknown>;
    }
  }
}

function mergeLists(before: unknown, value: unknown): unknown {
  return Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value;
}

/** The same facts with nothing in them that a rule would look for. */
export function unlike(given: unknown): unknown {
  if (given === null) return 'anything';
  if (Array.isArray(given)) return given.map(unlike);
  if (typeof given === 'object') {
    return Object.fromEntries(Object.entries(given as Given).map(([key, value]) => [key, unlike(value)]));
  }
  if (typeof given === 'number') return 1;
  if (typeof given === 'boolean') return !given;
  return 'q';
}
