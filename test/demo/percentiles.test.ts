import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { percentilesOf } from '../../src/demo/percentiles.ts';

describe('percentiles', () => {
  test('are values that were measured, in order, and at least the promised share lies at or below', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 1 }), (values) => {
        const found = percentilesOf(values);
        if (found === undefined) throw new Error('there are values');
        const { p50, p90, p99, max } = found;
        expect(values).toEqual(expect.arrayContaining([p50, p90, p99, max]));
        expect([p50, p90, p99, max]).toEqual([p50, p90, p99, max].sort((a, b) => a - b));
        expect(values.filter((value) => value <= p90).length / values.length).toBeGreaterThanOrEqual(0.9);
      }),
    );
  });

  test('of nothing there are none', () => {
    expect(percentilesOf([])).toBeUndefined();
  });
});
