import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readBooks } from '../../src/demo/books.ts';
import { Ledger } from '../../src/observe/ledger.ts';

describe("the agent's books, read back from what it printed", () => {
  test('are the books that it kept', () => {
    const number = fc.nat();
    fc.assert(
      fc.property(number, number, number, number, number, fc.tuple(number, number), (...numbers) => {
        const [received, filtered, forwarded, alerts, lost, [acknowledged, copies]] = numbers;
        const ledger = new Ledger();
        Object.assign(ledger, { received, filtered, forwarded, alerts, lostUpstream: lost });
        Object.assign(ledger.events, { acknowledged });
        Object.assign(ledger.alertLane, { acknowledged: copies });
        expect(readBooks(`{"level":30,"msg":"  received 1"}\n${ledger}\n`)).toMatchObject({
          received,
          filtered,
          forwarded,
          alerts,
          lostUpstream: lost,
          events: { acknowledged, waiting: 0 },
          alertLane: { acknowledged: copies },
          balance: ledger.check().length === 0,
        });
      }),
    );
  });

  test('that are missing are an error that says so', () => {
    expect(() => readBooks('{"msg":"ended"}\n')).toThrow(/without printing its books/);
  });
});
