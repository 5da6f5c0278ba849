import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DenialCount, WINDOW_MS } from '../../src/probation/denied-programs.ts';

const denial = (program: string, atMs: number, rule = 'r') => ({ program, rule, atMs });

describe('denials', () => {
  test('of one program are one, however many', () => {
    const count = new DenialCount(1);
    for (let i = 0; i < 1000; i++) expect(count.add(denial('/bin/a', i))).toBeUndefined();
  });

  test('of more programs than the bound within a minute are too many, and all are named with their rules', () => {
    const count = new DenialCount(2);
    expect(count.add(denial('/bin/a', 0))).toBeUndefined();
    expect(count.add(denial('/bin/b', 1, 's'))).toBeUndefined();
    expect(count.add(denial('/bin/c', WINDOW_MS - 1))).toEqual({
      programs: ['/bin/a', '/bin/b', '/bin/c'],
      rules: ['r', 's'],
    });
  });

  test('are forgotten after a minute', () => {
    const count = new DenialCount(2);
    count.add(denial('/bin/a', 0));
    count.add(denial('/bin/b', 1));
    expect(count.add(denial('/bin/c', WINDOW_MS))).toBeUndefined();
    expect(count.add(denial('/bin/d', WINDOW_MS + 1))).toBeUndefined();
    expect(count.add(denial('/bin/e', WINDOW_MS + 1))).toBeDefined();
  });

  test('that were held up count for when they were, and a default names no rule', () => {
    const count = new DenialCount(1);
    expect(count.add(denial('/bin/a', 10 * WINDOW_MS, ''))).toBeUndefined();
    expect(count.add(denial('/bin/b', 0))).toBeUndefined();
    expect(count.add(denial('/bin/c', 10 * WINDOW_MS, ''))).toEqual({
      programs: ['/bin/a', '/bin/c'],
      rules: [],
    });
  });

  test('are too many exactly when some minute holds more programs than the bound', () => {
    const step = fc.record({ program: fc.constantFrom('a', 'b', 'c', 'd', 'e'), waitMs: fc.nat(WINDOW_MS) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.integer({ min: 0, max: 4 }), (steps, max) => {
        const count = new DenialCount(max);
        const seen: { program: string; atMs: number }[] = [];
        let atMs = 0;
        for (const { program, waitMs } of steps) {
          atMs += waitMs;
          seen.push({ program, atMs });
          const lately = new Set(seen.filter((one) => one.atMs > atMs - WINDOW_MS).map((one) => one.program));
          const excess = count.add(denial(program, atMs));
          expect(excess !== undefined).toBe(lately.size > max);
          if (excess !== undefined) return;
        }
      }),
    );
  });
});
