import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Intake } from '../../src/sources/intake.ts';

const LIMITS = { maxEvents: 100, maxBytes: 100_000 };

function opened(intake: Intake, runs: readonly number[]) {
  let sequence = 0;
  return runs.map((count) => {
    sequence += count;
    return { origin: intake.open(sequence, count, count * 100), last: sequence, open: count };
  });
}

describe('accepted_through', () => {
  test('is the last event before the first that is not settled, whatever the order of settling', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 30 }),
        fc.infiniteStream(fc.nat()),
        (runs, choices) => {
          const intake = new Intake({ maxEvents: 1000, maxBytes: 1e9 });
          intake.connected('b1');
          const spans = opened(intake, runs);
          while (spans.some(({ open }) => open > 0)) {
            const unsettled = spans.filter(({ open }) => open > 0);
            const span = unsettled[(choices.next().value ?? 0) % unsettled.length];
            if (span === undefined) throw new Error('no span');
            span.origin.settle();
            span.open--;
            const firstOpen = spans.findIndex(({ open }) => open > 0);
            const expected = firstOpen < 0 ? spans.at(-1)?.last : (spans[firstOpen - 1]?.last ?? 0);
            expect(intake.acceptedThrough).toBe(expected);
          }
          expect(intake.isIdle).toBe(true);
          expect(intake.unsettledEvents).toBe(0);
        },
      ),
    );
  });

  test('waits for a copy that is held, too', () => {
    const intake = new Intake(LIMITS);
    intake.connected('b1');
    const origin = intake.open(1, 1, 10);
    origin.hold();
    origin.settle();
    expect(intake.acceptedThrough).toBe(0);
    origin.settle();
    expect(intake.acceptedThrough).toBe(1);
  });

  test('starts again with another bridge instance, and goes on with the same one', () => {
    const intake = new Intake(LIMITS);
    intake.connected('b1');
    intake.open(9, 9, 90);
    intake.connected('b1');
    expect(intake.receivedThrough).toBe(9);
    intake.connected('b2');
    expect(intake.receivedThrough).toBe(0);
    expect(intake.acceptedThrough).toBe(0);
  });

  test('is not moved by events of a bridge instance that has gone', () => {
    const intake = new Intake(LIMITS);
    intake.connected('b1');
    const old = intake.open(50, 1, 10);
    intake.connected('b2');
    intake.open(1, 1, 10);
    old.settle();
    expect(intake.acceptedThrough).toBe(0);
  });
});

describe('credit', () => {
  test('never lets more events lie here than the bound', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 60 }), { maxLength: 50 }), (uses) => {
        const intake = new Intake(LIMITS);
        intake.connected('b1');
        let credit = 0;
        let sequence = 0;
        const open: ReturnType<Intake['open']>[] = [];
        for (const use of uses) {
          credit += intake.takeCredit();
          const count = Math.min(use, credit);
          for (let index = 0; index < count; index++) open.push(intake.open(++sequence, 1, 100));
          credit -= count;
          expect(intake.unsettledEvents).toBeLessThanOrEqual(LIMITS.maxEvents);
          for (const origin of open.splice(0, use % 7)) origin.settle();
        }
      }),
    );
  });

  test('shrinks when events are large', () => {
    const intake = new Intake({ maxEvents: 1000, maxBytes: 100_000 });
    intake.connected('b1');
    const before = intake.takeCredit();
    for (let index = 1; index <= 50; index++) intake.open(index, 1, 10_000).settle();
    expect(intake.takeCredit() + intake.granted).toBeLessThan(before);
  });

  test('given on an earlier connection is void', () => {
    const intake = new Intake(LIMITS);
    intake.connected('b1');
    expect(intake.takeCredit()).toBe(100);
    expect(intake.takeCredit()).toBe(0);
    intake.connected('b1');
    expect(intake.takeCredit()).toBe(100);
  });
});
