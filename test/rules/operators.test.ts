import fc from 'fast-check';
import { Engine } from 'json-rules-engine';
import { describe, expect, test } from 'vitest';
import type { FactValue } from '../../src/events/facts.ts';
import { parseNetwork } from '../../src/rules/cidr.ts';
import { DECORATORS, resolveOperator } from '../../src/rules/decorators.ts';
import { foldCase } from '../../src/rules/fold-case.ts';
import { OPERATORS, STANDARD_OPERATORS } from '../../src/rules/operators.ts';
import { compilePattern, PatternError } from '../../src/rules/patterns.ts';
import { TEXTS } from './arbitrary-rules.ts';

const scalar: fc.Arbitrary<FactValue> = fc.oneof(
  fc.constantFrom(...TEXTS),
  fc.constantFrom<FactValue>(
    0,
    -0,
    1,
    1.5,
    Number.NaN,
    10n,
    '1',
    '1.5x',
    '0x10',
    ' 7',
    undefined,
    null,
    true,
    false,
  ),
);
const value: fc.Arbitrary<FactValue> = fc.oneof(
  { weight: 4, arbitrary: scalar },
  { weight: 3, arbitrary: fc.array(scalar, { maxLength: 4 }) },
  // Made anew each time: what an event holds and what a rule says are never the same object.
  {
    weight: 1,
    arbitrary: fc
      .constantFrom<() => FactValue>(
        () => ({}),
        () => ({ a: 1 }),
        () => [[1]],
        () => Object.create(null) as FactValue,
      )
      .map((make) => make()),
  },
);

interface StockOperators {
  get(name: string): { evaluate(fact: unknown, value: unknown): boolean } | null;
}

/** json-rules-engine's untouched operators; the map is not in its typings. */
const stock = (new Engine() as unknown as { operators: StockOperators }).operators;

const isObject = (one: FactValue): boolean => typeof one === 'object' && one !== null;

describe('operators', () => {
  test('json-rules-engine’s own mean the same wherever the original does not throw', () => {
    const names = STANDARD_OPERATORS.map(({ name }) => name);
    const decorators = [...DECORATORS.keys()].filter((name) => name !== 'ignoreCase');
    let compared = 0;
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...decorators), { maxLength: 2 }),
        fc.constantFrom(...names),
        value,
        value,
        (prefix, operator, left, right) => {
          const name = [...prefix, operator].join(':');
          let original: boolean;
          try {
            original = stock.get(name)?.evaluate(left, right) ?? false;
          } catch {
            return;
          }
          // Identity of objects is the one thing that is not kept.
          if ([left, right, left, right].flat().some(isObject) && left === right) return;
          compared++;
          expect(resolveOperator(name)?.evaluate(left, right)).toBe(original);
        },
      ),
      { numRuns: 20_000 },
    );
    expect(compared).toBeGreaterThan(10_000);
  });

  test('never throw, and mean the same with a value that is known beforehand', () => {
    const name = fc
      .tuple(
        fc.array(fc.constantFrom(...DECORATORS.keys()), { maxLength: 3 }),
        fc.constantFrom(...OPERATORS.keys()),
      )
      .filter(([prefix, operator]) => operator !== 'matches' || prefix.length === 0)
      .map(([prefix, operator]) => [...prefix, operator].join(':'));
    fc.assert(
      fc.property(name, value, value, (operator, left, right) => {
        if (operator === 'matches' && typeof right === 'string') return;
        const resolved = resolveOperator(operator);
        expect(resolved?.prepare(right)(left)).toBe(resolved?.evaluate(left, right));
      }),
      { numRuns: 20_000 },
    );
  });

  test('ignoreCase takes texts as equal that differ in case alone, in any script', () => {
    const equal = resolveOperator('ignoreCase:equal');
    for (const [a, b] of [
      ['/USR/Bin', '/usr/bin'],
      ['ΑΣ', 'ας'],
      ['\u212a', 'K'],
      ['STRASSE', 'straße'],
      ['ÅNGSTRÖM', '\u212bngström'],
    ] as const) {
      expect(equal?.evaluate(a, b), `${a} and ${b}`).toBe(true);
    }
    expect(equal?.evaluate('é', 'e')).toBe(false);
  });

  test('what is folded stays as it is when it is folded again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const folded = foldCase(text);
        expect(foldCase(folded)).toBe(folded);
      }),
      { numRuns: 20_000 },
    );
  });

  test('what is folded keeps its beginnings: a prefix stays one', () => {
    const parts = fc.array(fc.constantFrom(...TEXTS, 'Σ', 'σ', 'ŉ', 'İ', 'ı', 'ﬁ', 'ǅ'), { maxLength: 4 });
    fc.assert(
      fc.property(parts, parts, (front, back) => {
        const a = front.join('');
        const b = back.join('');
        expect(foldCase(a + b)).toBe(foldCase(a) + foldCase(b));
      }),
    );
  });

  test('matches under ignoreCase ignores case without changing the pattern', () => {
    const matches = resolveOperator('someValue:ignoreCase:matches');
    expect(matches?.evaluate('ABC', ['^\\D+$'])).toBe(true);
    expect(matches?.evaluate('123', ['^\\D+$'])).toBe(false);
    expect(matches?.evaluate('/TMP/X', ['^/tmp/x$'])).toBe(true);
  });

  test('exists is false for what is missing and for null', () => {
    const exists = OPERATORS.get('exists');
    expect([undefined, null, '', 0, false, []].map((one) => exists?.evaluate(one, true))).toEqual([
      false,
      false,
      true,
      true,
      true,
      true,
    ]);
  });
});

