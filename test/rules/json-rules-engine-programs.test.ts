// Programs as users of json-rules-engine write them, each run twice: with the original, and with the adapter under the
// same names. What they tell must be the same, in the same order, however it is printed.
import { inspect } from 'node:util';
import * as original from 'json-rules-engine';
import { expect, test } from 'vitest';
import * as adapter from '../../src/rules/json-rules-engine.ts';

type Face = Pick<
  typeof original,
  'Almanac' | 'Engine' | 'Fact' | 'Operator' | 'OperatorDecorator' | 'Rule' | 'default'
>;
type Say = (...told: unknown[]) => void;

const is = (fact: string, value: unknown, more: object = {}) => ({ fact, operator: 'equal', value, ...more });
const rule = (name: string, conditions: object, more: object = {}): original.RuleProperties =>
  ({ name, conditions, event: { type: name }, ...more }) as original.RuleProperties;
const later = (ms = 1) => new Promise((resolve) => setTimeout(resolve, ms));
const namesOf = ({ events, failureEvents }: original.EngineResult) => [
  events.map(({ type }) => type),
  failureEvents.map(({ type }) => type),
];

/** What a program does not catch is told, too. */
async function runOf(program: (face: Face, say: Say) => Promise<void>, face: Face): Promise<string> {
  const lines: string[] = [];
  const say: Say = (...told) => {
    lines.push(told.map((one) => (typeof one === 'string' ? one : inspect(one, { depth: 20 }))).join(' '));
  };
  try {
    await program(face, say);
  } catch (error) {
    say('not caught', error instanceof Error ? error.message : error);
  }
  return lines.join('\n');
}

