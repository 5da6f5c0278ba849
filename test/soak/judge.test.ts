import { expect, test } from 'vitest';
import type { Call } from '../system/harness/opener.ts';
import { type ClientLog, growthOf, judge } from './judge.ts';

const EPERM = 1;
const HUNG_MS = 1_000;

function call(startedMs: number, endedMs: number, error: number): Call {
  return { scheduledNs: startedMs * 1e6, startedNs: startedMs * 1e6, endedNs: endedMs * 1e6, error, path: 0 };
}

function faultsOf(log: Partial<ClientLog>): readonly string[] {
  return judge({ name: 'client', isDenied: false, calls: [], away: [], ...log }, HUNG_MS).faults;
}

test('a call that takes longer than the bound hangs, whatever it was told', () => {
  expect(faultsOf({ calls: [call(0, 999, 0)] })).toEqual([]);
  expect(faultsOf({ calls: [call(0, 1_001, 0)] })).toEqual(['client: a call hung for 1001 ms']);
  expect(faultsOf({ isDenied: true, calls: [call(0, 1_001, EPERM)] })).toHaveLength(1);
});

test('what is allowed may never be denied, even while something was away', () => {
  const away = [{ fromNs: 0, toNs: 1e9 }];
  expect(faultsOf({ calls: [call(5, 6, EPERM)], away })).toEqual(['client: what is allowed was denied']);
});

test('what is denied may be opened only while what denies it was away', () => {
  const log = { isDenied: true, away: [{ fromNs: 100e6, toNs: 200e6 }] };
  expect(faultsOf({ ...log, calls: [call(1, 2, EPERM), call(90, 101, 0), call(150, 151, 0)] })).toEqual([]);
  expect(faultsOf({ ...log, calls: [call(250, 251, 0)] })).toEqual([
    'client: what is denied was opened, 50 ms after it came back',
  ]);
  expect(faultsOf({ ...log, calls: [call(10, 11, 0)] })).toEqual(['client: what is denied was opened']);
});

test('another error, and a client that did nothing, are faults', () => {
  expect(faultsOf({ calls: [call(0, 1, 23)] })).toEqual(['client: a call failed with errno 23']);
  expect(faultsOf({})).toEqual(['client: made no call']);
});

test('memory is compared between the first third and the last', () => {
  expect(growthOf([10, 30, 20, 90, 90, 90, 20, 40, 30])).toEqual({ firstKiB: 30, lastKiB: 40 });
});
