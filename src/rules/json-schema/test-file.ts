// The JSON Schema of a test file, for editors: made of the schemas by which it is read. An editor can't know the names of
// rules and which of them a test is about.

import { z } from 'zod';
import { fileTestSchema, testFileSchema } from '../test-file-schema.ts';
import { expectation, given, trigger } from './event.ts';
import { having, when, where } from './when.ts';

/** As yaml-language-server understands it: draft 7. */
export function testFileJsonSchema(): object {
  return z.toJSONSchema(file, { target: 'draft-7', io: 'input' });
}

/** No value satisfies it: the key is not there. */
const NOTHING = { not: {} };

const [, only, counts] = fileTestSchema.shape.expect.options;

const test = fileTestSchema
  .extend({
    given: given.optional().describe(fileTestSchema.shape.given.description ?? ''),
    on: trigger.optional().describe(fileTestSchema.shape.on.description ?? ''),
    expect: z
      .union([expectation.describe('Of one rule; `none` of several, too.'), only, counts])
      .describe(fileTestSchema.shape.expect.description ?? ''),
  })
  .meta({
    id: 'test',
    description: 'Events, and what rules say of them.',
    allOf: [
      when(where('given', NOTHING), having('events', {})),
      when(having('given', {}), where('events', NOTHING)),
      when(
        { type: 'object', properties: { given: {}, rule: NOTHING }, required: ['given'] },
        having('on', {}),
      ),
    ],
  });

const file = testFileSchema
  .extend({
    tests: z
      .array(test)
      .min(1)
      .describe(testFileSchema.shape.tests.description ?? ''),
  })
  .meta({
    title: 'Picket test file',
    description: 'Tests of rules, apart from the rules. docs/rules-testing.md explains them.',
  });
