import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EventSample } from '../../src/backtest/event-sample.ts';
import { exceptionHints, FactValues } from '../../src/backtest/exception-hints.ts';
import { pinnedGroups } from '../../src/backtest/telling-facts.ts';
import { TopValues } from '../../src/backtest/top-values.ts';
import { objectFacts } from '../../src/events/object-facts.ts';
import { parseRules, requireRuleSet } from '../../src/rules/load.ts';

describe('the most frequent values', () => {
  const stream = fc.array(fc.constantFrom(...'abcdefghijklmnop'), { maxLength: 400 });

  test('are exact while there is room for all', () => {
    fc.assert(
      fc.property(stream, (values) => {
        const top = new TopValues(16);
        const counts = new Map<string, number>();
        for (const value of values) {
          top.add(value);
          counts.set(value, (counts.get(value) ?? 0) + 1);
        }
        expect(top.isExact).toBe(true);
        expect(top.total).toBe(values.length);
        expect(new Map(top.top(16).map(({ value, count }) => [value, count]))).toEqual(counts);
      }),
    );
  });

  test('are never too low, too high by no more than their share, and hold whatever is frequent', () => {
    fc.assert(
      fc.property(stream, fc.integer({ min: 1, max: 8 }), (values, capacity) => {
        const top = new TopValues(capacity);
        const counts = new Map<string, number>();
        for (const value of values) {
          top.add(value);
          counts.set(value, (counts.get(value) ?? 0) + 1);
        }
        const kept = top.top(capacity);
        expect(kept.length).toBeLessThanOrEqual(capacity);
        const errorMax = values.length / capacity;
        for (const { value, count } of kept) {
          const real = counts.get(value) ?? 0;
          expect(count).toBeGreaterThanOrEqual(real);
          expect(count - real).toBeLessThanOrEqual(errorMax);
        }
        for (const [value, count] of counts)
          if (count > errorMax) expect(kept.map((one) => one.value)).toContain(value);
      }),
    );
  });
});

describe('what to except', () => {
  const program = (executable: string, user: string) =>
    objectFacts({ process: { executable, user: { name: user } } });
  const values = (...events: ReturnType<typeof program>[]): FactValues => {
    const made = new FactValues(32);
    for (const facts of events) made.add(facts, 'notify.exec', 'linux');
    return made;
  };
  const times = (count: number, ...of: Parameters<typeof program>) =>
    Array.from({ length: count }, () => program(...of));
  const options = { wanted: values(), background: [values()], pinned: new Set<string>(), number: 3 };
  const factsOf = (unwanted: FactValues, more: Partial<typeof options> = {}): string[] =>
    exceptionHints(unwanted, { ...options, ...more }).map(
      ({ fact, value, count }) => `${fact}=${value} ${count}`,
    );

  const unwanted = values(
    ...times(36, '/opt/edr', 'root'),
    program('/bin/x', 'root'),
    program('/bin/y', 'ada'),
  );

  test('is the value that most of the events have, in its narrowest form', () => {
    expect(factsOf(unwanted)).toEqual(['process.user.name=root 37', 'process.executable=/opt/edr 36']);
  });

  test('is not what all events have, nor what the wanted ones have', () => {
    const everywhere = { background: [values(...times(99, '/bin/sh', 'root'), program('/bin/sh', 'ada'))] };
    expect(factsOf(unwanted, everywhere)[0]).toBe('process.executable=/opt/edr 36');
    const wanted = { wanted: values(...times(3, '/opt/edr', 'eve')) };
    expect(factsOf(unwanted, wanted)).toEqual(['process.user.name=root 37']);
  });

  test('is not what the rule itself asks for', () => {
    const yaml = `- { name: a, on: [notify.exec], conditions: { all: [
      { fact: process, path: $.name, operator: equal, value: edr },
      { not: { fact: process, path: $.user.name, operator: equal, value: ada } } ] }, event: { type: alert } }`;
    const { rules, conditions } = requireRuleSet(parseRules([{ file: 'a.yaml', text: yaml }]));
    const pinned = rules[0] && pinnedGroups(rules[0], conditions);
    expect(pinned).toEqual(new Set(['program']));
    expect(factsOf(unwanted, { pinned: new Set(pinned) })).toEqual(['process.user.name=root 37']);
  });
});

describe('the sample of a recording', () => {
  test('is bounded, spread over all of it and the same each time', () => {
    const sampled = (count: number): number[] => {
      const sample = new EventSample();
      for (let number = 0; number < count; number++)
        sample.add('linux', 'notify.exec', new Uint8Array([number % 256, number >> 8]));
      const [only] = sample.triggers();
      return (only?.events ?? []).map(([low = 0, high = 0]) => low + high * 256);
    };
    expect(sampled(100)).toEqual(Array.from({ length: 100 }, (_, index) => index));
    const many = sampled(10_000);
    expect(many.length).toBeGreaterThan(100);
    expect(many.length).toBeLessThanOrEqual(256);
    expect(many).toEqual(sampled(10_000));
    const gaps = new Set(many.slice(1).map((number, index) => number - (many[index] ?? 0)));
    expect([...gaps]).toEqual([64]);
    expect(many.at(-1)).toBeGreaterThan(9_900);
  });
});
