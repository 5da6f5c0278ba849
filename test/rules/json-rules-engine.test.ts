// The adapter by examples: every method that a user of json-rules-engine calls, what is noticed when rules change, and
// the built file as a user's program has it.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as original from 'json-rules-engine';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { buildAdapter } from '../../scripts/build-adapter.ts';
import engineFactory, {
  Almanac,
  Engine,
  type EngineResult,
  type Event,
  Fact,
  Operator,
  OperatorDecorator,
  Rule,
  type RuleProperties,
} from '../../src/rules/json-rules-engine.ts';

const adult: RuleProperties = {
  name: 'adult',
  conditions: { all: [{ fact: 'user', path: '$.age', operator: 'greaterThanInclusive', value: 18 }] },
  event: { type: 'may-vote', params: { where: 'here' } },
};
const typesOf = ({ events }: EngineResult): string[] => events.map(({ type }) => type);

/** Whether compiled code answered: json-rules-engine asks each of its rules to evaluate itself. */
function evaluationsOf(rules: readonly Rule[]): () => number {
  let count = 0;
  const { evaluate } = original.Rule.prototype as unknown as {
    evaluate(this: Rule, almanac: Almanac): unknown;
  };
  for (const rule of rules) {
    Object.assign(rule, {
      evaluate(this: Rule, almanac: Almanac) {
        count++;
        return evaluate.call(this, almanac);
      },
    });
  }
  return () => count;
}

