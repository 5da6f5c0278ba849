import { BehaviorSubject, from, of } from 'rxjs';
import type { RunHelpers } from 'rxjs/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { Ledger } from '../../src/observe/ledger.ts';
import type { FlowBatch } from '../../src/operators/flow.ts';
import { type PrioritiseOptions, prioritise } from '../../src/operators/prioritise.ts';
import { flowBatch, flowEvent, loss, sequencesOf } from './event-fixtures.ts';
import { marbles } from './marbles.ts';

let ledger: Ledger;
const READY = { t: true, f: false };

beforeEach(() => {
  ledger = new Ledger();
});

interface Seen {
  readonly sequences: number[];
  readonly lost: number;
}

const run = (picture: (helpers: RunHelpers) => void): void =>
  marbles<FlowBatch>(
    (batch) =>
      seen(
        sequencesOf(batch),
        batch.losses.reduce((sum, { count }) => sum + count, 0),
      ),
    picture,
  );

function seen(sequences: number[], lost = 0): Seen {
  return { sequences, lost };
}

const low = (sequence: number) => flowEvent(sequence, { action: 'open' });
const high = (sequence: number) => flowEvent(sequence, { action: 'exec' });

function operator(more: Partial<PrioritiseOptions> & Pick<PrioritiseOptions, 'ready'>) {
  return prioritise({ maxEvents: 3, maxBytes: 1e6, policy: 'shed', ledger, now: () => 7n, ...more });
}

describe('prioritise', () => {
  test('lets events pass while the sink takes them', () => {
    run(({ cold, expectObservable }) => {
      const source = cold('a-b|', { a: flowBatch([low(1)]), b: flowBatch([low(2)]) });
      expectObservable(source.pipe(operator({ ready: cold('t---', READY) }))).toBe('x-y|', {
        x: seen([1]),
        y: seen([2]),
      });
    });
    expect(ledger).toMatchObject({ forwarded: 2, queued: 0, shed: 0 });
  });

  test('keeps them in order of arrival while it does not', () => {
    run(({ cold, expectObservable }) => {
      const source = cold('ab---|', { a: flowBatch([low(1)]), b: flowBatch([high(2), low(3)]) });
      expectObservable(source.pipe(operator({ ready: cold('f--t-', READY) }))).toBe('---x-|', {
        x: seen([1, 2, 3]),
      });
    });
  });

  test('gives up the lowest class first, its oldest first, and tells of each', () => {
    const events = [low(1), high(2), low(3), high(4), high(5)];
    run(({ cold, expectObservable }) => {
      const source = cold('a---|', { a: flowBatch(events, { losses: [loss(10)] }) });
      expectObservable(source.pipe(operator({ ready: cold('f-t-', READY) }))).toBe('--x-|', {
        x: seen([2, 4, 5], 12),
      });
    });
    expect(ledger).toMatchObject({ shed: 2, forwarded: 3, queued: 0 });
    expect(events.map(({ origin }) => origin.open)).toEqual([0, 1, 0, 1, 1]);
  });

  test('under block it waits for credit to hold the source, and gives nothing up at its bound', () => {
    run(({ cold, expectObservable }) => {
      const source = cold('a---|', { a: flowBatch([low(1), low(2), low(3), low(4)]) });
      expectObservable(source.pipe(operator({ policy: 'block', ready: cold('f-t-', READY) }))).toBe('--x-|', {
        x: seen([1, 2, 3, 4]),
      });
    });
  });

  test('completes when its queue is empty, not before', () => {
    run(({ cold, expectObservable }) => {
      const source = cold('a|', { a: flowBatch([low(1)]) });
      expectObservable(source.pipe(operator({ ready: cold('f---t', READY) }))).toBe('----(x|)', {
        x: seen([1]),
      });
    });
  });

  test('completes when its losses are told, not before', () => {
    run(({ cold, expectObservable }) => {
      const source = cold('a|', { a: flowBatch([], { losses: [loss(9)] }) });
      expectObservable(source.pipe(operator({ ready: cold('f---t', READY) }))).toBe('----(x|)', {
        x: seen([], 9),
      });
    });
  });

  test('losses that nobody takes for long become few, and their sum stays', () => {
    const ready = new BehaviorSubject(false);
    const told: number[] = [];
    from(Array.from({ length: 5000 }, () => flowBatch([], { losses: [loss(2)] })))
      .pipe(operator({ ready }))
      .subscribe(({ losses }) => told.push(...losses.map(({ count }) => count)));
    ready.next(true);
    expect(told.length).toBeLessThan(1100);
    expect(told.reduce((a, b) => a + b)).toBe(10_000);
  });

  test('an error passes behind what is queued', () => {
    run(({ cold, expectObservable }) => {
      const source = cold('a#', { a: flowBatch([low(1)]) });
      expectObservable(source.pipe(operator({ ready: cold('f---t', READY) }))).toBe('----(x#)', {
        x: seen([1]),
      });
    });
  });

  test('unsubscription releases source and sink', () => {
    run(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('a----', { a: flowBatch([low(1)]) });
      const ready = cold('f----', READY);
      expectObservable(source.pipe(operator({ ready })), '--!').toBe('---');
      expectSubscriptions(source.subscriptions).toBe('^-!');
      expectSubscriptions(ready.subscriptions).toBe('^-!');
    });
    expect(ledger.queued).toBe(1);
  });

  test('stops in the middle of a long queue when the sink says so', () => {
    const ready = new BehaviorSubject(true);
    const batches: number[] = [];
    of(flowBatch(Array.from({ length: 600 }, (_, index) => low(index + 1))))
      .pipe(operator({ maxEvents: 1000, ready }))
      .subscribe((batch) => {
        batches.push(batch.events.length);
        ready.next(false);
      });
    expect(batches).toEqual([256]);
    ready.next(true);
    ready.next(true);
    expect(batches).toEqual([256, 256, 88]);
  });
});
