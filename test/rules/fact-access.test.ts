import { Engine } from 'json-rules-engine';
import { describe, expect, test } from 'vitest';
import type { FactValue } from '../../src/events/facts.ts';
import { follow, parsePath } from '../../src/rules/fact-access.ts';

/** What json-rules-engine's own JSONPath finds. */
async function found(value: FactValue, path: string): Promise<unknown> {
  let seen: unknown;
  const engine = new Engine([], { allowUndefinedFacts: true });
  engine.addOperator('look', (fact: unknown) => {
    seen = fact;
    return true;
  });
  engine.addRule({
    conditions: { all: [{ fact: 'it', path, operator: 'look', value: 0 }] },
    event: { type: 'x' },
  });
  await engine.run({ it: { value } });
  return seen;
}

describe('a path', () => {
  test.each<readonly [FactValue, string]>([
    ['text', '.length'],
    ['', '.length'],
    ['text', '[1]'],
    ['text', '.constructor'],
    [['a', 'b'], '[1]'],
    [['a', 'b'], '.1'],
    [['a', 'b'], "['1']"],
    [['a', 'b'], '[2]'],
    [['a', 'b'], '.length'],
    [[], '.length'],
    [['a'], '.constructor'],
    [{ a: { b: 0 } }, '.a.b'],
    [{ a: 0 }, '.a.b'],
    [{ a: false }, '.a.b'],
    [{ a: null }, '.a.b'],
    [{ a: '' }, '.a.length'],
    [{ constructor: 1 }, '.constructor'],
    [{}, '.constructor'],
    [{}, '.toString.name'],
    [{ '01': 'x' }, '.01'],
    [{ 'a b': 'x' }, "['a b']"],
    [7, '.a'],
  ])('of %j: %s leads where json-rules-engine finds it', async (value, path) => {
    const steps = parsePath(`$.value${path}`);
    if (steps === undefined) throw new Error('not understood');
    expect(follow({ value }, steps)).toEqual(await found(value, `$.value${path}`));
  });
});