test('a long list that several operators share is searched by each in its own way', () => {
  const list = ['/a/', 'b.', 'cc', 'd', 'e', 'f', 'g', '10.0.0.0/8', '/h/', 'i'];
  const facts = ['/a/x', 'x/a/', 'x.b.', 'bx', 'xcc', 'ccx', 'x/h/x', '10.1.2.3', 'x', ''];
  const names = ['startsWith', 'endsWith', 'includes', 'inCidr', 'equal'].map((name) => `someValue:${name}`);
  for (const name of names) {
    const operator = resolveOperator(name);
    const expected = facts.map((fact) => operator?.evaluate(fact, list));
    const prepared = operator?.prepare(list);
    expect(
      facts.map((fact) => prepared?.(fact)),
      name,
    ).toEqual(expected);
    expect(new Set(expected).size, name).toBe(name === 'someValue:equal' ? 1 : 2);
  }
});

describe('inCidr', () => {
  const inCidr = (address: string, network: string): boolean | undefined =>
    OPERATORS.get('inCidr')?.evaluate(address, network);

  test('compares IPv4 and IPv6 by their bits', () => {
    expect(inCidr('10.255.0.1', '10.0.0.0/8')).toBe(true);
    expect(inCidr('11.0.0.1', '10.0.0.0/8')).toBe(false);
    expect(inCidr('192.168.1.129', '192.168.1.128/25')).toBe(true);
    expect(inCidr('192.168.1.127', '192.168.1.128/25')).toBe(false);
    expect(inCidr('1.2.3.4', '0.0.0.0/0')).toBe(true);
    expect(inCidr('fe80::1%eth0', 'fe80::/10')).toBe(true);
    expect(inCidr('fec0::1', 'fe80::/10')).toBe(false);
    expect(inCidr('2001:db8::1', '2001:db8::1')).toBe(true);
    expect(inCidr('1.2.3.4', '::/0')).toBe(false);
  });

  test('takes IPv4 in IPv6 for what it is', () => {
    expect(inCidr('::ffff:10.1.2.3', '10.0.0.0/8')).toBe(true);
    expect(inCidr('10.1.2.3', '::ffff:10.0.0.0/104')).toBe(true);
  });

  test('every address is in each network made from it', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 0, max: 128 }), (address, bits) => {
        const network = `${address}/${bits}`;
        if (parseNetwork(network) !== undefined) expect(inCidr(address, network)).toBe(true);
      }),
    );
  });

  test('knows what is no network', () => {
    for (const text of ['', '10.0.0.0/33', '10.0.0/8', 'fe80::/129', '10.0.0.0/', '10.0.0.0/8/8', 'host']) {
      expect(parseNetwork(text), text).toBeUndefined();
    }
  });
});

describe('patterns', () => {
  test('over a cap are refused with the number', () => {
    for (const [source, found] of [
      ['a{201}', '{201}'],
      ['(a{1,100}b{1,100}c{1,100}){1,5}', 'instructions'],
      ['a'.repeat(2001), '2001 characters'],
    ] as const) {
      const refused = expect.objectContaining({ found: expect.stringContaining(found) });
      expect(() => compilePattern(source, false)).toThrow(refused);
    }
  });

  test('that need backtracking are refused', () => {
    for (const source of ['(?=a)', '(a)\\1', '(?<!a)b', '[']) {
      expect(() => compilePattern(source, false), source).toThrow(PatternError);
    }
  });

  test('a brace that is escaped is no repeat', () => {
    expect(compilePattern('\\{999\\}', false).test('{999}')).toBe(true);
  });
});
