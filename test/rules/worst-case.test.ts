import { describe, expect, test } from 'vitest';
import { parseRules } from '../../src/rules/load.ts';
import { worstCaseOf } from '../../src/rules/worst-case.ts';

const ruleFile = (leaf: string): string =>
  `- { name: a, on: [notify.exec], platforms: [linux], conditions: { all: [ ${leaf} ] }, event: { type: alert } }\n`;

const problemsOf = (leaf: string) => {
  const text = ruleFile(leaf);
  const { problems } = parseRules([{ file: 'p.yaml', text }]);
  return problems.map(({ code, column, message }) => ({
    code,
    column: column - 1,
    message,
    at: text.slice(column - 1),
  }));
};

describe('a pattern that could be slow', () => {
  const leafWith = (operator: string, value: string): string =>
    `{ fact: process.command_line, operator: ${operator}, value: ${value} }`;

  test.each([
    ['needs backtracking', "'(a)\\1'", /not valid: invalid escape sequence/],
    ['looks ahead', "'a(?=b)'", /not valid/],
    ['repeats too often', "'a{201}'", /repeats too often/],
    ['is a large program', "'(a{1,100}b{1,100}c{1,100}){1,5}'", /too large a program/],
    ['is long', `'${'a'.repeat(2001)}'`, /too long/],
  ])('is refused at its place: one that %s', (_, pattern, message) => {
    const [problem, more] = problemsOf(leafWith('matches', pattern));
    expect(more).toBeUndefined();
    expect(problem).toMatchObject({ code: 'wrong-pattern', message: expect.stringMatching(message) });
    expect(problem?.at.startsWith(pattern)).toBe(true);
  });

  test('is refused at its place in a list of values, and so is each further one', () => {
    const problems = problemsOf(leafWith('someValue:matches', "[ok, 'a{999}', '^fine$', '(?<=x)y']"));
    expect(problems.map(({ code, at }) => [code, at.slice(0, 5)])).toEqual([
      ['wrong-pattern', "'a{99"],
      ['wrong-pattern', "'(?<="],
    ]);
  });
});

describe('the worst case of a rule', () => {
  const of = (...leaves: { fact: string; operator: string; value: string | string[] }[]) =>
    worstCaseOf({ conditions: { all: leaves } }, {});
  const matches = (value: string) => ({ fact: 'process.command_line', operator: 'matches', value });

  test('grows with the size of a pattern, and names the one that is to blame', () => {
    const small = of(matches('a+b'));
    const large = of(matches('(a+b|c+d){20}'));
    expect(large.steps).toBeGreaterThan(10 * small.steps);
    expect(small.steps).toBeGreaterThanOrEqual(8192);
    expect(of(matches('a+b'), matches('(a+b|c+d){20}')).costliest).toBe(
      'process.command_line matches "(a+b|c+d){20}"',
    );
  });

  test('of a pattern that is a literal is that of a search, and of a long list that of one search', () => {
    const search = of({ fact: 'message', operator: 'includes', value: 'abc' });
    expect(of(matches('.*abc'))).toEqual({ ...search, costliest: 'process.command_line matches ".*abc"' });
    const values = Array.from({ length: 1000 }, (_, index) => `value ${index}`);
    expect(of({ fact: 'message', operator: 'someValue:includes', value: values })).toEqual({
      ...search,
      costliest: 'message someValue:includes a list of 1000',
    });
    expect(of({ fact: 'message', operator: 'in', value: values }).steps).toBe(1);
    expect(of()).toEqual({ steps: 0, costliest: '' });
  });
});
