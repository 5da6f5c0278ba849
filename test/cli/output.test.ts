import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  formatBytes,
  formatCount,
  formatMicros,
  formatTable,
  padTo,
  shorten,
  widthOf,
} from '../../src/cli/output.ts';

const word = fc.stringMatching(/^[a-zA-Z0-9 ]{0,20}$/);

describe('tables', () => {
  test('the columns of all rows start at the same place', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(word, word, word), { maxLength: 8 }), (rows) => {
        const filled = rows.map((row) => [...row, '|']);
        const table = formatTable(
          [{ title: 'a' }, { title: 'bb', align: 'right' }, { title: 'c' }, { title: '|' }],
          filled,
        );
        expect(new Set(table.split('\n').map((line) => line.lastIndexOf('|'))).size).toBe(1);
      }),
    );
  });

  test('colours take no width', () => {
    expect(widthOf('\x1b[31mdeny\x1b[39m')).toBe(4);
    expect(padTo('\x1b[31mdeny\x1b[39m', 6)).toBe('\x1b[31mdeny\x1b[39m  ');
  });

  test('a long path keeps its end, other long text its start', () => {
    expect(shorten('/very/long/path/to/file', 10)).toBe('…h/to/file');
    expect(shorten('a sentence without end', 10)).toBe('a sentenc…');
  });
});

describe('numbers', () => {
  test('counts are grouped by thousands and lose no digit', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (count) => {
        expect(formatCount(count).replaceAll(',', '')).toBe(String(count));
      }),
    );
    expect(formatCount(1234567)).toBe('1,234,567');
  });

  test('times and sizes are told in the unit that fits', () => {
    expect([0.5, 43.2, 1500, 20_000, 3_500_000].map(formatMicros)).toEqual([
      '0.5 µs',
      '43 µs',
      '1.50 ms',
      '20.0 ms',
      '3.50 s',
    ]);
    expect([0, 1023, 1536, 3 * 1024 ** 3].map(formatBytes)).toEqual(['0 B', '1023 B', '1.5 KiB', '3.0 GiB']);
  });
});