describe('an engine', () => {
  test('is made by the default export, as by the class', async () => {
    const engine = engineFactory([adult]);
    expect(engine).toBeInstanceOf(Engine);
    expect(engine).toBeInstanceOf(original.Engine);
    const { events, failureEvents, results, failureResults, almanac } = await engine.run({
      user: { age: 18 },
    });
    expect(events).toEqual([{ type: 'may-vote', params: { where: 'here' } }]);
    expect([failureEvents, failureResults]).toEqual([[], []]);
    expect(results[0]?.name).toBe('adult');
    expect(await almanac.factValue('user', {}, '$.age')).toBe(18);
    expect(typesOf(await engine.run({ user: { age: 17 } }))).toEqual([]);
  });

  test('is found on the default export, too, as on a CommonJS module', () => {
    expect({ ...engineFactory }).toMatchObject({ Almanac, Engine, Fact, Operator, OperatorDecorator, Rule });
    expect(engineFactory.default([adult])).toBeInstanceOf(Engine);
  });

  test('reports the whole tree of conditions with what was found', async () => {
    const { failureResults } = await new Engine([adult]).run({ user: { age: 3 } });
    const [result] = failureResults;
    expect(result?.result).toBe(false);
    expect(JSON.parse(result?.toJSON() ?? '')).toEqual({
      conditions: {
        priority: 1,
        all: [
          {
            fact: 'user',
            path: '$.age',
            operator: 'greaterThanInclusive',
            value: 18,
            factResult: 3,
            valueResult: 18,
            result: false,
          },
        ],
      },
      event: { type: 'may-vote', params: { where: 'here' } },
      priority: 1,
      name: 'adult',
      result: false,
    });
    expect(result?.toJSON(false)).toMatchObject({ name: 'adult' });
  });

  test('tells results as they were, however the facts have changed when they are read', async () => {
    const engine = new Engine([
      {
        conditions: { all: [{ fact: 'user', path: '$.roles', operator: 'contains', value: 'root' }] },
        event: { type: 'e' },
      },
    ]);
    const user = { roles: ['guest'] };
    const outcome = await engine.run({ user });
    user.roles.push('root');
    expect(outcome.failureResults[0]?.conditions).toMatchObject({
      all: [{ result: false, factResult: ['guest', 'root'] }],
    });
    expect(typesOf(await engine.run({ user }))).toEqual(['e']);
  });

  test('takes rules away, by name and by object, and updates them', async () => {
    const engine = new Engine([adult, { ...adult, name: 'other', event: { type: 'other' } }]);
    const facts = { user: { age: 20 } };
    expect(typesOf(await engine.run(facts))).toEqual(['may-vote', 'other']);
    expect(engine.removeRule('other')).toBe(true);
    expect(engine.removeRule('other')).toBe(false);
    expect(typesOf(await engine.run(facts))).toEqual(['may-vote']);
    engine.updateRule(new Rule({ ...adult, event: { type: 'updated' } }));
    expect(typesOf(await engine.run(facts))).toEqual(['updated']);
    expect(() => engine.updateRule(new Rule({ ...adult, name: 'nobody' }))).toThrow('rule not found');
    const last = new Rule(JSON.stringify({ ...adult, name: 'last', event: { type: 'last' } }));
    engine.addRule(last);
    expect(typesOf(await engine.run(facts))).toEqual(['updated', 'last']);
    expect(engine.removeRule(last)).toBe(true);
    expect(typesOf(await engine.run(facts))).toEqual(['updated']);
  });

  test('runs higher priorities first, and none any more after stop()', async () => {
    const rule = (type: string, priority: number): RuleProperties => ({
      conditions: { all: [] },
      event: { type },
      priority,
    });
    const engine = new Engine([rule('low', 1), rule('high', 10), rule('middle', 5)]);
    expect(typesOf(await engine.run())).toEqual(['high', 'middle', 'low']);
    engine.on('high', () => void engine.stop());
    expect(typesOf(await engine.run())).toEqual(['high']);
  });

  test('knows named conditions, and takes them away', async () => {
    const engine = new Engine([{ conditions: { condition: 'grown' }, event: { type: 'e' } }], {
      allowUndefinedConditions: true,
    });
    expect(typesOf(await engine.run({ age: 18 }))).toEqual([]);
    engine.setCondition('grown', { all: [{ fact: 'age', operator: 'greaterThan', value: 17 }] });
    expect(typesOf(await engine.run({ age: 18 }))).toEqual(['e']);
    engine.setCondition('grown', { all: [{ fact: 'age', operator: 'greaterThan', value: 20 }] });
    expect(typesOf(await engine.run({ age: 18 }))).toEqual([]);
    expect(engine.removeCondition('grown')).toBe(true);
    expect(engine.removeCondition('grown')).toBe(false);
    expect(typesOf(await engine.run({ age: 30 }))).toEqual([]);
  });

  test('refuses a condition that nobody has set, unless it may', async () => {
    const engine = new Engine([{ conditions: { condition: 'absent' }, event: { type: 'e' } }]);
    await expect(engine.run()).rejects.toThrow('No condition absent exists');
  });

  test('refuses facts that nobody has given, unless it may', async () => {
    await expect(new Engine([adult]).run()).rejects.toMatchObject({
      message: 'Undefined fact: user',
      code: 'UNDEFINED_FACT',
    });
    const { failureResults } = await new Engine([adult], { allowUndefinedFacts: true }).run();
    expect(failureResults).toHaveLength(1);
  });

  test('gives errors of conditions to the caller', async () => {
    const wrong = (operator: string, value: unknown): Engine =>
      new Engine([{ conditions: { all: [{ fact: 'a', operator, value }] }, event: { type: 'e' } }]);
    await expect(wrong('in', 5).run({ a: 1 })).rejects.toThrow(TypeError);
    await expect(wrong('sounds-like', 5).run({ a: 1 })).rejects.toThrow('Unknown operator: sounds-like');
    expect(() => wrong('in', 5).addRule({ event: { type: 'e' } } as RuleProperties)).toThrow(
      'requires "conditions"',
    );
    expect(() => new Rule({ ...adult, conditions: {} as never })).toThrow('root must contain');
  });

  test('adds operators and decorators, and takes them away', async () => {
    const rule = (operator: string): RuleProperties => ({
      conditions: { all: [{ fact: 'word', operator, value: 'b' }] },
      event: { type: operator },
    });
    const engine = new Engine([rule('beginsWith'), rule('lower:beginsWith')]);
    engine.addOperator('beginsWith', (fact: string, value: string) => fact.startsWith(value));
    engine.addOperatorDecorator(
      new OperatorDecorator<string, string, string, string>('lower', (fact, value, next) =>
        next(fact.toLowerCase(), value),
      ),
    );
    expect(typesOf(await engine.run({ word: 'Bee' }))).toEqual(['lower:beginsWith']);
    engine.addOperator(new Operator<string, string>('beginsWith', () => true));
    expect(typesOf(await engine.run({ word: 'x' }))).toContain('beginsWith');
    expect(engine.removeOperatorDecorator('lower')).toBe(true);
    await expect(engine.run({ word: 'x' })).rejects.toThrow('Unknown operator: lower:beginsWith');
    expect(engine.removeOperator('beginsWith')).toBe(true);
    await expect(engine.run({ word: 'x' })).rejects.toThrow('Unknown operator: beginsWith');
  });

  test('lets an operator of the same name take the place of its own', async () => {
    const engine = new Engine([
      adult,
      { ...adult, conditions: { not: { fact: 'user', operator: 'not:equal', value: 1 } } },
    ]);
    expect(typesOf(await engine.run({ user: { age: 20 } }))).toEqual(['may-vote']);
    engine.addOperator('greaterThanInclusive', () => false);
    engine.addOperator('not:equal', () => false);
    const { results } = await engine.run({ user: { age: 20 } });
    expect(results.map(({ conditions }) => Object.keys(conditions)[0])).toEqual(['not']);
    engine.removeOperator('greaterThanInclusive');
    await expect(engine.run({ user: { age: 20 } })).rejects.toThrow('Unknown operator: greaterThanInclusive');
  });

  test('keeps, replaces and computes facts', async () => {
    const engine = new Engine([adult]);
    expect(engine.addFact('user', { age: 20 })).toBe(engine);
    expect(engine.getFact('user')?.value).toEqual({ age: 20 });
    expect(typesOf(await engine.run())).toEqual(['may-vote']);
    expect(typesOf(await engine.run({ user: { age: 1 } }))).toEqual([]);
    const compute = vi.fn(async () => ({ age: 40 }));
    engine.addFact(new Fact('user', compute, { cache: true, priority: 3 }));
    engine.addRule({ ...adult, name: 'again' });
    expect(typesOf(await engine.run())).toEqual(['may-vote', 'may-vote']);
    expect(compute).toHaveBeenCalledTimes(1);
    expect(engine.removeFact('user')).toBe(true);
    expect(engine.getFact('user')).toBeUndefined();
    await expect(engine.run()).rejects.toThrow('Undefined fact');
  });

  test('hands each listener the event, the almanac and the result', async () => {
    const calls: unknown[] = [];
    const note =
      (name: string) =>
      (event: Event, almanac: Almanac, { result }: { result: unknown }): void => {
        calls.push([name, event, almanac instanceof Almanac, result]);
      };
    const rule = new Rule({ ...adult, onSuccess: note('onSuccess'), onFailure: note('onFailure') });
    const engine = new Engine([]).addRule(rule);
    engine.on('success', note('success')).on('failure', note('failure')).on('may-vote', note('may-vote'));
    await engine.run({ user: { age: 20 } });
    const { event } = adult;
    expect(calls.splice(0)).toEqual([
      ['onSuccess', event, true, true],
      ['success', event, true, true],
      ['may-vote', event.params, true, true],
    ]);
    await engine.run({ user: { age: 2 } });
    expect(calls.splice(0)).toEqual([
      ['onFailure', event, true, false],
      ['failure', event, true, false],
    ]);
  });

  test('waits for listeners, whose facts the next priority reads', async () => {
    const engine = new Engine([
      { ...adult, priority: 10 },
      { conditions: { all: [{ fact: 'votes', operator: 'equal', value: 1 }] }, event: { type: 'counted' } },
    ]);
    engine.on('may-vote', async (_, almanac) => {
      await new Promise((resolve) => setImmediate(resolve));
      almanac.addFact('votes', 1);
    });
    expect(typesOf(await engine.run({ user: { age: 20 } }))).toEqual(['may-vote', 'counted']);
  });

  test('replaces facts in the parameters of events', async () => {
    const rule = { ...adult, event: { type: 'e', params: { who: { fact: 'user', path: '$.name' }, n: 1 } } };
    const engine = new Engine([rule], { replaceFactsInEventParams: true });
    const { events } = await engine.run({ user: { age: 20, name: 'Ada' } });
    expect(events).toEqual([{ type: 'e', params: { who: 'Ada', n: 1 } }]);
  });

  test('follows paths by a resolver of the user', async () => {
    const pathResolver = (value: object, path: string): unknown =>
      (value as Record<string, unknown>)[path.slice(2)];
    const engine = new Engine(
      [{ ...adult, conditions: { all: [{ fact: 'u', path: '$.a.b', operator: 'equal', value: 1 }] } }],
      {
        pathResolver,
      },
    );
    expect(typesOf(await engine.run({ u: { 'a.b': 1 } }))).toEqual(['may-vote']);
  });

  test('runs with an almanac of the user, whose results add up', async () => {
    const almanac = new Almanac();
    almanac.addFact('user', { age: 20 }).addRuntimeFact('more', 1);
    const engine = new Engine([adult]);
    const { almanac: same } = await engine.run({}, { almanac });
    expect(same).toBe(almanac);
    expect((await engine.run({}, { almanac })).results).toHaveLength(2);
  });

  test('does not end a run because another one has ended', async () => {
    const rule = (type: string, priority: number): RuleProperties => ({
      conditions: { all: [{ fact: 'late', operator: 'equal', value: 1 }] },
      event: { type },
      priority,
    });
    const engine = new Engine([rule('first', 2), rule('second', 1)]);
    const late = engine.run({ late: () => new Promise((resolve) => setTimeout(resolve, 20, 1)) });
    expect(typesOf(await engine.run({ late: 1 }))).toEqual(['first', 'second']);
    expect(typesOf(await late)).toEqual(['first', 'second']);
  });
});

