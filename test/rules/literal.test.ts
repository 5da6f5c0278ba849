// Two tests of one fact: what is said of them is tried on every value of a small world.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FactValue } from '../../src/events/facts.ts';
import type { Leaf } from '../../src/rules/conditions.ts';
import { resolveOperator } from '../../src/rules/decorators.ts';
import { contradicts, implies, type Literal } from '../../src/rules/logic/literal.ts';
import { NormalForms } from '../../src/rules/logic/normal-form.ts';

const LETTERS = ['a', 'b', 'A', 'ß'];
const words = (length: number): string[] =>
  length === 0
    ? ['']
    : words(length - 1).flatMap((word) =>
        word.length === length - 1 ? [word, ...LETTERS.map((letter) => word + letter)] : [word],
      );
const TEXTS = words(3);
const SHORT = words(1);
const ADDRESSES = ['10.0.0.1', '10.1.0.1', '11.0.0.1', 'fe80::1', '::ffff:10.0.0.1'];
const LISTS: readonly (readonly FactValue[])[] = [
  [],
  ...[...SHORT, 'ab', 'ba', 'SS'].flatMap((a) => [[a], ...[...SHORT, 'ab'].map((b) => [a, b])]),
];
const WORLD: readonly FactValue[] = [
  undefined,
  null,
  true,
  false,
  ...[0, 4, 5, 6, 7n, 1.5],
  ...['4', '5', '06'],
  '2026-01-01T00:00:00Z',
  '2027-01-01T00:00:00Z',
  ...TEXTS,
  ...['SS', 'sS', 'AB'],
  ...ADDRESSES,
  ...LISTS,
  {},
];

const text = fc.constantFrom(...words(2));
const texts = fc.array(text, { maxLength: 3 });
const network = fc.constantFrom(
  '10.0.0.0/8',
  '10.0.0.0/16',
  '10.0.0.1',
  '11.0.0.0/8',
  'fe80::/10',
  '::ffff:10.0.0.0/104',
);
const bound = fc.constantFrom<number | bigint | string>(
  4,
  5,
  6,
  5n,
  '2026-01-01T00:00:00Z',
  '2027-01-01T00:00:00Z',
);

const OPERATORS: readonly (readonly [string, fc.Arbitrary<Leaf['value']>])[] = [
  ...['equal', 'notEqual', 'contains', 'doesNotContain'].map(
    (name) => [name, fc.oneof(text, fc.constantFrom(4, true, 5n))] as const,
  ),
  ...['in', 'notIn'].map((name) => [name, fc.oneof(texts, fc.constant([4, 'a', false]))] as const),
  ...['startsWith', 'endsWith', 'includes'].flatMap(
    (name) =>
      [
        [name, text],
        [name, text],
        [`ignoreCase:${name}`, text],
        [`someValue:${name}`, texts],
        [`someValue:ignoreCase:${name}`, texts],
        [`everyValue:${name}`, texts],
      ] as const,
  ),
  ['ignoreCase:equal', text],
  ['ignoreCase:in', texts],
  ['someValue:equal', texts],
  ['matches', fc.constantFrom('a', '^a', 'b$')],
  ['ignoreCase:matches', fc.constantFrom('a', '^a')],
  ['inCidr', network],
  ['someValue:inCidr', fc.array(network, { maxLength: 2 })],
  ['exists', fc.boolean()],
  ...['lessThan', 'lessThanInclusive', 'greaterThan', 'greaterThanInclusive'].map(
    (name) => [name, bound] as const,
  ),
];

const leaf: fc.Arbitrary<Leaf> = fc
  .tuple(
    fc.constantFrom(...OPERATORS),
    fc.constantFrom(
      '',
      '',
      '',
      'not:',
      'someFact:',
      'everyFact:',
      'someFact:not:',
      'everyFact:not:',
      'not:someFact:',
      'someValue:not:',
      'someValue:everyFact:',
    ),
  )
  .chain(([[operator, value], decorators]) =>
    (decorators.startsWith('someValue:') ? texts : value).map((one) => ({
      fact: 'es',
      path: '$.x',
      operator: `${decorators}${operator}`,
      value: one,
    })),
  );

/** undefined: an empty list of alternatives, which is no test at all. */
function literalOf(one: Leaf, isNegated: boolean): Literal | undefined {
  const normal = new NormalForms({}).of(one, isNegated);
  return normal.kind === 'literal' ? normal : undefined;
}

const truth = ({ operator, value }: Leaf, isNegated: boolean, fact: FactValue): boolean =>
  resolveOperator(operator)?.evaluate(fact, value as FactValue) !== isNegated;

test('a test that is said to follow from another holds wherever that one does, and two that exclude each other never hold together', () => {
  const found = { implied: 0, excluded: 0 };
  fc.assert(
    fc.property(leaf, fc.boolean(), leaf, fc.boolean(), (first, isFirstNegated, second, isSecondNegated) => {
      const [a, b] = [literalOf(first, isFirstNegated), literalOf(second, isSecondNegated)];
      if (a === undefined || b === undefined) return;
      const isImplied = implies(a, { ...b, id: -b.id });
      const isExcluded = contradicts(a, b);
      if (isImplied) found.implied++;
      if (isExcluded) found.excluded++;
      if (!isImplied && !isExcluded) return;
      for (const value of WORLD) {
        if (!truth(first, isFirstNegated, value)) continue;
        const isSecond = truth(second, isSecondNegated, value);
        if (isImplied) expect(isSecond, String(value)).toBe(true);
        if (isExcluded) expect(isSecond, String(value)).toBe(false);
      }
    }),
    { numRuns: 30_000 },
  );
  expect(found.implied).toBeGreaterThan(1000);
  expect(found.excluded).toBeGreaterThan(500);
});

test('a test by itself that is said to be none never holds, or always', () => {
  fc.assert(
    fc.property(leaf, fc.boolean(), (one, isNegated) => {
      const normal = new NormalForms({}).of(one, isNegated);
      if (normal.kind === 'literal') {
        for (const value of WORLD) expect(normal.holds?.(value)).toBe(truth(one, isNegated, value));
      } else for (const value of WORLD) expect(truth(one, isNegated, value)).toBe(normal.kind === 'and');
    }),
    { numRuns: 500 },
  );
});