const PROGRAMS: Readonly<Record<string, (face: Face, say: Say) => Promise<void>>> = {
  'prints a result and its almanac': async ({ Engine }, say) => {
    const engine = new Engine([
      rule('fouls', {
        any: [
          { all: [is('duration', 40), { fact: 'fouls', operator: 'greaterThan', value: 4 }], name: 'short' },
          { not: { any: [is('fouls', 1), is('duration', 3)] } },
        ],
      }),
    ]);
    const result = await engine.run({ duration: 40, fouls: 5 });
    say(result, result.almanac, JSON.stringify(result.results), result.results[0]?.toJSON());
    say(await engine.run({ duration: 3, fouls: 1 }));
  },

  'computes facts from facts, once for equal parameters': async ({ Engine }, say) => {
    let calls = 0;
    const engine = new Engine();
    engine.addFact('account', async (params, almanac) => {
      calls++;
      await later();
      return { id: await almanac.factValue('id'), n: params.n, list: [{ q: 1 }, { q: 2 }] };
    });
    engine.addRule(
      rule('account', {
        all: [
          is('account', 'x', { path: '$.id', params: { n: 2, m: 1 } }),
          is('account', 2, { path: '$.n', params: { m: 1, n: 2 } }),
          { fact: 'account', path: '$.list[?(@.q>1)].q', operator: 'contains', value: 2 },
          is(
            'account',
            { fact: 'account', path: '$.n', params: { n: 7 } },
            { path: '$.n', params: { n: 7 } },
          ),
        ],
      }),
    );
    say(await engine.run({ id: 'x' }), calls);
    const { almanac } = await engine.run({ id: 'y' });
    say(await almanac.factValue('account', { n: 2, m: 1 }, '$.list[1].q'), calls);
    await almanac.factValue('nobody');
  },

  'changes rules, conditions and operators in listeners': async ({ Engine }, say) => {
    const engine = new Engine([
      rule('first', { all: [is('x', 1)] }, { priority: 9 }),
      rule('second', { all: [is('x', 1)] }, { priority: 5 }),
      rule('third', { condition: 'shared' }),
    ]);
    engine.setCondition('shared', { all: [is('x', 1)] });
    const changes: readonly (() => unknown)[] = [
      () => engine.addRule(rule('added', { all: [] }, { priority: 5 })),
      () => engine.removeRule('second'),
      () => engine.setCondition('shared', { all: [is('x', 2)] }),
      () => engine.stop(),
      () => engine.addOperator('equal', () => true),
      () => engine.removeOperator('equal'),
    ];
    for (const change of changes) {
      const listener = (): void => void change();
      engine.on('first', listener);
      try {
        say(namesOf(await engine.run({ x: 1 })));
      } catch (error) {
        say(String(error));
      }
      (engine as unknown as { off(name: string, listener: () => void): void }).off('first', listener);
      await later();
    }
  },

  'changes a rule by hand between runs': async ({ Engine, Rule }, say) => {
    const made = new Rule(rule('hand', { all: [is('x', 1)] }));
    const engine = new Engine([made]);
    const [condition] = (made.conditions as { all: { value: unknown }[] }).all;
    say(namesOf(await engine.run({ x: 1 })));
    if (condition !== undefined) condition.value = 2;
    say(namesOf(await engine.run({ x: 2 })), made.toJSON());
    made.setPriority(3).setEvent({ type: 'other', params: { p: 1 } });
    say(await engine.run({ x: 2 }), new Rule(made.toJSON()).toJSON() === made.toJSON());
    say(engine.removeRule(made), engine.removeRule(made), namesOf(await engine.run({ x: 2 })));
  },

  'waits for slow facts and listeners among quick ones': async ({ Engine }, say) => {
    const engine = new Engine([
      rule('slow', { all: [is('slow', 1)] }),
      rule('quick', { all: [is('x', 1)] }),
      rule('neither', { all: [is('x', 2), is('slow', 1)] }),
      rule('both', { all: [is('x', 1), is('slow', 1)] }),
      rule('next', { all: [is('told', 'both')] }, { priority: 1 }),
    ]);
    for (const one of engine['rules' as keyof typeof engine] as unknown as { priority: number }[])
      if (one.priority === 1) one.priority = 5;
    engine.addRule(rule('last', { all: [is('told', 'both')] }));
    engine.addFact('slow', () => later(3).then(() => 1));
    engine.addFact('told', 'nobody');
    engine.on('success', async (event, almanac, { name, result }) => {
      say('+', event, name, result);
      almanac.addFact('told', event.type);
      await later();
      say('-', event.type);
    });
    engine.on('failure', (event) => say('failed', event));
    say(namesOf(await engine.run({ x: 1 })));
  },

  'names things as objects name their own': async ({ Engine }, say) => {
    for (const name of ['__proto__', 'constructor', 'toString', 'a.b', '0', 'success']) {
      const engine = new Engine([rule(name, { all: [is(name, 1)] })]);
      // The emitter of both takes no listener to a name that every object has as its prototype's.
      if (name !== '__proto__') engine.on(name, (told) => say('heard', name, told));
      for (const value of [1, 2]) {
        const run = engine.run(JSON.parse(`{${JSON.stringify(name)}:${value}}`));
        await run.then(say, (error: Error) => say(name, error.message));
      }
    }
  },

  'has operators and decorators of its own, in two engines with one rule': async (face, say) => {
    const { Engine, Operator, OperatorDecorator, Rule } = face;
    const made = new Rule(
      rule('own', {
        all: [
          { fact: 'n', operator: 'between', value: [1, 5] },
          { fact: 'words', operator: 'first:lower:equal', value: 'a' },
          { fact: 'words', operator: 'not:everyFact:equal', value: 'A' },
        ],
      }),
    );
    for (const limit of [1, 3]) {
      const engine = new Engine([made]);
      const between = (n: number, [low = 0, high = 0]: number[]): boolean => n >= low * limit && n <= high;
      engine.addOperator(new Operator('between', between as never, Number.isFinite as never));
      engine.addOperatorDecorator('first', (fact: string[], value, next) => next(fact[0], value));
      engine.addOperatorDecorator(
        new OperatorDecorator('lower', (fact: string, value: string, next) =>
          next(fact.toLowerCase(), value),
        ),
      );
      say(await engine.run({ n: 2, words: ['A', 'b'] }), await engine.run({ n: 'x', words: ['A'] }));
      say(engine.removeOperatorDecorator('first'), engine.removeOperatorDecorator('first'));
      await engine.run({ n: 4, words: ['A', 'b'] }).catch((error: Error) => say(error.message));
      await later();
    }
  },

  'is told what is missing, unless it may be': async ({ Engine }, say) => {
    const missing = { any: [is('missing', 1), is('o', 3, { path: '$.a.b' })] };
    for (const conditions of [missing, { condition: 'unknown' }, { not: { condition: 'unknown' } }])
      for (const may of [false, true]) {
        const options = { allowUndefinedFacts: may, allowUndefinedConditions: may };
        const engine = new Engine([rule('u', conditions)], options);
        await engine
          .run({ o: null })
          .then(say, (error: Error & { code?: string }) => say(error.name, error.message, error.code));
      }
  },

  'has facts in the parameters of its events': async ({ Engine }, say) => {
    const params = { own: { fact: 'a' }, inner: { fact: 'o', path: '$.x' }, plain: { b: { fact: 'a' } } };
    for (const replaceFactsInEventParams of [true, false]) {
      const event = { type: 'p', params: structuredClone(params) };
      const engine = new Engine([{ conditions: { all: [is('a', 2)] }, event }], {
        replaceFactsInEventParams,
      });
      engine.addFact('o', async () => ({ x: ['deep'] }));
      engine.on('p', (told) => say('heard', told));
      say(await engine.run({ a: 2 }), await engine.run({ a: 1 }));
    }
  },

  'compares what does not compare': async ({ Engine }, say) => {
    const cases: readonly (readonly [string, unknown, unknown])[] = [
      ['in', 'a', 'abc'],
      ['in', 1, 5],
      ['in', Number.NaN, [Number.NaN]],
      ['contains', 'abc', 'a'],
      ['doesNotContain', 'x', 'y'],
      ['notIn', 'x', null],
      ['equal', null, undefined],
      ['equal', [1], [1]],
      ['greaterThan', '5', '10'],
      ['lessThan', [5], 6],
      ['greaterThan', new Date(5), new Date(3)],
      ['greaterThanInclusive', 10n, 10],
    ];
    for (const [operator, fact, value] of cases) {
      const engine = new Engine([rule('c', { all: [{ fact: 'f', operator, value }] })]);
      await engine.run({ f: fact }).then(say, (error: Error) => say(operator, error.message));
    }
  },
};

test.each(Object.keys(PROGRAMS))('a program that %s tells the same of both', async (name) => {
  const program = PROGRAMS[name] as (face: Face, say: Say) => Promise<void>;
  const expected = await runOf(program, original);
  expect(expected.length).toBeGreaterThan(60);
  expect(await runOf(program, adapter as unknown as Face)).toBe(expected);
});
