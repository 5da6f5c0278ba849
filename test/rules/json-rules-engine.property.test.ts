// The adapter is held against json-rules-engine itself: the same rules and facts, the same results in the same order.
import fc from 'fast-check';
import * as original from 'json-rules-engine';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as adapter from '../../src/rules/json-rules-engine.ts';
import { type EnginePlan, enginePlan } from './arbitrary-jre.ts';

// json-rules-engine leaves promises of some failed rules to themselves; the adapter must leave the same ones, for a
// process may end by them.
const orphans: unknown[] = [];
const collect = (error: unknown): void => void orphans.push(error);
const others = process.listeners('unhandledRejection');
beforeAll(() => {
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', collect);
});
afterAll(() => {
  process.off('unhandledRejection', collect);
  for (const listener of others) process.on('unhandledRejection', listener);
});

type Library = Pick<typeof original, 'Engine' | 'Rule'>;

/** Everything that a user of an engine could see of one run, in the order in which it was to be seen. */
async function observe({ Engine, Rule }: Library, plan: EnginePlan): Promise<unknown[]> {
  const seen: unknown[] = [];
  const engine = new Engine([], plan.options);
  engine.addOperator('isLong', (fact: unknown) => typeof fact === 'string' && fact.length > 3);
  for (const { isHeard, ...properties } of plan.rules) {
    const rule = new Rule(structuredClone(properties));
    if (isHeard) {
      const heard = rule as unknown as { on(name: string, listen: (...values: unknown[]) => void): void };
      for (const name of ['success', 'failure']) {
        heard.on(name, (event, almanac, result) =>
          seen.push([`rule ${name}`, event, looked(almanac), shown(result)]),
        );
      }
    }
    engine.addRule(rule);
  }
  for (const [name, condition] of plan.conditions)
    engine.setCondition(name, structuredClone(condition) as never);
  for (const { event, act } of plan.listeners) {
    engine.on(event, ((value: unknown, almanac: original.Almanac, result: unknown) => {
      seen.push([event, act, value, looked(almanac), shown(result)]);
      if (act === 'stop') engine.stop();
      if (act === 'addFact') almanac.addFact('one', 'a');
      if (act === 'listen') engine.on('failure', (failed) => void seen.push(['bound meanwhile', failed]));
      return act === 'await' ? Promise.resolve() : undefined;
    }) as original.EventHandler);
  }
  const given: Record<string, unknown> = {};
  for (const { id, kind, value, options, isOfEngine } of plan.facts) {
    const copy = structuredClone(value);
    const made =
      kind === 'constant'
        ? copy
        : kind === 'promise'
          ? Promise.resolve(copy)
          : kind === 'computed'
            ? () => copy
            : async () => copy;
    if (isOfEngine) engine.addFact(id, made as never, options);
    else given[id] = made;
  }
  const outcome = engine.run(given).then(
    async (result) => {
      const { almanac, ...lists } = result;
      const facts = await Promise.all(plan.facts.map(({ id }) => almanac.factValue(id)));
      return [Object.keys(result), shown(lists), facts, looked(almanac)];
    },
    (error: unknown) => ['rejected', String(error)],
  );
  const told = await outcome;
  // After an error the other rules go on.
  await new Promise((resolve) => setImmediate(resolve));
  return [...seen, told, orphans.splice(0).map(String)];
}

/** As plain data, with the names of classes, the order of keys, and what can't be told from JSON. */
function shown(value: unknown): unknown {
  if (value === undefined) return 'undefined';
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(shown);
  const entries = Object.keys(value).map((key) => [key, shown((value as Record<string, unknown>)[key])]);
  return [value.constructor?.name, entries];
}

function looked(almanac: unknown): unknown {
  const { getEvents, getResults } = almanac as Record<string, (...values: unknown[]) => unknown[]>;
  const results = getResults?.call(almanac) as { name: string; result: boolean }[];
  return [
    getEvents?.call(almanac, 'success').length,
    getEvents?.call(almanac),
    results.map(({ name, result }) => [name, result]),
  ];
}

const runs = Number(process.env.PICKET_ADAPTER_RUNS ?? 1000);

describe('the adapter', () => {
  it('gives the results of json-rules-engine for constant facts', async () => {
    let matches = 0;
    let total = 0;
    await fc.assert(
      fc.asyncProperty(enginePlan(true), async (plan) => {
        const expected = await observe(original, plan);
        expect(await observe(adapter, plan)).toEqual(expected);
        total++;
        if (JSON.stringify(expected).includes('["result",true]')) matches++;
      }),
      { numRuns: runs },
    );
    expect(matches).toBeGreaterThan(total * 0.3);
  });

  it('calls listeners as json-rules-engine does, with computed facts, stops and errors', async () => {
    await fc.assert(
      fc.asyncProperty(enginePlan(false), async (plan) => {
        expect(await observe(adapter, plan)).toEqual(await observe(original, plan));
      }),
      { numRuns: runs },
    );
  });
});
