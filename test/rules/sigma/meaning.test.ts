// Random Sigma rules and events: an evaluator of Sigma by the letter of the specification against the imported rule.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { EcsEvent } from '../../../src/events/ecs-event.ts';
import { compileRules } from '../../../src/rules/compile.ts';
import { givenFacts } from '../../../src/rules/given-facts.ts';
import { importTexts, loaded } from './imported.ts';

/** An event in Sigma's names: a text each, or no field at all. */
type SigmaEvent = Readonly<Record<string, string | undefined>>;

const FIELDS = ['Image', 'CommandLine', 'ParentImage', 'User'] as const;
const word = fc.constantFrom('a', 'B', 'ab', 'c', '/a', '.', 'bc', '-x');
const text = fc.array(word, { minLength: 1, maxLength: 3 }).map((words) => words.join(''));
const value = fc
  .array(fc.oneof(word, word, fc.constantFrom('*', '?')), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join(''));

interface Field {
  readonly name: string;
  readonly modifiers: readonly string[];
  readonly values: readonly (string | null)[];
}

const field: fc.Arbitrary<Field> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      name: fc.constantFrom(...FIELDS),
      modifiers: fc.constantFrom(
        [],
        ['contains'],
        ['contains'],
        ['startswith'],
        ['endswith'],
        ['contains', 'cased'],
        ['neq'],
        ['contains', 'neq'],
      ),
      values: fc.array(value, { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      name: fc.constantFrom(...FIELDS),
      modifiers: fc.constantFrom(['contains', 'all'], ['all'], ['contains', 'all', 'neq']),
      values: fc.array(value, { minLength: 2, maxLength: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      name: fc.constantFrom(...FIELDS),
      modifiers: fc.constant([]),
      values: fc.constant([null]),
    }),
  },
);

type Map = readonly Field[];
const map: fc.Arbitrary<Map> = fc.uniqueArray(field, {
  minLength: 1,
  maxLength: 3,
  selector: ({ name, modifiers }) => [name, ...modifiers].join('|'),
});
/** A map, or a list of maps. */
const detection = fc.oneof(
  map.map((one) => [one]),
  fc.array(map, { minLength: 2, maxLength: 3 }),
);

const CONDITIONS: readonly (readonly [string, (a: boolean, b: boolean, c: boolean) => boolean])[] = [
  ['a', (a) => a],
  ['a and b', (a, b) => a && b],
  ['a and not b', (a, b) => a && !b],
  ['a or b and not c', (a, b, c) => a || (b && !c)],
  ['not (a or b) and c', (a, b, c) => !(a || b) && c],
  ['1 of them', (a, b, c) => a || b || c],
  ['all of them', (a, b, c) => a && b && c],
  ['a and not 1 of b* or not c', (a, b, c) => (a && !b) || !c],
];

function holdsValue(pattern: string, modifiers: readonly string[], found: string): boolean {
  const open = { contains: ['.*', '.*'], startswith: ['', '.*'], endswith: ['.*', ''] };
  const kind = modifiers.find((one) => one in open) as keyof typeof open | undefined;
  const [before, after] = kind === undefined ? ['', ''] : open[kind];
  const source = pattern
    .replace(/[.+^${}()|[\]\\/-]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${before}${source}${after}$`, modifiers.includes('cased') ? 's' : 'is').test(found);
}

function holdsField({ name, modifiers, values }: Field, event: SigmaEvent): boolean {
  const found = event[name];
  const truths = values.map((one) =>
    one === null ? found === undefined : found !== undefined && holdsValue(one, modifiers, found),
  );
  const truth = modifiers.includes('all') ? truths.every(Boolean) : truths.some(Boolean);
  return modifiers.includes('neq') ? !truth : truth;
}

function textOf(detections: readonly (readonly Map[])[], condition: string): string {
  const mapOf = (one: Map): object =>
    Object.fromEntries(
      one.map(({ name, modifiers, values }) => [
        [name, ...modifiers].join('|'),
        values.length === 1 ? values[0] : values,
      ]),
    );
  const [a, b, c] = detections.map((maps) =>
    maps.length === 1 && maps[0] ? mapOf(maps[0]) : maps.map(mapOf),
  );
  return stringify({
    title: 'Random',
    logsource: { product: 'linux', category: 'process_creation' },
    detection: { a, b, c, condition },
  });
}

function ecs(event: SigmaEvent): EcsEvent {
  const { Image, CommandLine, ParentImage, User } = event;
  return {
    picket: { trigger: 'notify.exec' },
    process: {
      ...(Image === undefined ? {} : { executable: Image }),
      ...(CommandLine === undefined ? {} : { command_line: CommandLine }),
      ...(ParentImage === undefined ? {} : { parent: { executable: ParentImage } }),
      ...(User === undefined ? {} : { user: { name: User } }),
    },
  };
}

test('an imported rule is true of exactly the events of which the Sigma rule is', async () => {
  let matches = 0;
  let evaluations = 0;
  const event = fc.record(
    Object.fromEntries(FIELDS.map((name) => [name, fc.option(text, { nil: undefined, freq: 5 })])),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(detection, { minLength: 3, maxLength: 3 }),
      fc.constantFrom(...CONDITIONS),
      fc.array(event, { minLength: 12, maxLength: 12 }),
      async (detections, [condition, join], events) => {
        const result = await importTexts([textOf(detections, condition)]);
        const { outcome } = result.report.entries[0] ?? {};
        expect(outcome?.kind, JSON.stringify(outcome)).toBe('exact');
        const rules = compileRules(loaded(result), { platform: 'linux' });
        for (const one of events) {
          const [a = false, b = false, c = false] = detections.map((maps) =>
            maps.some((fields) => fields.every((each) => holdsField(each, one))),
          );
          const expected = join(a, b, c);
          const isMatch = rules.decide('notify.exec', givenFacts(ecs(one))).matched.length > 0;
          expect(isMatch, `${textOf(detections, condition)}\n${JSON.stringify(one)}`).toBe(expected);
          evaluations++;
          if (isMatch) matches++;
        }
      },
    ),
    { numRuns: 200 },
  );
  expect(matches / evaluations).toBeGreaterThan(0.2);
});
