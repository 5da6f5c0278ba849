// The page of a benchmark is read by people who were not there, from a file.
import { expect, test } from 'vitest';
import { pageOf } from '../../bench/page.ts';
import type { Report } from '../../bench/report.ts';

const report: Report = {
  name: 'auth',
  machine: { cpu: 'a <processor>', cores: 2 },
  commit: 'abc',
  rows: [{ subject: 'unwatched </script>', parameters: {}, metrics: { 'p50 us': 3.25 } }],
  ratios: { quick_over_c: 0.5, slow_over_c: 7, plain: 1 },
  aims: { quick_over_c: { atMost: 1 }, slow_over_c: { atMost: 2 }, cached_over_c: { atMost: 0.2 } },
  notes: ['what to know'],
  curves: [{ subject: 'unwatched </script>', points: [[50, 3.25]] }],
};

const page = pageOf(report, { script: 'var uPlot;', style: '.uplot {}' });

test('each aim is met, missed or not measured, and a ratio without one is only shown', () => {
  const lineOf = (name: string): string => new RegExp(`<tr><td>${name}<.*</tr>`).exec(page)?.[0] ?? '';
  expect(lineOf('quick_over_c')).toContain('class="met"');
  expect(lineOf('slow_over_c')).toContain('class="missed"');
  expect(lineOf('cached_over_c')).toContain('not measured');
  expect(lineOf('plain')).not.toContain('class=');
});

test('nothing is fetched, and no name ends the script or is taken for a tag', () => {
  expect(page).not.toMatch(/\b(?:src|href)\s*=|https?:|@import|url\(/);
  expect(page.match(/<\/script>/g)).toHaveLength(2);
  expect(page).toContain('a &lt;processor&gt;');
});
