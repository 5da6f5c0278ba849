// Random engines of json-rules-engine: rules, named conditions, facts, options and listeners, with all that its users
// may get wrong.

import fc from 'fast-check';
import type { EngineOptions, RuleProperties } from 'json-rules-engine';

type Json = Record<string, unknown>;

/** A fact as it is made anew for each engine: plain, computed at once or later, or awaited. */
interface FactPlan {
  readonly id: string;
  readonly kind: 'constant' | 'computed' | 'awaited' | 'promise';
  readonly value: unknown;
  readonly options: { readonly cache?: boolean; readonly priority?: number };
  /** Given to the engine; otherwise to the run. */
  readonly isOfEngine: boolean;
}

export interface EnginePlan {
  readonly options: EngineOptions;
  readonly rules: readonly (RuleProperties & { readonly isHeard: boolean })[];
  readonly conditions: readonly (readonly [string, Json])[];
  readonly facts: readonly FactPlan[];
  /** Events to which a listener is bound, and what it does besides noting its call. */
  readonly listeners: readonly {
    readonly event: string;
    readonly act: 'note' | 'stop' | 'addFact' | 'await' | 'listen';
  }[];
}

const scalar = fc.constantFrom<unknown>('a', 'b', '', '10', 10, 9, 1.5, 0, true, false, null);
const list = fc.array(scalar, { maxLength: 4 });
const object = fc.record(
  {
    a: fc.oneof(scalar, list),
    b: fc.record({ c: scalar }),
    list: fc.array(fc.oneof(scalar, fc.record({ a: scalar }))),
  },
  { requiredKeys: [] },
);
const value = fc.oneof({ weight: 4, arbitrary: scalar }, list, { weight: 3, arbitrary: object });

const IDS = ['one', 'two', 'three', 'four'];
const id = fc.constantFrom(...IDS, 'absent');
const path = fc.option(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.constantFrom(
        '$.a',
        '$.b.c',
        '$.a',
        '$.list[0]',
        '$.list[1].a',
        '$.list.length',
        '$',
        '$.no',
      ),
    },
    fc.constantFrom('$.list[*].a', '$..a', "$.list[?(@.a == 'a')]", 'a', ''),
  ),
  { nil: undefined, freq: 2 },
);
const present = (record: Json): Json =>
  Object.fromEntries(Object.entries(record).filter(([, one]) => one !== undefined));

const decorators = fc.oneof(
  { weight: 8, arbitrary: fc.constant([]) },
  fc.array(fc.constantFrom('someFact', 'everyFact', 'someValue', 'everyValue', 'swap', 'not'), {
    maxLength: 2,
  }),
);
const base = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.constantFrom('equal', 'notEqual', 'in', 'notIn', 'contains', 'doesNotContain'),
  },
  {
    weight: 15,
    arbitrary: fc.constantFrom('lessThan', 'lessThanInclusive', 'greaterThan', 'greaterThanInclusive'),
  },
  { weight: 2, arbitrary: fc.constantFrom('isLong', 'nothing') },
);

const labels = fc.record({
  priority: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined, freq: 3 }),
  name: fc.option(fc.constantFrom('x', 'y'), { nil: undefined, freq: 8 }),
  custom: fc.option(fc.constantFrom<unknown>('kept', { deep: [1] }), { nil: undefined, freq: 12 }),
});

const leaf: fc.Arbitrary<Json> = fc
  .record({ fact: id, path, decorators, base, labels })
  .chain(({ fact, path: at, decorators: prefix, base: name, labels: own }) => {
    const operator = [...prefix, name].join(':');
    const wantsList = operator.includes('Value:') || name === 'in' || name === 'notIn';
    const values = fc.oneof(
      { weight: wantsList ? 1 : 24, arbitrary: scalar },
      { weight: wantsList ? 24 : 1, arbitrary: list },
      { weight: 3, arbitrary: fc.record({ fact: id, path }).map(present) },
      { weight: 1, arbitrary: object },
    );
    const params = fc.option(fc.constant({ p: 1 }), { nil: undefined, freq: 10 });
    return fc
      .record({ value: values, params })
      .map((made) => present({ fact, path: at, operator, ...made, ...own }));
  });

