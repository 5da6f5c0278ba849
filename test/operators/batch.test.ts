import type { RunHelpers } from 'rxjs/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { LaneBooks } from '../../src/observe/ledger.ts';
import { batch } from '../../src/operators/batch.ts';
import type { FlowBatch, OutgoingBatch } from '../../src/operators/flow.ts';
import { flowBatch, flowEvent, loss, sequencesOf } from './event-fixtures.ts';
import { marbles } from './marbles.ts';

let books: LaneBooks;
const one = flowEvent(1);
const size = one.bytes.length;
const inputs: Record<string, FlowBatch> = {
  a: flowBatch([flowEvent(1)]),
  b: flowBatch([flowEvent(2), flowEvent(3)]),
  c: flowBatch([flowEvent(4), flowEvent(5), flowEvent(6)]),
  n: flowBatch([flowEvent(1)], { bridgeInstance: 'b2' }),
  l: flowBatch([], { losses: [loss(5)] }),
  e: flowBatch([flowEvent(9)], { endOfSource: true }),
};

beforeEach(() => {
  books = new LaneBooks();
});

const run = (picture: (helpers: RunHelpers) => void): void => marbles<OutgoingBatch>(sequencesOf, picture);

const operator = (maxEvents = 4, maxBytes = 1e6) => batch({ maxBytes, maxEvents, maxAgeMs: 5, books });

describe('batch', () => {
  test('gathers until the oldest event is old enough', () => {
    run(({ cold, expectObservable }) => {
      const source = cold('  a-b-------a|', inputs);
      expectObservable(source.pipe(operator())).toBe('-----x-----(y|)', { x: [1, 2, 3], y: [1] });
    });
    expect(books).toMatchObject({ entered: 4, waiting: 4 });
  });

  test('goes out at once when it is full, and the rest starts anew', () => {
    run(({ cold, expectObservable }) => {
      const source = cold('b-c--------|', inputs);
      expectObservable(source.pipe(operator())).toBe('--x----y---|', { x: [2, 3, 4, 5], y: [6] });
    });
  });

  test('holds the bound in bytes: an event that would pass it opens the next batch', () => {
    run(({ cold, expectObservable }) => {
      const source = cold('c|', inputs);
      expectObservable(source.pipe(operator(100, size * 2 + 1))).toBe('x(y|)', { x: [4, 5], y: [6] });
    });
  });

  test('never mixes bridge instances', () => {
    run(({ cold, expectObservable }) => {
      const source = cold('an-----|', inputs);
      expectObservable(source.pipe(operator())).toBe('-x----y|', { x: [1], y: [1] });
    });
  });

  test('sends losses without any event', () => {
    run(({ cold, expectObservable }) => {
      expectObservable(cold('l------|', inputs).pipe(operator())).toBe('-----x-|', { x: [] });
    });
  });

  test('does not wait at the end of the source', () => {
    run(({ cold, expectObservable }) => {
      expectObservable(cold('ae-----|', inputs).pipe(operator())).toBe('-x-----|', { x: [1, 9] });
    });
  });

  test('hands on what it has before an error passes', () => {
    run(({ cold, expectObservable }) => {
      expectObservable(cold('a-#', inputs).pipe(operator())).toBe('--(x#)', { x: [1] });
    });
  });

  test('leaves no timer behind when it is unsubscribed', () => {
    run(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('a---------', inputs);
      expectObservable(source.pipe(operator()), '--!').toBe('---');
      expectSubscriptions(source.subscriptions).toBe('^-!');
    });
  });
});
