// When a budget begins. The kernel's questions carry no time: what one has waited unread is not taken from its budget,
// else everything that waited while the bridge had no processor would be answered by a default.
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { agentConfig, startAgent, writeRules } from './harness/agent.ts';
import { startBridge } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import { startOpener } from './harness/opener.ts';
import { waitingForAnswers } from './harness/proc.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { waitFor } from './harness/wait.ts';

const BUDGET_MS = 500;
const STOPPED_MS = 3 * BUDGET_MS;

let cleanup: Cleanup;
let scratch: Scratch;

beforeEach(() => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
});

afterEach(() => cleanup.run(), 60_000);

test('a budget runs from the bridge’s read: what waited unread for longer is still judged by the agent', async () => {
  const judged = scratch.file('judged');
  const rules = [
    {
      name: 'judged',
      on: ['auth.open'],
      conditions: {
        all: [
          { fact: 'file', path: '$.path', operator: 'equal', value: judged },
          { fact: 'file', path: '$.size', operator: 'greaterThan', value: 0 },
        ],
      },
      event: { type: 'deny' },
    },
  ];
  const bridge = await startBridge(cleanup, scratch);
  const config = agentConfig(scratch, { rules: writeRules(scratch, rules), budgetMs: BUDGET_MS });
  await startAgent(cleanup, config);

  await bridge.freeze();
  const opener = startOpener(cleanup, { paths: [judged], threads: 4, count: 1 });
  await waitFor('the openers to wait', () => waitingForAnswers(opener.running.pid) === 4);
  await delay(STOPPED_MS);
  bridge.thaw();

  const report = await opener.report();
  expect(report.max_us).toBeGreaterThan(STOPPED_MS * 1_000); // they did wait
  expect([report.calls, report.denied]).toEqual([4, 4]);
  expect(bridge.starts()).toBe(1);
});
