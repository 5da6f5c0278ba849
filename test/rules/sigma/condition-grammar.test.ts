import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  parseSigmaCondition,
  type SigmaCondition,
  selects,
} from '../../../src/rules/sigma/condition-grammar.ts';
import { SigmaError } from '../../../src/rules/sigma/sigma-error.ts';

const PLACE = { file: 'x.yml', line: 3, column: 12 };
const NAMES = ['selection', 'sel-2', 'filter_main', 'a', 'not_b', 'orange', '_c', '1st', 'all'];

/** Which names the patterns below mean, by hand. */
const MEANT: Readonly<Record<string, readonly string[]>> = {
  them: NAMES.filter((name) => name !== '_c'),
  'sel*': ['selection', 'sel-2'],
  '*a*': ['filter_main', 'a', 'orange', 'all'],
  '_*': ['_c'],
  a: ['a'],
};

function evaluate(condition: SigmaCondition, truth: ReadonlyMap<string, boolean>): boolean {
  switch (condition.kind) {
    case 'and':
      return condition.parts.every((part) => evaluate(part, truth));
    case 'or':
      return condition.parts.some((part) => evaluate(part, truth));
    case 'not':
      return !evaluate(condition.part, truth);
    case 'identifier':
      return truth.get(condition.name) === true;
    case 'selector': {
      const meant = [...truth].filter(([name]) => selects(condition.pattern, name)).map(([, value]) => value);
      return condition.quantifier === 'all' ? meant.every(Boolean) : meant.some(Boolean);
    }
  }
}

/** A condition as a person might write it, beside what JavaScript makes of the same words. */
interface Written {
  readonly sigma: string;
  readonly js: string;
}

const space = fc.constantFrom(' ', '  ', '\n', '\t ');
const loose = fc.constantFrom('', ' ', '\n  ');
const inAnyCase = (word: string): fc.Arbitrary<string> =>
  fc.constantFrom(word, word.toUpperCase(), `${word[0]?.toUpperCase()}${word.slice(1)}`);

const selector: fc.Arbitrary<Written> = fc
  .tuple(
    fc.constantFrom('1', 'any', 'all'),
    inAnyCase('of'),
    fc.constantFrom('them', 'THEM', 'sel*', '*a*', '_*', 'a'),
  )
  .map(([quantifier, of, pattern]) => {
    const meant = (MEANT[pattern.toLowerCase()] ?? []).map((name) => `t[${JSON.stringify(name)}]`);

    return {
      sigma: `${quantifier} ${of} ${pattern}`,
      js: `(${meant.join(quantifier === 'all' ? '&&' : '||')})`,
    };
  });

const { condition } = fc.letrec<{ condition: Written; atom: Written }>((tie) => ({
  atom: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(...NAMES).map((name) => ({ sigma: name, js: `t[${JSON.stringify(name)}]` })),
    selector,
    fc.tuple(tie('condition'), loose, loose).map(([{ sigma, js }, before, after]) => ({
      sigma: `(${before}${sigma}${after})`,
      js: `(${js})`,
    })),
  ),
  condition: fc
    .array(
      fc.tuple(
        fc.nat({ max: 2 }),
        inAnyCase('not'),
        tie('atom'),
        fc.constantFrom('and', 'or'),
        fc.nat({ max: 2 }),
        space,
      ),
      { minLength: 1, maxLength: 4 },
    )
    .map((parts) => {
      let sigma = '';
      let js = '';
      for (const [index, [nots, not, atom, word, style, gap]] of parts.entries()) {
        const capital = `${word[0]?.toUpperCase()}${word.slice(1)}`;
        const written = [word, word.toUpperCase(), capital][style];
        if (index > 0) {
          sigma += `${gap}${written}${gap}`;
          js += word === 'and' ? '&&' : '||';
        }
        sigma += `${`${not}${gap}`.repeat(nots)}${atom.sigma}`;
        js += `${'!'.repeat(nots)}${atom.js}`;
      }
      return { sigma, js };
    }),
}));

describe('a condition', () => {
  test('means what JavaScript means by the same words, for every truth of its names', () => {
    let truths = 0;
    fc.assert(
      fc.property(
        condition,
        fc.array(fc.boolean(), { minLength: 9, maxLength: 9 }),
        ({ sigma, js }, values) => {
          const truth = new Map(NAMES.map((name, index) => [name, values[index] === true]));
          const isTrue = evaluate(parseSigmaCondition(sigma, PLACE), truth);
          const expected = new Function('t', `return ${js}`)(Object.fromEntries(truth)) as boolean;
          expect(isTrue, sigma).toBe(expected);
          if (isTrue) truths++;
        },
      ),
      { numRuns: 4_000 },
    );
    expect(truths).toBeGreaterThan(1_200);
  });

  test.each([
    ['', 1, 'the condition is empty'],
    ['a and', 1, 'something is missing at the end'],
    ['a b', 3, 'the condition goes on where it should end'],
    ['(a or b', 1, 'a parenthesis is not closed'],
    ['a)', 2, 'the condition goes on where it should end'],
    ['a and or b', 7, 'this is no search identifier'],
    ['2 of selection*', 1, 'this is no number of search identifiers'],
    ['1 of', 1, '`of` says of what'],
    ['sel*', 1, 'this is no search identifier'],
    ['a & b', 3, 'the condition goes on where it should end'],
    ['a | count() by b > 5', 3, 'aggregations in conditions are not translated'],
    ['a | near b', 3, 'aggregations in conditions are not translated'],
  ])('that is wrong says where: %s', (text, offset, message) => {
    try {
      parseSigmaCondition(text, PLACE);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(SigmaError);
      const { place, message: found } = error as SigmaError;
      expect(found).toBe(message);
      expect(place).toEqual({ ...PLACE, column: PLACE.column + offset - 1 });
    }
  });

  test('selects by stars alone, anchored at both ends, and never takes long', () => {
    const names = fc.stringMatching(/^[ab_]{0,8}$/);
    const patterns = fc.stringMatching(/^[ab_*]{1,6}$/);
    fc.assert(
      fc.property(patterns, names, (pattern, name) => {
        const meant = new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(name);
        expect(selects(pattern, name)).toBe(meant);
      }),
      { numRuns: 3_000 },
    );
    expect(selects(`${'a*'.repeat(2_000)}b`, 'a'.repeat(20_000))).toBe(false);
    expect(() => parseSigmaCondition('constructor of a*', PLACE)).toThrow('this is no number');
  });

  test('does not nest without end', () => {
    const deep = `${'('.repeat(5_000)}a${')'.repeat(5_000)}`;
    expect(() => parseSigmaCondition(deep, PLACE)).toThrow('nests too deeply');
  });
});
