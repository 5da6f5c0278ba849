// Once a new policy is acknowledged, nothing answers by the rules of before: not the lane, not the bridge, not the kernel.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Cleanup } from './harness/cleanup.ts';
import { switchEpochs } from './harness/epochs.ts';

/** Each kind of rule follows each other once; `npm run epochs` makes a thousand. */
const SWITCHES = 10;
const HUNG_US = 20_000_000;

let cleanup: Cleanup;

beforeEach(() => {
  cleanup = new Cleanup();
});

afterEach(() => cleanup.run());

test('no open that begins after a policy was acknowledged is answered by the rules of before', async () => {
  const report = await switchEpochs(cleanup, { switches: SWITCHES, threads: 4, pauseUs: 1_000 });
  expect(report).toMatchObject({ old_allows: 0, old_denies: 0, other: 0, epochs: SWITCHES + 1 });
  expect(report.judged).toBeGreaterThan(SWITCHES * 50);
  expect(report.longest_call_us).toBeLessThan(HUNG_US);
});
