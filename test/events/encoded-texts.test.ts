import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeEvent } from '../../src/events/encode-event.ts';
import { EncodedFacts } from '../../src/events/encoded-facts.ts';
import { type Slot, slotOf } from '../../src/events/facts.ts';
import { LOCATIONS } from '../../src/events/slot-locations.ts';
import { textOfAscii } from '../../src/events/text.ts';
import { type TextPlace, textPlaceOf } from '../../src/events/text-place.ts';
import { arbitraryEvent } from './arbitrary-event.ts';

const PLACES = [...LOCATIONS.keys()].flatMap((name): readonly (readonly [Slot, TextPlace])[] => {
  const slot = slotOf(name) as Slot;
  const place = textPlaceOf(slot);
  return place === undefined ? [] : [[slot, place]];
});

const isAscii = (text: string): boolean => !/[\u0080-\uffff]/.test(text);

const path = fc.constantFrom(
  '/a/b.tar.gz',
  '/.profile',
  'x.y',
  '/x',
  '/é/a.txt',
  '/a/',
  '/a/name.',
  '/a/é.c',
);
const event = fc
  .tuple(arbitraryEvent, fc.option(path, { nil: undefined }))
  .map(([made, file]) => (file === undefined ? made : { ...made, file: { ...made.file, path: file } }));

/** An event; or one and what was appended to it, which makes messages of several pieces. */
const bytes = fc
  .oneof(
    event.map((one) => [one]),
    fc.tuple(event, event),
  )
  .map((events) => Buffer.concat(events.map((one) => encodeEvent(one))));

test('texts are shown as they are read, and held back if one is not ASCII', () => {
  const facts = new EncodedFacts();
  const formsShown = new Map<string, number>();
  let heldBack = 0;
  fc.assert(
    fc.property(bytes, (encoded) => {
      facts.reset(encoded);
      for (const [slot, place] of PLACES) {
        const shown: string[] = [];
        const isWhole = facts.visitTexts(place, {
          visit: (from, start, end) => shown.push(textOfAscii(from, start, end)),
        });
        const value = facts.get(slot);
        const read = (Array.isArray(value) ? value : value === undefined ? [] : [value]) as string[];
        expect([slot.name, isWhole]).toEqual([slot.name, read.every(isAscii)]);
        if (isWhole) expect([slot.name, ...shown]).toEqual([slot.name, ...read]);
        else heldBack++;
        formsShown.set(place.form, (formsShown.get(place.form) ?? 0) + (isWhole ? shown.length : 0));
      }
    }),
    { numRuns: 200 },
  );
  expect(heldBack).toBeGreaterThan(100);
  expect(formsShown.size).toBe(8);
  for (const [form, count] of formsShown) expect(count, form).toBeGreaterThan(20);
});

test('a text longer than any before is shown whole', () => {
  const args = ['x'.repeat(5_000), 'y'.repeat(9_000)];
  const encoded = encodeEvent({ process: { args, hash: { sha256: 'ab'.repeat(300) } } });
  const facts = new EncodedFacts().reset(encoded);
  const shown: string[] = [];
  for (const name of ['process.command_line', 'process.hash.sha256']) {
    facts.visitTexts(textPlaceOf(slotOf(name) as Slot) as TextPlace, {
      visit: (from, start, end) => shown.push(textOfAscii(from, start, end)),
    });
  }
  expect(shown).toEqual([args.join(' '), 'ab'.repeat(300)]);
});
