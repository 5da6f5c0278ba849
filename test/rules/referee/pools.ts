// Where the values of generated rules and events come from: a handful of texts for each case, whole in events, and whole
// or in pieces in rules. So they meet often, in every way in which an index looks for them.

import fc from 'fast-check';
import type { Scalar } from '../../../src/rules/conditions.ts';
import { TEXTS } from '../arbitrary-rules.ts';

/** What rules and events of one case draw from. */
export interface Pool {
  readonly texts: readonly string[];
  readonly numbers: readonly (number | bigint)[];
  /** One array that several conditions hold, as those do that name a list. */
  readonly list: readonly string[];
}

/** Made with a pool: fast-check sees choices, the pool turns them into values. */
export type Made<T> = fc.Arbitrary<(pool: Pool) => T>;

const MORE_TEXTS = [
  '/usr/bin/curl',
  '/usr/bin/curl.bak',
  '/usr/local/bin/curl',
  '/home/a/.ssh/id_rsa',
  '/HOME/A/.ssh/ID_RSA',
  'curl -fsSL https://example.org/x.sh',
  'a.b.example.org',
  'example.org',
  'aaaa',
  'aaaab',
  'abab',
  'ab',
  'İ', // whose lower case is two code units
  'ǆ',
  'ﬁ', // a ligature, two letters in upper case
  'ſ', // the long s, whose upper case is S
  'S',
  '😀',
  '😀x',
  '日本語',
  'tab\there',
  'line\nbreak',
  'true',
  'null',
  '0',
  '1',
  '-1',
  '1e1',
  '0x10',
  ' 7',
  '07',
  'Infinity',
  'NaN',
  '9007199254740993',
  '10.0.0.0/8',
  '10.1.2.3',
  '10.255.255.255',
  '11.0.0.0',
  '172.16.5.4',
  '2001:db8::1',
  '2001:0DB8:0:0::1',
  '.*',
  '^a$',
  '(',
  '[x]',
  '\\d',
  '$.a',
  'length',
  '__proto__',
  'constructor',
];
const ALL_TEXTS: readonly string[] = [...new Set([...TEXTS, ...MORE_TEXTS])];
const NUMBERS: readonly (number | bigint)[] = [
  0,
  1,
  2,
  9,
  10,
  -1,
  1.5,
  100,
  2 ** 53,
  2n ** 53n + 1n,
  2n ** 60n,
  -(2n ** 60n),
];
export const NETWORKS: readonly string[] = [
  '10.0.0.0/8',
  '10.0.0.0/31',
  '10.0.0.1',
  '10.0.0.1/32',
  '0.0.0.0/0',
  '172.16.0.0/12',
  'fe80::/10',
  '2001:db8::/32',
  '2001:db8::1',
  '::/0',
  '::ffff:10.0.0.0/104',
  'no network',
  '10.0.0.0/33',
  '',
];

export const pool: fc.Arbitrary<Pool> = fc
  .record({
    texts: fc.uniqueArray(fc.constantFrom(...ALL_TEXTS), { minLength: 2, maxLength: 3 }),
    numbers: fc.uniqueArray(fc.constantFrom(...NUMBERS), { minLength: 2, maxLength: 4 }),
    more: fc.array(fc.constantFrom(...ALL_TEXTS), { maxLength: 12 }),
  })
  .map(({ texts, numbers, more }) => ({ texts, numbers, list: [...more, ...texts.slice(0, 2)] }));

const at = fc.nat({ max: 2 });
const textAt = ({ texts }: Pool, index: number): string => texts[index % texts.length] ?? '';

/** A text of the pool as it is; now and then one from anywhere. */
export const wholeText: Made<string> = fc.oneof(
  { weight: 12, arbitrary: at.map((index) => (from: Pool) => textAt(from, index)) },
  { weight: 1, arbitrary: fc.constantFrom(...ALL_TEXTS).map((text) => () => text) },
);

export const someNumber: Made<number | bigint> = fc.oneof(
  {
    weight: 3,
    arbitrary: at.map(
      (index) =>
        ({ numbers }: Pool) =>
          numbers[index % numbers.length] ?? 0,
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom(...NUMBERS).map((number) => () => number) },
);

type Piece = 'beginning' | 'end' | 'middle';

/** In code units: a piece may end within a character, as a rule file's escapes can. */
export function pieceOfText(piece: Piece): Made<string> {
  return fc.tuple(wholeText, fc.nat({ max: 12 }), fc.nat({ max: 12 })).map(([make, from, to]) => (drawn) => {
    const text = make(drawn);
    if (piece === 'beginning') return text.slice(0, 1 + (to % (text.length + 1)));
    if (piece === 'end') return text.slice(from % (text.length + 1));
    return text.slice(from % (text.length + 1)).slice(0, 1 + to);
  });
}

/** A text of the pool, all of one case, or with more around it. */
const changedText: Made<string> = fc
  .tuple(
    wholeText,
    wholeText,
    fc.constantFrom<'lower' | 'upper' | 'longer' | 'before'>('lower', 'upper', 'longer', 'before'),
  )
  .map(([make, makeOther, change]) => (drawn) => {
    const text = make(drawn);
    if (change === 'lower') return text.toLowerCase();
    if (change === 'upper') return text.toUpperCase();
    return change === 'longer' ? text + makeOther(drawn) : makeOther(drawn) + text;
  });

/** What events hold. */
export const eventText: Made<string> = fc.oneof(
  { weight: 6, arbitrary: wholeText },
  { weight: 2, arbitrary: changedText },
);

/** What rules compare with. */
export const ruleText: Made<string> = fc.oneof(
  { weight: 6, arbitrary: wholeText },
  { weight: 1, arbitrary: changedText },
  { weight: 1, arbitrary: pieceOfText('middle') },
);

export const scalar: Made<Scalar> = fc.oneof<fc.WeightedArbitrary<(pool: Pool) => Scalar>[]>(
  { weight: 6, arbitrary: ruleText },
  { weight: 2, arbitrary: someNumber },
  { weight: 1, arbitrary: fc.boolean().map((one) => () => one) },
  { weight: 1, arbitrary: fc.constant(() => null) },
);

export function listOf<T>(
  one: Made<T>,
  sizes: { readonly minLength?: number; readonly maxLength: number },
): Made<readonly T[]> {
  return fc.array(one, sizes).map((makers) => (drawn) => makers.map((make) => make(drawn)));
}