describe('compiled rules', () => {
  const rules = (): Rule[] => [
    new Rule(structuredClone(adult)),
    new Rule({ ...structuredClone(adult), name: 'b' }),
  ];

  test('answer without json-rules-engine, and only those that must go to it', async () => {
    const [first = new Rule(adult), second = new Rule(adult)] = rules();
    const engine = new Engine([]).addRule(first).addRule(second);
    // Of json-rules-engine's conditions: none is asked.
    const conditions = Object.getPrototypeOf(first.conditions) as { evaluate(): unknown };
    const spied = vi.spyOn(conditions, 'evaluate');
    try {
      await engine.run({ user: { age: 20 } });
      expect(spied).toHaveBeenCalledTimes(0);
      engine.addRule({ ...adult, conditions: { all: [{ fact: 'late', operator: 'equal', value: 1 }] } });
      const { results } = await engine.run({ user: { age: 20 }, late: async () => 1 });
      expect(results).toHaveLength(3);
      expect(spied).toHaveBeenCalledTimes(1);
    } finally {
      spied.mockRestore();
    }
  });

  test('are left for an evaluate of the user', async () => {
    const [first = new Rule(adult), second = new Rule(adult)] = rules();
    const evaluations = evaluationsOf([second]);
    const engine = new Engine([]).addRule(first).addRule(second);
    expect((await engine.run({ user: { age: 20 } })).results).toHaveLength(2);
    expect(evaluations()).toBe(1);
  });

  test.each<[string, (rule: Rule) => void, string[]]>([
    [
      'setConditions',
      (rule) => rule.setConditions({ all: [{ fact: 'user', operator: 'equal', value: 0 }] }),
      ['b'],
    ],
    ['setEvent', (rule) => rule.setEvent({ type: 'new' }), ['new', 'b']],
    ['a value in place', (rule) => Object.assign(firstLeaf(rule), { value: 99 }), ['b']],
    ['an operator in place', (rule) => Object.assign(firstLeaf(rule), { operator: 'lessThan' }), ['b']],
    ['a path in place', (rule) => Object.assign(firstLeaf(rule), { path: '$.name' }), ['b']],
    ['a fact in place', (rule) => Object.assign(firstLeaf(rule), { fact: 'other' }), ['b']],
    ['a condition more', (rule) => partsOf(rule).push(partsOf(failing())[0]), ['b']],
    ['a condition less', (rule) => partsOf(rule).pop(), ['a', 'b']],
    ['a condition instead', (rule) => partsOf(rule).splice(0, 1, partsOf(failing())[0]), ['b']],
    ['an event type in place', (rule) => Object.assign(rule.event, { type: 'other' }), ['other', 'b']],
  ])('notice a change between runs: %s', async (_, change, expected) => {
    const made = (type: string): Rule =>
      new Rule({ ...structuredClone(adult), event: { type, params: { list: [1] } } });
    const a = made('a');
    const engine = new Engine([]).addRule(a).addRule(made('b'));
    const facts = { user: { age: 20, name: 'x' }, other: { age: 1 } };
    expect(typesOf(await engine.run(facts))).toEqual(['a', 'b']);
    change(a);
    expect(typesOf(await engine.run(facts))).toEqual(expected);
  });

  test('notice a change in a list or in parameters that the user has kept', async () => {
    const list = [1, 2];
    const params = { deep: { list: [1] } };
    const engine = new Engine([
      { conditions: { all: [{ fact: 'a', operator: 'in', value: list }] }, event: { type: 'e', params } },
    ]);
    const before = await engine.run({ a: 3 });
    list.push(3);
    params.deep.list.push(2);
    const after = await engine.run({ a: 3 });
    expect(before.failureEvents).toEqual([{ type: 'e', params: { deep: { list: [1] } } }]);
    expect(after.events).toEqual([{ type: 'e', params: { deep: { list: [1, 2] } } }]);
  });

  const firstLeaf = (rule: Rule): object => partsOf(rule)[0] ?? {};
  const partsOf = (rule: Rule): unknown[] & object[] => (rule.conditions as unknown as { all: object[] }).all;
  const failing = (): Rule =>
    new Rule({ conditions: { all: [{ fact: 'user', operator: 'equal', value: 0 }] }, event: { type: 'x' } });
});

