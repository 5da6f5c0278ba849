// Tests of one fact: those that an index could use, and every operator and decorator on every kind of place and value.

import fc from 'fast-check';
import type { ConditionValue, FactReference, Leaf, Scalar } from '../../../src/rules/conditions.ts';
import { DECORATORS } from '../../../src/rules/decorators.ts';
import { OPERATORS } from '../../../src/rules/operators.ts';
import { pattern, patternWithoutWords } from './patterns.ts';
import {
  listOf,
  type Made,
  NETWORKS,
  type Pool,
  pieceOfText,
  ruleText,
  scalar,
  someNumber,
  wholeText,
} from './pools.ts';

type Place = Pick<Leaf, 'fact' | 'path'>;

const inProcess = (path: string): Place => ({ fact: 'process', path: `$.${path}` });

const TEXT_PLACES: readonly Place[] = [
  inProcess('executable'),
  inProcess('executable'),
  inProcess('name'),
  inProcess('command_line'),
  inProcess('parent.executable'),
  inProcess('user.name'),
  inProcess('args[0]'),
  { fact: 'process.executable' },
  { fact: 'file', path: '$.path' },
  { fact: 'file', path: '$.name' },
  { fact: 'file', path: '$.extension' },
  { fact: 'message' },
  { fact: 'es', path: '$.event.text' },
];
const LIST_PLACES: readonly Place[] = [
  inProcess('args'),
  { fact: 'process.args' },
  { fact: 'es', path: '$.event.list' },
  { fact: 'event', path: '$.category' },
];
const NUMBER_PLACES: readonly Place[] = [
  inProcess('pid'),
  inProcess('parent.pid'),
  { fact: 'file', path: '$.size' },
  { fact: 'es', path: '$.event.number' },
  inProcess('args.length'),
];
const ADDRESS_PLACES: readonly Place[] = [
  { fact: 'source', path: '$.ip' },
  { fact: 'message' },
  inProcess('executable'),
];
/** Values inside others, paths that lead nowhere, objects. */
const ODD_PLACES: readonly Place[] = [
  { fact: 'process.executable', path: '$.below' },
  inProcess('executable.below'),
  { fact: 'process.executable', path: '$.length' },
  { fact: 'process', path: "$['executable']" },
  { fact: 'process', path: '$["executable"]' },
  inProcess('executable.length'),
  inProcess('executable.constructor'),
  inProcess('args.constructor'),
  inProcess('args[1]'),
  inProcess('args.1'),
  { fact: 'process.args', path: '$[0]' },
  { fact: 'process', path: '$' },
  { fact: 'process' },
  { fact: 'process.parent.executable' },
  inProcess('code_signature.exists'),
  inProcess('nowhere'),
  { fact: 'nowhere', path: '$.at.all' },
  { fact: 'message', path: '$.below' },
  { fact: 'es', path: '$.event.x' },
  { fact: 'es', path: '$.event.list[1]' },
  { fact: 'es', path: '$.event.list[0].a' },
  { fact: 'es.event.x' },
  { fact: 'es', path: '$.event.text.length' },
  { fact: 'host', path: '$.name' },
];
/** JSONPath that only json-rules-engine follows. */
const REFEREE_PLACES: readonly Place[] = [
  inProcess('args[*]'),
  inProcess('args[-1:]'),
  { fact: 'process', path: "$.args[?(@ == 'a')]" },
  { fact: 'process', path: '$..executable' },
  { fact: 'es', path: '$.event.list[*].a' },
];

const textPlace = fc.constantFrom(...TEXT_PLACES);
const anyPlace = fc.oneof(
  { weight: 10, arbitrary: textPlace },
  { weight: 4, arbitrary: fc.constantFrom(...LIST_PLACES) },
  { weight: 4, arbitrary: fc.constantFrom(...NUMBER_PLACES) },
  { weight: 6, arbitrary: fc.constantFrom(...ODD_PLACES) },
);
const placeWithReferee = fc.oneof(
  { weight: 40, arbitrary: anyPlace },
  { weight: 1, arbitrary: fc.constantFrom(...REFEREE_PLACES) },
);

function leafOf(place: fc.Arbitrary<Place>, operator: string, value: Made<ConditionValue>): Made<Leaf> {
  return fc.tuple(place, value).map(([at, make]) => (pool) => ({ ...at, operator, value: make(pool) }));
}

/** Some, or so many that they are searched for together. */
const manyOf = <T extends ConditionValue>(one: Made<T>): Made<readonly T[]> =>
  fc.oneof(
    { weight: 3, arbitrary: listOf(one, { maxLength: 3 }) },
    { weight: 1, arbitrary: listOf(one, { minLength: 9, maxLength: 14 }) },
  );
