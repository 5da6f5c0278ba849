import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isInNetwork, parseAddress, parseNetwork, readAddress } from '../../src/rules/cidr.ts';
import { Automaton } from '../../src/rules/index/automaton.ts';
import { Hits } from '../../src/rules/index/hits.ts';
import { type Interval, IntervalTree } from '../../src/rules/index/interval-tree.ts';
import { NetworkTree } from '../../src/rules/index/network-tree.ts';
import { TextFilter } from '../../src/rules/index/text-filter.ts';
import { TextTrie } from '../../src/rules/index/text-trie.ts';

/** Key n belongs to rule n alone, so that what is hit is what is found. */
const hitsOf = (count: number): Hits =>
  new Hits(
    Array.from({ length: count }, (_, key) => [key]),
    count,
  );

function found(count: number, collect: (hits: Hits) => void): number[] {
  const hits = hitsOf(count);
  hits.begin();
  collect(hits);
  return [...hits.rules.subarray(0, hits.count)].sort((a, b) => a - b);
}

const numbered = (texts: readonly string[]): Map<string, number[]> =>
  new Map(texts.map((text, index) => [text, [index]]));

/** What is found of a text of ASCII where it stands among other bytes. */
function foundInPlace(
  count: number,
  text: string,
  collect: (bytes: Uint8Array, start: number, end: number, hits: Hits) => void,
): number[] {
  const bytes = Buffer.from(`a${text}b`, 'latin1');
  return found(count, (hits) => collect(bytes, 1, bytes.length - 1, hits));
}

const isAscii = (text: string): boolean => !/[\u0080-\uffff]/.test(text);

const indicesOf = <T>(all: readonly T[], holds: (one: T) => boolean): number[] =>
  all.flatMap((one, index) => (holds(one) ? [index] : []));

// Few letters, so that texts contain, begin and end one another; halves of a character, and more than one byte.
const piece = fc.constantFrom(
  'a',
  'b',
  'ab',
  'aab',
  '/',
  'é',
  'σ',
  '😀',
  '\ud83d',
  '\ude00',
  '\udc80',
  '\u0000',
);
const text = (min: number, max: number): fc.Arbitrary<string> =>
  fc.array(piece, { minLength: min, maxLength: max }).map((pieces) => pieces.join(''));
const patterns = fc.uniqueArray(text(1, 5), { maxLength: 40 });
const ofAscii = fc
  .array(fc.constantFrom('a', 'b', 'ab', 'aab', '/', '\u0000'), { maxLength: 24 })
  .map((pieces) => pieces.join(''));
const texts = fc.array(fc.oneof(text(0, 24), ofAscii), { minLength: 1, maxLength: 8 });

describe('searches of many texts at once', () => {
  test('the automaton finds what includes finds', () => {
    let hits = 0;
    let hitsInPlace = 0;
    fc.assert(
      fc.property(patterns, texts, (all, searched) => {
        const automaton = new Automaton(numbered(all));
        for (const one of searched) {
          const expected = indicesOf(all, (pattern) => one.includes(pattern));
          hits += expected.length;
          expect(found(all.length, (into) => automaton.collect(one, into))).toEqual(expected);
          expect(automaton.hasMatch(one)).toBe(expected.length > 0);
          if (!isAscii(one)) continue;
          hitsInPlace += expected.length;
          const inPlace = foundInPlace(all.length, one, (...text) => automaton.collectAscii(...text));
          expect(inPlace).toEqual(expected);
        }
      }),
      { numRuns: 800 },
    );
    expect(hits).toBeGreaterThan(500);
    expect(hitsInPlace).toBeGreaterThan(200);
  });

  test('the automaton of more states than it has rows for finds the same', () => {
    // Deep states have no rows of their own; 400 letters make rows so wide that few have one.
    const letters = Array.from({ length: 400 }, (_, index) => String.fromCharCode(0x100 + index));
    const all = Array.from({ length: 4000 }, (_, index) => {
      const a = letters[index % 400];
      const b = letters[(index * 7) % 397];
      return `${a}${b}${a}${a}${letters[index % 13]}${'ab'.repeat(index % 9)}${index % 3}`;
    });
    // Others begin as those end: what leaves a deep state goes on in another deep one.
    const overlapping = letters.slice(0, 50).map((letter) => `${'ab'.repeat(4)}${letter}`);
    const unique = [...new Set([...all, ...overlapping])];
    const automaton = new Automaton(numbered(unique));
    for (let i = 0; i < unique.length; i += 97) {
      const one = `x${unique[i]?.slice(0, -1)}${letters[i % 50]}${unique[(i * 31) % unique.length]}${unique[(i + 1) % unique.length]?.slice(2)}`;
      const expected = indicesOf(unique, (pattern) => one.includes(pattern));
      expect(found(unique.length, (into) => automaton.collect(one, into))).toEqual(expected);
    }
  });

  test('the tries find what startsWith and endsWith find', () => {
    let hits = 0;
    let hitsInPlace = 0;
    fc.assert(
      fc.property(patterns, texts, (all, searched) => {
        const prefixes = new TextTrie(numbered(all), 'prefix');
        const suffixes = new TextTrie(numbered(all), 'suffix');
        for (const one of searched) {
          const starting = indicesOf(all, (pattern) => one.startsWith(pattern));
          const ending = indicesOf(all, (pattern) => one.endsWith(pattern));
          hits += starting.length + ending.length;
          expect(found(all.length, (into) => prefixes.collect(one, into))).toEqual(starting);
          expect(found(all.length, (into) => suffixes.collect(one, into))).toEqual(ending);
          expect(prefixes.hasMatch(one)).toBe(starting.length > 0);
          expect(suffixes.hasMatch(one)).toBe(ending.length > 0);
          if (!isAscii(one)) continue;
          hitsInPlace += starting.length + ending.length;
          const [startingInPlace, endingInPlace] = [prefixes, suffixes].map((trie) =>
            foundInPlace(all.length, one, (...text) => trie.collectAscii(...text)),
          );
          expect(startingInPlace).toEqual(starting);
          expect(endingInPlace).toEqual(ending);
        }
      }),
      { numRuns: 800 },
    );
    expect(hits).toBeGreaterThan(500);
    expect(hitsInPlace).toBeGreaterThan(200);
  });

  test('the filter never denies a text that it was made of', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(text(0, 24), fc.string({ maxLength: 60 })), { maxLength: 60 }), (all) => {
        const filter = new TextFilter(all);
        for (const one of all) {
          expect(filter.mayHave(one)).toBe(true);
          const bytes = Buffer.from(`a${one}b`, 'latin1');
          if (isAscii(one)) expect(filter.mayHaveAscii(bytes, 1, bytes.length - 1)).toBe(true);
        }
      }),
    );
    const filter = new TextFilter(Array.from({ length: 1000 }, (_, index) => `/usr/bin/known-${index}`));
    const others = Array.from({ length: 1000 }, (_, index) => `/opt/other/${index}.sh`);
    expect(others.filter((one) => filter.mayHave(one)).length).toBeLessThan(300);
  });
});

