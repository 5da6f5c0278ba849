// The JSON Schema of a rule file, for editors: made of the schemas by which the loader reads it, and of the tables by
// which it checks conditions. An editor can't know named conditions, lists and which trigger has which fact; all else
// that the loader refuses, this refuses.

import { z } from 'zod';
import { exceptionSchema, fileSchema, listSchema, ruleSchema, testSchema } from '../schema.ts';
import { root } from './condition.ts';
import { expectation, given, trigger } from './event.ts';
import { having, when, where } from './when.ts';

/** As yaml-language-server understands it: draft 7. */
export function ruleFileSchema(): object {
  const file = z.union([z.array(rule).describe('A list of rules.'), map]).meta({
    title: 'Picket rule file',
    description: 'Rules, exceptions, named conditions and lists. docs/rules.md explains them.',
  });
  return z.toJSONSchema(file, { target: 'draft-7', io: 'input' });
}

const test = testSchema
  .extend({
    given: given.describe(testSchema.shape.given.description ?? ''),
    expect: expectation.describe(testSchema.shape.expect.description ?? ''),
    on: trigger.optional(),
  })
  .meta({ id: 'test', description: 'An event, and what the rule says of it.' });

const rule = ruleSchema
  .extend({
    name: z
      .string()
      .regex(/^(?!picket-)./)
      .describe(ruleSchema.shape.name.description ?? ''),
    on: z
      .array(trigger)
      .min(1)
      .describe(ruleSchema.shape.on.description ?? ''),
    conditions: root,
    tests: z
      .array(test)
      .optional()
      .describe(ruleSchema.shape.tests.description ?? ''),
  })
  .meta({
    id: 'rule',
    description: 'For which events, what must hold, and what then follows.',
    allOf: typesByTrigger(),
  });

/** What asks is answered, what tells is forwarded. */
function typesByTrigger(): object[] {
  const types = (some: readonly string[]): object => where('event', where('type', { enum: some }));
  const on = (pattern: string): object =>
    having('on', { type: 'array', contains: { type: 'string', pattern } });
  return [
    when(on('^auth\\.'), types(['allow', 'deny', 'alert', 'tag'])),
    when(on('^(?!auth\\.)'), types(['forward', 'drop', 'alert', 'tag'])),
  ];
}

const exception = exceptionSchema
  .extend({
    conditions: root,
    expires: z
      .string()
      .regex(/^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/)
      .optional()
      .describe(exceptionSchema.shape.expires.description ?? ''),
  })
  .meta({ id: 'exception', description: 'Events for which a rule does not hold.' });

const values = z.array(z.union([z.string(), z.number(), z.boolean()]));
const list = z
  .union([
    values.describe('The values themselves.'),
    z.strictObject({ file: listSchema.shape.file.unwrap(), type: listSchema.shape.type }),
    z.strictObject({ values: values, type: listSchema.shape.type }),
  ])
  .meta({ id: 'list', description: 'Values to which conditions refer as { list: name }.' });

const map = fileSchema
  .extend({
    rules: z
      .array(rule)
      .optional()
      .describe(fileSchema.shape.rules.description ?? ''),
    exceptions: z
      .array(exception)
      .optional()
      .describe(fileSchema.shape.exceptions.description ?? ''),
    conditions: z
      .record(z.string(), root)
      .optional()
      .describe(fileSchema.shape.conditions.description ?? ''),
    lists: z
      .record(z.string(), list)
      .optional()
      .describe(fileSchema.shape.lists.description ?? ''),
  })
  .describe('Rules with what they share, or exceptions.');
