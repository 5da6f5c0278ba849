import { describe, expect, test } from 'vitest';
import { Ledger } from '../../src/observe/ledger.ts';

describe('the ledger', () => {
  test('balances when each event is in exactly one state', () => {
    const ledger = new Ledger();
    ledger.received = 10;
    ledger.filtered = 3;
    ledger.deduplicated = 2;
    ledger.summaries = 1;
    ledger.shed = 1;
    ledger.queued = 1;
    ledger.forwarded = 4;
    Object.assign(ledger.events, { entered: 4, waiting: 1, inFlight: 1, acknowledged: 2 });
    ledger.alerts = 1;
    Object.assign(ledger.alertLane, { entered: 1, acknowledged: 1 });
    expect(ledger.check()).toEqual([]);
    expect(ledger.unfinished()).toBe(3);
    expect(String(ledger)).toContain('The books balance.');
  });

  test('says which equation does not hold, with its terms', () => {
    const ledger = new Ledger();
    ledger.received = 2;
    ledger.filtered = 1;
    const [fault] = ledger.check();
    expect(fault).toContain('2 received + summaries, but');
    expect(fault).toContain('= 1');
    expect(String(ledger)).toContain('do NOT balance');
  });

  test('an alert without its copy in the alert lane shows', () => {
    const ledger = new Ledger();
    ledger.alerts = 1;
    expect(ledger.check()).toHaveLength(1);
  });

  test('counts a loss of unknown size as a record', () => {
    const ledger = new Ledger();
    const loss = {
      cause: 'kernel_overflow',
      kind: 0,
      action: '',
      firstSequence: 0,
      lastSequence: 0,
      fromNs: 0n,
      toNs: 0n,
    };
    ledger.lost({ ...loss, count: 0 });
    ledger.lost({ ...loss, count: 5 });
    expect(ledger).toMatchObject({ lossRecords: 2, lostUpstream: 5 });
  });
});
