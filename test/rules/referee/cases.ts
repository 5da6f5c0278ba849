// Whole cases: a rule set and events that draw from one pool.

import fc from 'fast-check';
import { looseEvent, wireEvent } from './events.ts';
import type { Case } from './hold.ts';
import { pool } from './pools.ts';
import { ruleSet } from './rule-sets.ts';

interface CaseSizes {
  readonly rules: { readonly minLength: number; readonly maxLength: number };
  readonly events: number;
  readonly looseEvents: number;
}

function cases({ rules, events, looseEvents }: CaseSizes): fc.Arbitrary<Case> {
  const many = (count: number) => ({ minLength: 0, maxLength: count, size: 'max' as const });
  return fc
    .record({
      pool,
      rules: ruleSet(rules),
      events: fc.array(wireEvent, many(events)),
      looseEvents: fc.array(looseEvent, many(looseEvents)),
    })
    .map((made) => ({
      ruleSet: made.rules(made.pool),
      events: made.events.map((make) => make(made.pool)),
      looseEvents: made.looseEvents.map((make) => make(made.pool)),
    }));
}

/** Sets as they are tested most: up to 30 rules. */
export const ordinaryCases = cases({ rules: { minLength: 1, maxLength: 30 }, events: 24, looseEvents: 8 });

/** Sets so large that many rules share a key, a prefix, an automaton's state. */
export const largeCases = cases({ rules: { minLength: 500, maxLength: 700 }, events: 16, looseEvents: 4 });