const sharedList = fc.constant((pool: Pool): readonly Scalar[] => pool.list);
const textList = fc.oneof(
  { weight: 3, arbitrary: listOf(ruleText, { minLength: 1, maxLength: 4 }) },
  { weight: 1, arbitrary: listOf<Scalar>(scalar, { maxLength: 4 }) },
  { weight: 2, arbitrary: sharedList },
);
/** A number, or the text that looks like it. */
const numeric: Made<Scalar> = fc.tuple(someNumber, fc.constantFrom(false, false, true)).map(
  ([make, isText]) =>
    (pool) =>
      isText ? String(make(pool)) : make(pool),
);
const network = fc.constantFrom(...NETWORKS).map((one) => () => one);
const listPlace = fc.constantFrom(...LIST_PLACES);
const numberPlace = fc.constantFrom(...NUMBER_PLACES);
const addressPlace = fc.constantFrom(...ADDRESS_PLACES);

/** What an index may take as a rule's key, of each kind that it could know. */
export const keyLeaf: Made<Leaf> = fc.oneof(
  { weight: 3, arbitrary: leafOf(textPlace, 'equal', wholeText) },
  { weight: 3, arbitrary: leafOf(textPlace, 'in', textList) },
  { weight: 2, arbitrary: leafOf(textPlace, 'startsWith', pieceOfText('beginning')) },
  { weight: 2, arbitrary: leafOf(textPlace, 'endsWith', pieceOfText('end')) },
  { weight: 2, arbitrary: leafOf(textPlace, 'includes', pieceOfText('middle')) },
  { weight: 4, arbitrary: leafOf(textPlace, 'matches', pattern) },
  { weight: 1, arbitrary: leafOf(textPlace, 'ignoreCase:matches', patternWithoutWords) },
  { weight: 1, arbitrary: leafOf(textPlace, 'ignoreCase:equal', ruleText) },
  { weight: 1, arbitrary: leafOf(textPlace, 'ignoreCase:in', textList) },
  { weight: 1, arbitrary: leafOf(textPlace, 'ignoreCase:startsWith', pieceOfText('beginning')) },
  { weight: 1, arbitrary: leafOf(textPlace, 'ignoreCase:endsWith', pieceOfText('end')) },
  { weight: 1, arbitrary: leafOf(textPlace, 'ignoreCase:includes', pieceOfText('middle')) },
  { weight: 1, arbitrary: leafOf(textPlace, 'someValue:equal', textList) },
  {
    weight: 1,
    arbitrary: leafOf(textPlace, 'someValue:startsWith', manyOf(pieceOfText('beginning'))),
  },
  {
    weight: 1,
    arbitrary: leafOf(textPlace, 'someValue:includes', manyOf(pieceOfText('middle'))),
  },
  {
    weight: 1,
    arbitrary: leafOf(textPlace, 'someValue:ignoreCase:endsWith', manyOf(pieceOfText('end'))),
  },
  {
    weight: 1,
    arbitrary: leafOf(textPlace, 'ignoreCase:someValue:includes', manyOf(pieceOfText('middle'))),
  },
  {
    weight: 1,
    arbitrary: leafOf(textPlace, 'everyValue:includes', listOf(pieceOfText('middle'), { maxLength: 2 })),
  },
  { weight: 1, arbitrary: leafOf(listPlace, 'contains', ruleText) },
  { weight: 1, arbitrary: leafOf(listPlace, 'someFact:equal', ruleText) },
  { weight: 1, arbitrary: leafOf(listPlace, 'someFact:in', textList) },
  { weight: 1, arbitrary: leafOf(listPlace, 'someFact:startsWith', pieceOfText('beginning')) },
  { weight: 1, arbitrary: leafOf(listPlace, 'someFact:ignoreCase:includes', pieceOfText('middle')) },
  { weight: 1, arbitrary: leafOf(listPlace, 'someFact:matches', pattern) },
  {
    weight: 1,
    arbitrary: leafOf(listPlace, 'someFact:someValue:endsWith', manyOf(pieceOfText('end'))),
  },
  { weight: 1, arbitrary: leafOf(listPlace, 'everyFact:includes', pieceOfText('middle')) },
  { weight: 2, arbitrary: leafOf(numberPlace, 'equal', numeric) },
  { weight: 1, arbitrary: leafOf(numberPlace, 'in', listOf<Scalar>(numeric, { maxLength: 4 })) },
  ...(['lessThan', 'lessThanInclusive', 'greaterThan', 'greaterThanInclusive'] as const).map((operator) => ({
    weight: 1,
    arbitrary: leafOf(
      fc.oneof({ weight: 3, arbitrary: numberPlace }, { weight: 1, arbitrary: textPlace }),
      operator,
      numeric,
    ),
  })),
  { weight: 2, arbitrary: leafOf(addressPlace, 'inCidr', network) },
  { weight: 1, arbitrary: leafOf(addressPlace, 'someValue:inCidr', manyOf(network)) },
  { weight: 1, arbitrary: leafOf(addressPlace, 'inCidr', manyOf(network)) },
  {
    weight: 1,
    arbitrary: leafOf(
      fc.constant(inProcess('code_signature.exists')),
      'equal',
      fc.boolean().map((one) => () => one),
    ),
  },
);