const NAMES = ['first', 'second', 'nowhere'];

function root(depth: number, names: readonly string[]): fc.Arbitrary<Json> {
  const part: fc.Arbitrary<Json> =
    depth === 0
      ? leaf
      : fc.oneof({ weight: 3, arbitrary: leaf }, { weight: 2, arbitrary: root(depth - 1, names) });
  const parts = fc.array(part, { maxLength: 4 });
  const made: fc.WeightedArbitrary<Json>[] = [
    { weight: 6, arbitrary: parts.map((all) => ({ all })) },
    { weight: 5, arbitrary: parts.map((any) => ({ any })) },
    { weight: 2, arbitrary: part.map((not) => ({ not })) },
  ];
  if (names.length > 0)
    made.push({ weight: 2, arbitrary: fc.constantFrom(...names).map((condition) => ({ condition })) });
  return fc.tuple(fc.oneof(...made), labels).map(([one, own]) => present({ ...one, ...own }));
}

const eventType = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom('red', 'green', 'success') },
  fc.constant('error'),
);
const rule = fc
  .record({
    conditions: root(2, NAMES),
    type: eventType,
    params: fc.option(
      fc.record({ n: scalar, deep: fc.constant({ list: [1, { x: 2 }] }) }, { requiredKeys: [] }),
      { nil: undefined },
    ),
    refersTo: fc.option(fc.record({ fact: id, path }).map(present), { nil: undefined, freq: 12 }),
    priority: fc.integer({ min: 1, max: 2 }),
    name: fc.option(fc.constantFrom('p', 'q', 'r'), { nil: undefined }),
    isHeard: fc.boolean().chain((one) => (one ? fc.boolean() : fc.constant(false))),
  })
  .map(({ type, params, refersTo, ...rest }) => {
    const whole = refersTo === undefined ? params : { ...params, refersTo };
    return present({
      ...rest,
      event: whole === undefined ? { type } : { type, params: whole },
    }) as unknown as EnginePlan['rules'][number];
  });

const fact = (factId: string): fc.Arbitrary<FactPlan> =>
  fc.record({
    id: fc.constant(factId),
    kind: fc.oneof(
      { weight: 12, arbitrary: fc.constant('constant' as const) },
      fc.constantFrom('computed' as const, 'awaited' as const, 'promise' as const),
    ),
    value,
    options: fc.record(
      { cache: fc.boolean(), priority: fc.integer({ min: 1, max: 3 }) },
      { requiredKeys: [] },
    ),
    isOfEngine: fc.boolean(),
  });

const listener = fc.record({
  event: fc.constantFrom('success', 'failure', 'red', 'green', 'error'),
  act: fc.oneof(
    { weight: 6, arbitrary: fc.constant('note' as const) },
    fc.constantFrom('stop' as const, 'addFact' as const, 'await' as const, 'listen' as const),
  ),
});

/** @param isQuiet without listeners and computed facts: what runs all at once */
export function enginePlan(isQuiet: boolean): fc.Arbitrary<EnginePlan> {
  return fc
    .record({
      options: fc.record({
        allowUndefinedFacts: fc.integer({ min: 0, max: 9 }).map((one) => one > 1),
        allowUndefinedConditions: fc.integer({ min: 0, max: 9 }).map((one) => one > 1),
        replaceFactsInEventParams: fc.integer({ min: 0, max: 3 }).map((one) => one === 0),
      }),
      rules: fc.array(rule, { minLength: 1, maxLength: 6 }),
      conditions: fc.tuple(root(1, []), root(1, ['first', 'nowhere'])).map(
        ([first, second]) =>
          [
            ['first', first],
            ['second', second],
          ] as const,
      ),
      facts: fc.tuple(...IDS.map((factId) => fc.option(fact(factId), { nil: undefined, freq: 8 }))),
      listeners: isQuiet ? fc.constant([]) : fc.array(listener, { maxLength: 3 }),
    })
    .map(({ facts, rules, ...rest }) => ({
      ...rest,
      rules: rules.map((one) => (isQuiet ? { ...one, isHeard: false } : one)),
      facts: facts.flatMap((one) =>
        one === undefined ? [] : isQuiet ? { ...one, kind: 'constant' as const } : one,
      ),
    }));
}
