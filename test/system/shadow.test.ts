// A whole rule set in shadow beside the enforced one, on the real kernel: nobody is denied by it, every difference is
// counted, and some are in the stream with the process and the file.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { agentConfig, startAgent, writeRules } from './harness/agent.ts';
import { endOf } from './harness/books.ts';
import { startBridge } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import type { NatsServer } from './harness/nats.ts';
import { errorOfOpen } from './harness/opener.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { type StoredEvent, startStream, waitForStored } from './harness/stream.ts';

let cleanup: Cleanup;
let scratch: Scratch;
let nats: NatsServer;

beforeEach(async () => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
  await startBridge(cleanup, scratch);
  nats = await startStream(cleanup);
});

afterEach(() => cleanup.run());

/** By its name alone the bridge denies a file; by its size, too, only the agent can. */
function deny(name: string, file: string, by: 'the bridge' | 'the agent'): unknown {
  const path = { fact: 'file', path: '$.path', operator: 'equal', value: file };
  const size = { fact: 'file', path: '$.size', operator: 'greaterThan', value: 0 };
  return {
    name,
    on: ['auth.open'],
    conditions: { all: by === 'the bridge' ? [path] : [path, size] },
    event: { type: 'deny' },
  };
}

const TIMES = 8;

test('a shadow set denies nobody; what it would have answered otherwise is counted and in the stream', async () => {
  const [both, came, gone, fixed] = ['both', 'came', 'gone', 'fixed'].map((name) => scratch.file(name)) as [
    string,
    string,
    string,
    string,
  ];
  const rules = writeRules(scratch, [
    deny('both', both, 'the agent'),
    deny('gone', gone, 'the agent'),
    deny('fixed', fixed, 'the bridge'),
  ]);
  const shadow = writeRules(
    scratch,
    [deny('both', both, 'the agent'), deny('came', came, 'the agent')],
    'shadow',
  );
  const settings = {
    rules,
    nats: nats.url,
    more: { rules: { paths: [rules], shadow: [shadow], platform: 'linux' as const } },
  };
  const agent = await startAgent(cleanup, agentConfig(scratch, settings));

  for (let time = 0; time < TIMES; time += 1) {
    const errors = [both, came, gone, fixed].map((path) => errorOfOpen(path));
    expect(errors).toEqual(['EPERM', 'none', 'EPERM', 'EPERM']);
  }
  const isTold =
    (shadowRule: string, enforcedRule: string) =>
    ({ message }: StoredEvent): boolean =>
      message.shadowDifference?.shadowRule === shadowRule &&
      message.shadowDifference.enforcedRule === enforcedRule;
  const wanted = [isTold('came', ''), isTold('', 'gone'), isTold('', 'fixed')];
  const { events } = await waitForStored(nats, 'the differences', (stored) =>
    wanted.every((told) => stored.events.some(told)),
  );
  const told = events.find(isTold('came', ''));
  expect(told?.trigger).toBe('picket.shadow_difference');
  expect(told?.path).toBe(came);
  expect(told?.message.process?.entityId).not.toBe('');
  expect(told?.message.shadowDifference).toMatchObject({
    enforcedVerdict: 'allow',
    shadowVerdict: 'deny',
    trigger: 'auth.open',
  });
  await expect.poll(() => agent.stderr()).toContain('the shadow set would deny what the rules allow');

  await endOf(agent);
  const last = agent.stderr();
  const [, compared = 'no', missed = '0'] =
    /The shadow set was compared on ([\d,]+) requests(?:, and not on ([\d,]+))?/.exec(last) ?? [];
  const timesOf = (pair: RegExp): number => Number(pair.exec(last)?.[1] ?? 0);
  // A machine that stands still may have used up the shadow set's time: that is counted, too.
  const skipped = Number(missed);
  for (const pair of [/allow \(no rule\) +deny came +(\d+)/, /deny gone +allow \(no rule\) +(\d+)/]) {
    expect(timesOf(pair)).toBeLessThanOrEqual(TIMES);
    expect(timesOf(pair) + skipped).toBeGreaterThanOrEqual(TIMES);
  }
  expect(timesOf(/deny fixed +allow \(no rule\) +(\d+)/)).toBe(TIMES);
  expect(Number(compared.replaceAll(',', '')) + skipped).toBeGreaterThanOrEqual(4 * TIMES);
});
