// A rival that has each rule as a test of a flat event: all tests of the event's trigger, one after another.

import type { Trigger } from '../../src/events/triggers.ts';
import type { FlatEvent, Flatten } from './flat-event.ts';
import type { Subject } from './subject.ts';

export interface FlatRules {
  readonly flatten: Flatten;
  readonly rules: readonly { readonly name: string; readonly test: (event: FlatEvent) => unknown }[];
}

export function flatSubject(all: ReadonlyMap<Trigger, FlatRules>): Subject {
  return {
    run: ({ trigger, complete }) => {
      const of = all.get(trigger);
      if (of === undefined) return 0;
      const event = of.flatten(complete);
      let count = 0;
      for (const { test } of of.rules) if (test(event) === true) count++;
      return count;
    },
    matches: ({ trigger, complete }) => {
      const of = all.get(trigger);
      if (of === undefined) return [];
      const event = of.flatten(complete);
      return of.rules.filter(({ test }) => test(event) === true).map(({ name }) => name);
    },
  };
}
