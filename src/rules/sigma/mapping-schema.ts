// The form of a mapping file.

import { z } from 'zod';
import { PLATFORMS } from '../schema.ts';

const text = z.string().min(1);
const texts = z.array(text).min(1);
const oneOrMore = z.union([text, texts]).transform((value) => (typeof value === 'string' ? [value] : value));
const scalar = z.union([z.string(), z.number(), z.boolean()]);

const withinSchema = z.strictObject({ before: text, after: text, any: text });

export const fieldSchema = z.union([
  text,
  z.strictObject({ absent: text }),
  z.strictObject({ never: text }),
  z.strictObject({
    fact: text,
    numbers: text.optional(),
    values: z.record(z.string(), scalar).optional(),
    within: withinSchema.optional(),
    differs: text.optional(),
  }),
]);

export const sourceSchema = z.strictObject({
  logsource: z.strictObject({
    category: text.optional(),
    product: text.optional(),
    service: oneOrMore.optional(),
  }),
  on: texts,
  platforms: z.array(z.enum(PLATFORMS)).min(1),
  constants: z.record(z.string(), oneOrMore).optional(),
  where: z.record(z.string(), oneOrMore).optional(),
  matching: z.record(z.string(), text).optional(),
  present: text.optional(),
  keywords: z
    .union([texts, z.strictObject({ facts: texts, differs: text, besides: text.optional() })])
    .optional(),
  differs: text.optional(),
  fields: z.record(z.string(), fieldSchema).optional(),
});

export const fileSchema = z.strictObject({ sources: z.array(sourceSchema) });

/** The keys that may stand at a path, for messages. */
export function keysAt(path: readonly (string | number)[]): readonly string[] {
  if (path.length === 0) return ['sources'];
  if (path.length === 2) return Object.keys(sourceSchema.shape);
  return path[2] === 'logsource'
    ? ['category', 'product', 'service']
    : ['fact', 'numbers', 'values', 'within', 'absent', 'never', 'differs'];
}
