// What a test file holds: tests over recorded events, or events given by hand, of one rule or of several.

import { z } from 'zod';
import { PLATFORMS } from './schema.ts';

const text = z.string().min(1);
const texts = z.array(text).min(1);

export const testFileSchema = z
  .strictObject({
    load: texts
      .optional()
      .describe(
        'Rule files or folders that the tests are about, relative to this file. Default: those that were named with it.',
      ),
    platform: z.enum(PLATFORMS).optional().describe('Of every `given` below that names none itself.'),
    /** Parsed one by one: a wrong one hides no other. */
    tests: z.array(z.unknown()).min(1).describe('The tests, each a map.'),
  })
  .describe('Tests of rules, apart from the rules: *.test.yaml.');

const count = z.int().min(0);

export const fileTestSchema = z
  .strictObject({
    name: text.describe('What is shown, a few words.'),
    rule: text.optional().describe('The one rule that is tested, alone and as if enforced.'),
    rules: texts
      .optional()
      .describe('The rules that are tested together, by name or pattern (`linux-*`). Default: every rule.'),
    events: z
      .union([text, texts])
      .optional()
      .describe(
        'Recordings, relative to this file: eslogger, *.picket, or events in ECS names, one a line; gzip and zstd, too.',
      ),
    at: z
      .union([z.int().min(1), z.array(z.int().min(1)).min(1)])
      .optional()
      .describe('Of the recording, only the events of these numbers, from 1.'),
    given: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('One event, in ECS names, instead of a recording.'),
    on: text
      .optional()
      .describe(
        'Trigger of the given event; of a recording, only events of this one. Default: the first of the rule.',
      ),
    platform: z.enum(PLATFORMS).optional().describe('Of the given event. Default: as the rule says.'),
    exceptions: z
      .boolean()
      .optional()
      .describe('false: as if there were no exceptions. Default true: what is in force is tested.'),
    todo: text.optional().describe('Why the test can’t pass yet: a known gap, reported and not failed.'),
    expect: z
      .union([
        text.describe('With `rule`: its event type, or `none`; after `todo-` a known gap. Else: `none`.'),
        z.array(text).describe('Rules that match some event; no other one may.'),
        z.strictObject({
          matches: z
            .union([count, z.record(z.string(), count)])
            .optional()
            .describe('How many events match: of the one rule, or by name.'),
          verdict: z
            .enum(['allow', 'deny', 'forward', 'drop', 'none'])
            .optional()
            .describe('What the rules decide together for each of the events; none: no rule decides.'),
        }),
      ])
      .describe('What must come of it.'),
  })
  .describe('One test.');

export type WrittenFileTest = z.infer<typeof fileTestSchema>;

export const TEST_FILE_KEYS = Object.keys(testFileSchema.shape);
export const FILE_TEST_KEYS = Object.keys(fileTestSchema.shape);
