// The table of ways is the same in README, and what is open has its line in docs/limits.md.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Way, ways } from './ways.ts';

const root = join(import.meta.dirname, '../../..');
const HEAD = '| way | answer |';

const rowOf = ({ way, answer }: Way): string =>
  `| ${way} | ${answer === 'limit' ? '[limit](docs/limits.md)' : answer} |`;

test('README lists every way with its answer', () => {
  const [, table = ''] = readFileSync(join(root, 'README.md'), 'utf8').split(HEAD);
  const rows = table.split('\n').slice(2);
  expect(rows.slice(0, rows.indexOf(''))).toEqual(ways.map(rowOf));
});

test('every way that is open has its line in docs/limits.md', () => {
  const limits = readFileSync(join(root, 'docs/limits.md'), 'utf8').split('\n');
  for (const { way, answer, limit } of ways) {
    if (answer === 'limit') expect(limit, way).toBeDefined();
    if (limit === undefined) continue;
    const rows = limits.filter((line) => line.startsWith(`| ${limit}`));
    expect(rows, `${way}: ${limit}`).toHaveLength(1);
    expect(rows[0]?.split('|').length, `${limit}: limit, reason, what to do`).toBe(5);
  }
});

test('every way is tried', () => {
  for (const { way, attempts = [], test: file } of ways) {
    expect(attempts.length > 0 || file !== undefined, way).toBe(true);
    if (file !== undefined) expect(existsSync(join(import.meta.dirname, file)), `${way}: ${file}`).toBe(true);
  }
});