/** What no index can use and most events fulfil: the rest of a realistic rule. */
export const easyLeaf: Made<Leaf> = fc.oneof(
  leafOf(textPlace, 'notEqual', ruleText),
  leafOf(textPlace, 'notIn', textList),
  leafOf(
    textPlace,
    'exists',
    fc.constantFrom(true, true, false).map((one) => () => one),
  ),
  leafOf(textPlace, 'not:startsWith', pieceOfText('beginning')),
  leafOf(textPlace, 'not:ignoreCase:includes', wholeText),
  leafOf(listPlace, 'doesNotContain', ruleText),
  leafOf(numberPlace, 'not:lessThan', someNumber),
  leafOf(addressPlace, 'not:inCidr', network),
);

const anyOperator = fc
  .tuple(
    fc.oneof(
      { weight: 4, arbitrary: fc.constant<string[]>([]) },
      {
        weight: 4,
        arbitrary: fc.array(fc.constantFrom(...DECORATORS.keys()), { minLength: 1, maxLength: 3 }),
      },
    ),
    fc.constantFrom(...OPERATORS.keys()),
  )
  .map(([decorators, operator]) => {
    if (operator !== 'matches') return [...decorators, operator].join(':');
    // As the loader has it: a pattern is a constant, and ignores case by itself.
    const others = decorators.filter((name) => name !== 'ignoreCase' && name !== 'swap');
    return [...others, ...(others.length < decorators.length ? ['ignoreCase'] : []), operator].join(':');
  });

const reference: fc.Arbitrary<FactReference> = placeWithReferee.map(({ fact, path }) => ({
  fact,
  ...(path === undefined ? {} : { path }),
}));

/** Any operator, under any decorators, on anything, beside a value of mostly the right kind. */
export const anyLeaf: Made<Leaf> = anyOperator.chain((operator) => {
  const base = operator.slice(operator.lastIndexOf(':') + 1);
  const own: Made<Scalar> =
    base === 'matches'
      ? operator.includes('ignoreCase:')
        ? patternWithoutWords
        : pattern
      : base === 'inCidr'
        ? network
        : base === 'exists'
          ? fc.boolean().map((one) => () => one)
          : /less|greater/.test(base)
            ? fc.oneof({ weight: 3, arbitrary: someNumber }, { weight: 1, arbitrary: scalar })
            : scalar;
  const isList = operator.includes('Value:') || base === 'in' || base === 'notIn';
  const list: Made<ConditionValue> = listOf(own, { maxLength: 4 });
  const others: fc.WeightedArbitrary<(pool: Pool) => ConditionValue>[] =
    base === 'matches'
      ? []
      : [
          { weight: 1, arbitrary: isList ? own : list },
          { weight: 2, arbitrary: reference.map((one) => () => one) },
        ];
  return leafOf(
    placeWithReferee,
    operator,
    fc.oneof({ weight: 8, arbitrary: isList ? list : own }, ...others),
  );
});

/** Two facts of one event, compared. */
export const factToFact: Made<Leaf> = fc
  .tuple(
    fc.constantFrom(
      'equal',
      'notEqual',
      'startsWith',
      'includes',
      'in',
      'contains',
      'lessThan',
      'greaterThanInclusive',
      'ignoreCase:equal',
      'someFact:equal',
    ),
    anyPlace,
    anyPlace,
  )
  .map(([operator, at, { fact, path }]) => () => ({
    ...at,
    operator,
    value: { fact, ...(path === undefined ? {} : { path }) },
  }));

/** From and up to, of one fact; of a list, where each may hold for another entry. */
export const rangeLeaves: Made<readonly Leaf[]> = fc
  .tuple(
    fc.oneof(
      numberPlace.map((place) => ({ place, decorator: '' })),
      listPlace.map((place) => ({ place, decorator: 'someFact:' })),
    ),
    fc.constantFrom('greaterThan', 'greaterThanInclusive'),
    fc.constantFrom('lessThan', 'lessThanInclusive'),
    someNumber,
    someNumber,
  )
  .map(([{ place, decorator }, above, below, low, high]) => (pool) => [
    { ...place, operator: decorator + above, value: low(pool) },
    { ...place, operator: decorator + below, value: high(pool) },
  ]);
