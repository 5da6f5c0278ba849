// Events: those that the wire can hold, and those that it can't, with any value anywhere. Facts are often missing.

import fc from 'fast-check';
import type { EcsEvent } from '../../../src/events/ecs-event.ts';
import type { Facts, FactValue, Slot } from '../../../src/events/facts.ts';
import { eventText, listOf, type Made, type Pool, scalar, someNumber, wholeText } from './pools.ts';

/** What no wire would carry. */
export type LooseEvent = { readonly [key: string]: FactValue };

const some = <T>(made: Made<T>): Made<T | undefined> => fc.option(made, { nil: () => undefined, freq: 6 });
const constant = <T>(...values: readonly T[]): Made<T> =>
  fc.constantFrom(...values).map((value) => () => value);

/** An object of what its fields make; what is undefined is left out. */
function objectOf(fields: Readonly<Record<string, Made<FactValue>>>): Made<LooseEvent> {
  return fc.record(fields).map(
    (makers) =>
      (pool: Pool): LooseEvent =>
        Object.fromEntries(
          Object.entries(makers).flatMap(([key, make]) => {
            const value = make(pool);
            return value === undefined ? [] : [[key, value]];
          }),
        ),
  );
}

// On the wire an empty text is a missing one.
const text = eventText.map(
  (make) =>
    (pool: Pool): string | undefined =>
      make(pool) || undefined,
);
const texts = listOf(eventText, { minLength: 1, maxLength: 3 }).map(
  (make) =>
    (pool: Pool): readonly string[] =>
      make(pool).map((one) => one || 'a'),
);
const pid = constant(1, 2, 9, 10, 100);
const address = constant(
  '10.0.0.1',
  '10.1.2.3',
  '11.0.0.0',
  '::ffff:10.0.0.1',
  'fe80::1',
  '2001:db8::1',
  '2001:0DB8:0:0::1',
  '172.16.5.4',
);

const process = objectOf({
  executable: some(text),
  pid: some(pid),
  args: some(texts),
  user: some(objectOf({ id: constant('0', '501'), name: some(text) })),
  parent: some(objectOf({ executable: some(text), pid: some(pid), args: some(texts) })),
  code_signature: some(fc.boolean().map((exists) => () => ({ exists, platform_binary: false }))),
});

const anything: Made<FactValue> = fc.oneof<fc.WeightedArbitrary<(pool: Pool) => FactValue>[]>(
  { weight: 4, arbitrary: scalar },
  { weight: 2, arbitrary: listOf(scalar, { maxLength: 3 }) },
  { weight: 1, arbitrary: listOf(listOf(scalar, { maxLength: 2 }), { maxLength: 2 }) },
  { weight: 1, arbitrary: scalar.map((make) => (pool: Pool) => ({ executable: make(pool), a: make(pool) })) },
  { weight: 1, arbitrary: fc.constant(() => ({})) },
);

const mixedList = listOf<FactValue>(
  fc.oneof<fc.Arbitrary<(pool: Pool) => FactValue>[]>(
    scalar,
    wholeText,
    wholeText.map((make) => (pool: Pool) => ({ a: make(pool) })),
  ),
  { maxLength: 3 },
);
const numberList = listOf<FactValue>(someNumber, { minLength: 1, maxLength: 3 });

const esEvent = objectOf({
  x: some(anything),
  text: some(text),
  number: some(
    fc.tuple(someNumber, fc.boolean()).map(
      ([make, isText]) =>
        (pool: Pool) =>
          isText ? String(make(pool)) : make(pool),
    ),
  ),
  list: some(fc.oneof<fc.Arbitrary<(pool: Pool) => FactValue>[]>(mixedList, numberList)),
});

/** Events that the wire can hold. */
export const wireEvent: Made<EcsEvent> = objectOf({
  process: fc.oneof(
    { weight: 9, arbitrary: process },
    { weight: 1, arbitrary: fc.constant(() => undefined) },
  ),
  file: some(objectOf({ path: some(text), size: some(constant(1, 9, 10, 2 ** 40)) })),
  message: some(text),
  source: some(objectOf({ ip: address })),
  es: some(objectOf({ event: esEvent })),
}).map((make) => (pool) => make(pool) as EcsEvent);

/** What no wire would carry: any value anywhere. */
export const looseEvent: Made<LooseEvent> = objectOf({
  process: some(
    objectOf({
      executable: some(anything),
      name: some(anything),
      command_line: some(anything),
      pid: some(anything),
      args: some(anything),
      user: some(objectOf({ name: some(anything) })),
      parent: some(objectOf({ executable: some(anything), pid: some(anything) })),
      code_signature: some(anything),
    }),
  ),
  file: some(
    objectOf({ path: some(anything), name: some(anything), extension: some(anything), size: some(anything) }),
  ),
  event: some(objectOf({ category: some(anything) })),
  message: some(anything),
  source: some(objectOf({ ip: some(anything) })),
  es: some(
    objectOf({
      event: objectOf({
        x: some(anything),
        list: some(anything),
        text: some(anything),
        number: some(anything),
      }),
    }),
  ),
});

/** Read as they stand: nothing is derived. */
export function looseFacts(event: LooseEvent): Facts {
  return {
    get(slot: Slot): FactValue {
      let value: FactValue = event;
      for (const key of slot.path) {
        if (!isMap(value) || !Object.hasOwn(value, key)) return undefined;
        value = value[key];
      }
      return value;
    },
  };
}

const isMap = (value: FactValue): value is LooseEvent =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