describe('the built file', () => {
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'picket-adapter-'));
    await buildAdapter(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const program = `
const engine = new Engine([], { allowUndefinedFacts: true });
engine.addRule(${JSON.stringify(adult)});
engine.on('success', (event) => console.log('event', event.type));
engine.run({ user: { age: 20 } }).then(({ results }) => console.log(JSON.stringify(results[0])));
`;
  const run = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    // The folder has no packages: everything is in the file.
    const { stdout, stderr } = spawnSync(process.execPath, [name], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect(stderr).toBe('');
    return stdout;
  };

  test.each([
    ['required', 'a.cjs', "const { Engine } = require('./json-rules-engine.cjs');"],
    [
      'required by default',
      'b.cjs',
      "const engines = require('./json-rules-engine.cjs'); const Engine = function (...all) { return engines.default(...all); };",
    ],
    ['imported', 'c.mjs', "import { Engine } from './json-rules-engine.mjs';"],
    [
      'imported by default',
      'd.mjs',
      "import jre from './json-rules-engine.mjs'; const { Engine } = jre; jre([]).addFact('a', 1);",
    ],
    ['imported as CommonJS', 'e.mjs', "import { Engine } from './json-rules-engine.cjs';"],
  ])('runs when it is %s', async (_, name, header) => {
    const [event, result] = run(name, header + program).split('\n');
    expect(event).toBe('event may-vote');
    const { results } = await new original.Engine([structuredClone(adult)]).run({ user: { age: 20 } });
    expect(result).toBe(JSON.stringify(results[0]));
  });

  test('runs the example of its page', () => {
    const page = readFileSync(new URL('../../docs/json-rules-engine.md', import.meta.url), 'utf8');
    const example = [...page.matchAll(/^```js\n([\s\S]*?)^```/gm)].at(-1)?.[1] ?? '';
    expect(run('page.cjs', example)).toBe("[ { type: 'may-vote' } ]\n");
  });

  test('has one set of classes, however it is loaded', () => {
    const text = `
import { createRequire } from 'node:module';
import * as imported from './json-rules-engine.mjs';
const required = createRequire(import.meta.url)('./json-rules-engine.cjs');
console.log(Object.keys(required).sort().join(), Object.keys(imported).every((key) => imported[key] === required[key]));
`;
    expect(run('classes.mjs', text)).toBe(
      'Almanac,Engine,Fact,Operator,OperatorDecorator,Rule,default true\n',
    );
  });
});
