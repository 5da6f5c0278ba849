// Agent and bridge are killed and stopped in every way, under 64 openers; `npm run kills` strikes a thousand times.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Cleanup } from './harness/cleanup.ts';
import { strikeOften } from './harness/kills.ts';

/** Each kind of blow, and two of them twice. */
const COUNT = 9;
const SEED = 6;
/** So long that a busy machine is not taken for a silent agent; who waits for a stopped one is let go when it goes on. */
const BUDGET_MS = 10_000;
const HUNG_MS = 40_000;

let cleanup: Cleanup;

beforeEach(() => {
  cleanup = new Cleanup();
});

afterEach(() => cleanup.run());

test('whatever is killed or stopped: nobody hangs, each request has one answer, and no deny is lost while its judge is there', async () => {
  const report = await strikeOften(cleanup, {
    count: COUNT,
    seed: SEED,
    budgetMs: BUDGET_MS,
    hungMs: HUNG_MS,
  });
  expect(report.faults).toEqual([]);
  expect(report).toMatchObject({ unanswered: 0, answers: { unheard: 0 } });
  expect(Object.values(report.blows).reduce((sum, count) => sum + count, 0)).toBe(COUNT);
  expect(Object.keys(report.blows)).toHaveLength(7);
  for (const { name, calls } of report.clients) expect(calls, name).toBeGreaterThan(0);
  expect(report.deniesByAgent, 'denies between blows').toBeGreaterThan(0);
}, 600_000);