describe('searches of many numbers at once', () => {
  test('the tree of intervals finds those around a number', () => {
    const end = fc.oneof(
      fc.integer({ min: -5, max: 5 }),
      fc.constantFrom(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 2.5, -0),
    );
    const interval = fc.tuple(end, end).map(([a, b]) => ({ low: Math.min(a, b), high: Math.max(a, b) }));
    fc.assert(
      fc.property(fc.array(interval, { maxLength: 30 }), end, (all, value) => {
        const tree = new IntervalTree(all.map((one, key): Interval => ({ ...one, key })));
        const expected = indicesOf(all, ({ low, high }) => low <= value && value <= high);
        expect(found(all.length, (into) => tree.collect(value, into))).toEqual(expected);
      }),
      { numRuns: 2000 },
    );
  });

  const word = fc.constantFrom('0', '1', 'ffff', '8000', 'fe80', 'FE80', '00ff');
  const byte = fc.constantFrom(0, 1, 10, 127, 128, 192, 255);
  const v4 = fc.tuple(byte, byte, byte, byte).map((bytes) => bytes.join('.'));
  const v6 = fc.oneof(
    fc.array(word, { minLength: 8, maxLength: 8 }).map((words) => words.join(':')),
    fc
      .tuple(fc.array(word, { maxLength: 3 }), fc.array(word, { maxLength: 3 }))
      .map(([before, after]) => `${before.join(':')}::${after.join(':')}`),
    v4.map((one) => `::ffff:${one}`),
    fc.constantFrom('::ffff:a00:1', '::', 'fe80::1%eth0', '64:ff9b::10.0.0.1'),
  );
  const noAddress = fc.constantFrom(
    '',
    '10.0.0',
    '10.0.0.0.1',
    '010.0.0.1',
    '256.0.0.1',
    '1::2::3',
    ':1',
    '1:',
    'x',
    '1:2:3:4:5:6:7:8:9',
  );
  const address = fc.oneof(
    { weight: 4, arbitrary: v4 },
    { weight: 4, arbitrary: v6 },
    { weight: 1, arbitrary: noAddress },
  );

  test('an address is read as Node reads it, however it is written', () => {
    const words = new Uint16Array(8);
    const broken = fc
      .tuple(address, fc.nat(12), fc.constantFrom('', ':', '::', '.', '0', 'g', '%', '1'))
      .map(([one, at, put]) => one.slice(0, at) + put + one.slice(at));
    fc.assert(
      fc.property(fc.oneof(address, broken), (one) => {
        const expected = parseAddress(one) ?? [];
        expect([...words.subarray(0, readAddress(one, words))]).toEqual(expected);
      }),
      { numRuns: 5000 },
    );
  });

  test('the tree of networks finds those that an address is in', () => {
    const network = fc.oneof(
      address,
      fc.tuple(v4, fc.integer({ min: 0, max: 33 })).map((parts) => parts.join('/')),
      fc.tuple(v6, fc.integer({ min: 0, max: 129 })).map((parts) => parts.join('/')),
    );
    let hits = 0;
    fc.assert(
      fc.property(
        fc.array(network, { maxLength: 40 }),
        fc.array(address, { minLength: 1, maxLength: 8 }),
        (all, searched) => {
          const tree = new NetworkTree();
          const parsed = all.map(parseNetwork);
          for (const [key, one] of parsed.entries()) if (one !== undefined) tree.add(one, key);
          for (const one of searched) {
            const expected = indicesOf(parsed, (each) => each !== undefined && isInNetwork(one, each));
            hits += expected.length;
            expect(found(all.length, (into) => tree.collect(one, into))).toEqual(expected);
            expect(tree.hasMatch(one)).toBe(expected.length > 0);
          }
        },
      ),
      { numRuns: 800 },
    );
    expect(hits).toBeGreaterThan(200);
  });
});

test('a key is hit once, and a rule of several keys is a candidate once', () => {
  const hits = new Hits([[2, 0], [0, 1], []], 3);
  hits.begin();
  hits.add([0]);
  hits.add([0, 2]);
  hits.add([1, 1]);
  hits.addRules(Int32Array.of(1));
  expect([...hits.rules.subarray(0, hits.count)]).toEqual([2, 0, 1]);
  hits.begin();
  expect(hits.count).toBe(0);
  hits.add([1]);
  expect([...hits.rules.subarray(0, hits.count)]).toEqual([0, 1]);
});
