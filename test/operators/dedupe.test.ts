import { of } from 'rxjs';
import type { RunHelpers } from 'rxjs/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { picket } from '../../src/events/proto/picket.js';
import { Ledger } from '../../src/observe/ledger.ts';
import { type DedupeOptions, dedupe } from '../../src/operators/dedupe.ts';
import type { FlowBatch, FlowEvent } from '../../src/operators/flow.ts';
import { KeyTemplateError } from '../../src/operators/key-template.ts';
import { damagedEvent, flowBatch, flowEvent, sequencesOf } from './event-fixtures.ts';
import { marbles } from './marbles.ts';

let ledger: Ledger;

beforeEach(() => {
  ledger = new Ledger();
});

function operator(more: Partial<DedupeOptions> = {}) {
  const rules = [{ triggers: ['notify.open', 'auth.open'] as const, key: '{file.path}' }];
  return dedupe({ rules, windowMs: 10, maxKeys: 100, ledger, ...more });
}

/** As `1`, or `4~2` for a summary of two repeats. */
function view({ events }: FlowBatch): string {
  return events
    .map(({ bytes, sequence }) => {
      const suppressed = Number(picket.v1.Event.decode(bytes).suppressed);
      return suppressed > 0 ? `${sequence}~${suppressed}` : String(sequence);
    })
    .join(' ');
}

const run = (picture: (helpers: RunHelpers) => void): void => marbles<FlowBatch>(view, picture);
const at = (path: string, ...sequences: number[]): FlowBatch =>
  flowBatch(sequences.map((sequence) => flowEvent(sequence, { path })));

describe('dedupe', () => {
  test('passes the first of a key and tells the number of repeats when its window closes', () => {
    run(({ cold, expectObservable }) => {
      const source = cold('ab---------------|', { a: at('/a', 1), b: at('/a', 2, 3) });
      expectObservable(source.pipe(operator())).toBe('xe--------s------|', { x: '1', e: '', s: '3~2' });
    });
    expect(ledger).toMatchObject({ deduplicated: 2, summaries: 1 });
  });

  test('a window without repeats closes in silence, and the key is new again', () => {
    run(({ cold, expectObservable }) => {
      const source = cold('a----------b|', { a: at('/a', 1), b: at('/a', 2) });
      expectObservable(source.pipe(operator())).toBe('x----------y|', { x: '1', y: '2' });
    });
  });

  test('different keys, and triggers without a rule, do not touch each other', () => {
    const exec = [flowEvent(3, { action: 'exec' }), flowEvent(4, { action: 'exec' })];
    run(({ cold, expectObservable }) => {
      const source = cold('abc|', { a: at('/a', 1), b: at('/b', 2), c: flowBatch(exec) });
      expectObservable(source.pipe(operator())).toBe('xyz|', { x: '1', y: '2', z: '3 4' });
    });
  });

  test('alerts and auth verdicts always pass', () => {
    const alert = { verdict: 'none', rules: [], tags: [], hasAlerts: true } as const;
    const events: FlowEvent[] = [
      flowEvent(1, { kind: 1 }),
      flowEvent(2, { kind: 1 }),
      { ...flowEvent(3), decision: alert },
      { ...flowEvent(4), decision: alert },
    ];
    run(({ cold, expectObservable }) => {
      expectObservable(cold('a|', { a: flowBatch(events) }).pipe(operator())).toBe('x|', { x: '1 2 3 4' });
    });
  });

  test('completion and errors close all windows first', () => {
    run(({ cold, expectObservable }) => {
      const values = { a: at('/a', 1, 2) };
      expectObservable(cold('a-|', values).pipe(operator())).toBe('x-(s|)', { x: '1', s: '2~1' });
      expectObservable(cold('a-#', values).pipe(operator())).toBe('x-(s#)', { x: '1', s: '2~1' });
    });
  });

  test('too many keys close the oldest window early, with its count', () => {
    run(({ cold, expectObservable }) => {
      const source = cold('abc----------|', { a: at('/a', 1, 2), b: at('/b', 3), c: at('/c', 4) });
      expectObservable(source.pipe(operator({ maxKeys: 2 }))).toBe('xy(zs)-------|', {
        x: '1',
        y: '3',
        z: '4',
        s: '2~1',
      });
    });
  });

  test('unsubscription leaves no timer behind', () => {
    run(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('a------', { a: at('/a', 1, 2) });
      expectObservable(source.pipe(operator()), '---!').toBe('x--', { x: '1' });
      expectSubscriptions(source.subscriptions).toBe('^--!');
    });
  });

  test('a repeat is settled at once: nothing waits for a window to close', () => {
    const repeat = flowEvent(2);
    run(({ cold, expectObservable }) => {
      expectObservable(cold('a|', { a: flowBatch([flowEvent(1), repeat]) }).pipe(operator())).toBe('x(s|)', {
        x: '1',
        s: '2~1',
      });
    });
    expect(repeat.origin.open).toBe(0);
  });

  test("an event that is damaged inside is nobody's repeat", () => {
    const seen: FlowBatch[] = [];
    of(flowBatch([damagedEvent(1), damagedEvent(2)]))
      .pipe(operator())
      .subscribe((batch) => seen.push(batch));
    expect(seen.flatMap(sequencesOf)).toEqual([1, 2]);
  });

  test('a key with an unknown fact is an error before anything runs', () => {
    const rules = [{ triggers: ['notify.open'] as const, key: '{file.pathh}' }];
    expect(() => operator({ rules })).toThrow(KeyTemplateError);
  });
});
