// Conditions as JSON Schema: facts, paths, operators and decorators by name, so that an editor completes them.

import { z } from 'zod';
import { offered, triggersOf } from '../../events/fact-table.ts';
import { DECORATORS } from '../decorators.ts';
import { OPERATORS } from '../operators.ts';
import { PLATFORMS } from '../schema.ts';
import { having, when, where } from './when.ts';

/** By whole name, with what it is: of all triggers of all platforms. */
const facts: ReadonlyMap<string, string> = new Map(
  PLATFORMS.flatMap((platform) =>
    triggersOf(platform).flatMap((trigger) =>
      offered(trigger, platform).map(({ name, description }) => [name, description] as const),
    ),
  ),
);

const names: readonly string[] = [...new Set([...facts.keys()].flatMap(withObjects))].sort();
const heads: readonly string[] = [...new Set(names.map((name) => name.split('.')[0] ?? name))];

/** `process.user.id` is a part of `process.user` and of `process`. */
function withObjects(name: string): string[] {
  const parts = name.split('.');
  return parts.map((_, index) => parts.slice(0, index + 1).join('.'));
}

const labels = {
  name: z.string().min(1).optional().describe('What the condition is called in explanations.'),
  priority: z.int().min(1).optional().describe('Higher is looked at first; the result is the same.'),
};

const scalar = z
  .union([z.string(), z.number(), z.boolean(), z.null()])
  .describe('Text, a number, true or false.');

/** Any JSONPath beyond names is left to the loader. */
const path = z.string().meta({
  description: 'The rest of the fact’s name as JSONPath: $.executable. An element of a list is $.args[1].',
  pattern: '^\\$',
});

const value = z
  .union([
    scalar,
    z.array(scalar).describe('Several values, for in, notIn, someValue: and inCidr.'),
    z.strictObject({ list: z.string().min(1).describe('Its name.') }).describe('A named list.'),
    z
      .strictObject({
        fact: z.string().min(1).describe('Its name, or the first part.'),
        path: path.optional(),
      })
      .describe('Another fact of the same event.'),
  ])
  .describe('What the fact is compared with.');

const operators = [...OPERATORS.keys()];
const decorated = `^(?:(?:${[...DECORATORS.keys()].join('|')}):)+(?:${operators.join('|')})$`;
const COMMON = [
  'someFact:equal',
  'someFact:startsWith',
  'someFact:includes',
  'someValue:startsWith',
  'someValue:endsWith',
  'someValue:includes',
  'ignoreCase:equal',
  'ignoreCase:in',
  'ignoreCase:includes',
];

const operator = z
  .union([z.enum(operators), z.enum(COMMON), z.string().regex(new RegExp(decorated))])
  .describe('How they are compared; decorators stand before it, with a colon, the leftmost outermost.');

/** JSONPath that is more than names. */
const BEYOND_NAMES = '^\\$.*(?:[\\[*@?]|\\.\\.|\\.length$|\\.\\d+)';

/** Below these stand more names than the table has. */
const OPEN = new Set(['es', 'auditd']);

const leaf = z
  .strictObject({
    fact: z
      .union([z.enum(names), z.string().regex(/^es\./)])
      .describe('The first part of a fact’s name, such as process; the whole name does as well.'),
    path: path.optional(),
    operator,
    value,
    ...labels,
  })
  .meta({
    id: 'leaf',
    description: 'One fact against one value.',
    allOf: [...pathsByFact(), ...valuesByOperator()],
  });

/** What stands below each first part, so that an editor completes `path`. */
function pathsByFact(): object[] {
  return heads
    .filter((head) => !OPEN.has(head) && names.some((name) => name.startsWith(`${head}.`)))
    .map((head) => {
      const below = names.filter((name) => name.startsWith(`${head}.`));
      const known = {
        enum: ['$', ...below.map((name) => `$${name.slice(head.length)}`)],
        enumDescriptions: [`All of ${head}.`, ...below.map((name) => facts.get(name) ?? `All of ${name}.`)],
      };
      const beyond = { type: 'string', pattern: BEYOND_NAMES };
      return when(having('fact', { const: head }), where('path', { anyOf: [known, beyond] }));
    });
}

function valuesByOperator(): object[] {
  const isOneOf = (some: readonly string[]): object => having('operator', { enum: some });
  const isText = { anyOf: [{ type: 'string' }, { type: 'object' }] };
  const isList = { anyOf: [{ type: 'array' }, { type: 'object' }] };
  return [
    when(isOneOf(['exists']), where('value', { type: 'boolean' })),
    when(isOneOf(['in', 'notIn']), where('value', isList)),
    when(isOneOf(['startsWith', 'endsWith', 'includes', 'matches']), where('value', isText)),
  ];
}

/** Any condition. */
const condition: z.ZodType = z
  .lazy(() => z.union([group('all'), group('any'), not, reference, leaf]))
  .meta({ id: 'condition', description: 'What must hold of an event.' });

const DESCRIBED = { all: 'Every condition in the list must hold.', any: 'One of the conditions must hold.' };

function group(kind: 'all' | 'any') {
  return z.strictObject({ [kind]: z.array(condition).describe(DESCRIBED[kind]), ...labels });
}

const not = z.strictObject({ not: condition.describe('The condition must not hold.'), ...labels });
const reference = z.strictObject({
  condition: z.string().min(1).describe('The name of a condition under `conditions:` of any rule file.'),
  ...labels,
});

/** The outermost condition: it groups others. */
export const root = z
  .union([group('all'), group('any'), not, reference])
  .meta({ id: 'root', description: 'What must hold: all, any, not or condition.' });
