import { EMPTY, of } from 'rxjs';
import type { RunHelpers } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import { picket } from '../../src/events/proto/picket.js';
import { Ledger } from '../../src/observe/ledger.ts';
import { alertsOnly } from '../../src/operators/alerts-only.ts';
import { enrich } from '../../src/operators/enrich.ts';
import type { DecidedBatch, FlowBatch, FlowEvent } from '../../src/operators/flow.ts';
import { ingest } from '../../src/operators/ingest.ts';
import { settle } from '../../src/operators/settle.ts';
import { Intake } from '../../src/sources/intake.ts';
import { flowBatch, flowEvent, loss, sequencesOf } from './event-fixtures.ts';
import { marbles } from './marbles.ts';

const run = (picture: (helpers: RunHelpers) => void): void => marbles<FlowBatch>(sequencesOf, picture);

describe('ingest', () => {
  test('counts what comes in, each kind on its own line', () => {
    const ledger = new Ledger();
    const events = [flowEvent(1), flowEvent(2, { kind: picket.v1.EventKind.EVENT_KIND_AUTH })];
    of(flowBatch(events, { malformed: 3, losses: [loss(7)] }))
      .pipe(ingest({ ledger }))
      .subscribe();
    expect(ledger).toMatchObject({
      received: 2,
      authAudits: 1,
      malformed: 3,
      lossRecords: 1,
      lostUpstream: 7,
    });
  });

  test('passes over what came before on an earlier connection', () => {
    const ledger = new Ledger();
    const intake = new Intake({ maxEvents: 100, maxBytes: 1e6 });
    intake.connected('b1');
    const batches: number[][] = [];
    of(flowBatch([flowEvent(1), flowEvent(2)]), flowBatch([flowEvent(2), flowEvent(3)]))
      .pipe(ingest({ ledger, intake }))
      .subscribe((batch) => batches.push(sequencesOf(batch)));
    expect(batches).toEqual([[1, 2], [3]]);
    expect(ledger).toMatchObject({ received: 3, repeated: 1 });
    expect(intake.receivedThrough).toBe(3);
  });

  test('passes over what came before under another number, and the credit that it used is free again', () => {
    const ledger = new Ledger();
    const intake = new Intake({ maxEvents: 100, maxBytes: 1e6 });
    intake.connected('b1');
    intake.takeCredit();
    const batches: number[][] = [];
    const isRepeat = ({ sequence }: FlowEvent): boolean => sequence % 2 === 0;
    of(flowBatch([flowEvent(1), flowEvent(2), flowEvent(3)]), flowBatch([flowEvent(4)]))
      .pipe(ingest({ ledger, intake, isRepeat }))
      .subscribe((batch) => batches.push(sequencesOf(batch)));
    expect(batches).toEqual([[1, 3], []]);
    expect(ledger).toMatchObject({ received: 2, repeated: 2 });
    expect(intake.granted).toBe(96);
  });

  test('passes completion, errors and unsubscription', () => {
    const values = { a: flowBatch([flowEvent(1)]) };
    run(({ cold, expectObservable, expectSubscriptions }) => {
      expectObservable(cold('a|', values).pipe(ingest({ ledger: new Ledger() }))).toBe('x|', { x: [1] });
      expectObservable(cold('a#', values).pipe(ingest({ ledger: new Ledger() }))).toBe('x#', { x: [1] });
      const source = cold('a---', values);
      expectObservable(source.pipe(ingest({ ledger: new Ledger() })), '-!').toBe('x', { x: [1] });
      expectSubscriptions(source.subscriptions).toBe('^!');
    });
  });
});

describe('enrich', () => {
  test("adds the host: the source's, under the configured name", () => {
    const seen: unknown[] = [];
    of(flowBatch([], { host: { name: 'kernel-name', kernel: '6.18' } }), flowBatch([]))
      .pipe(enrich({ host: { name: 'web-1' } }))
      .subscribe(({ host }) => seen.push(host));
    expect(seen).toEqual([{ name: 'web-1', kernel: '6.18' }, { name: 'web-1' }]);
  });

  test('passes completion, errors and unsubscription', () => {
    const values = { a: flowBatch([flowEvent(1)]) };
    const operator = enrich({ host: {} });
    run(({ cold, expectObservable, expectSubscriptions }) => {
      expectObservable(cold('a|', values).pipe(operator)).toBe('x|', { x: [1] });
      expectObservable(cold('a#', values).pipe(operator)).toBe('x#', { x: [1] });
      const source = cold('a---', values);
      expectObservable(source.pipe(operator), '-!').toBe('x', { x: [1] });
      expectSubscriptions(source.subscriptions).toBe('^!');
    });
  });
});

describe('alertsOnly', () => {
  test('shows the copies, and passes over batches without any', () => {
    const alert = flowEvent(2);
    const values: Record<string, DecidedBatch> = {
      a: { ...flowBatch([flowEvent(1)]), alerts: [] },
      b: { ...flowBatch([flowEvent(3)]), alerts: [alert] },
    };
    run(({ cold, expectObservable }) => {
      expectObservable(cold('ab|', values).pipe(alertsOnly())).toBe('-x|', { x: [2] });
      expectObservable(cold('a#', values).pipe(alertsOnly())).toBe('-#');
    });
  });
});

describe('settle', () => {
  test('tells the origin of each event of a receipt once', () => {
    const event = flowEvent(1);
    of({ outcome: 'acknowledged' as const, events: [event] })
      .pipe(settle())
      .subscribe();
    expect(event.origin.open).toBe(0);
    EMPTY.pipe(settle()).subscribe();
  });
});
