// Whether a JSON Schema of ours accepts a value, by zod, which reads no `if`: what depends on another key is judged apart.
import { z } from 'zod';

export type Json = { readonly [key: string]: Json } | readonly Json[] | string | number | boolean | null;

interface Conditional {
  readonly if: Json;
  readonly then: Json;
}

export interface SchemaJudge {
  accepts(value: unknown): boolean;
  /** By the conditions of one definition, as a validator takes them: whatever is not asked for is fine. */
  agrees(definition: string, value: unknown): boolean;
}

export function judgeOf(schema: Json): SchemaJudge {
  const whole = zodOf(withoutConditions(schema));
  const { definitions } = schema as unknown as {
    readonly definitions: Readonly<Record<string, { readonly allOf?: readonly Conditional[] }>>;
  };
  const accepted = (part: Json, value: unknown): boolean => zodOf(part).safeParse(value).success;
  return {
    accepts: (value) => whole.safeParse(value).success,
    agrees: (definition, value) =>
      (definitions[definition]?.allOf ?? []).every(
        (one) => !accepted(one.if, value) || accepted(one.then, value),
      ),
  };
}

const zodOf = (schema: Json): z.ZodType =>
  z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0], { defaultTarget: 'draft-7' });

function withoutConditions(schema: Json): Json {
  if (schema === null || typeof schema !== 'object') return schema;
  if (Array.isArray(schema)) return schema.filter((part) => !isConditional(part)).map(withoutConditions);
  const entries = Object.entries(schema).map(([key, part]) => [key, withoutConditions(part)] as const);
  return Object.fromEntries(
    entries.filter(([key, part]) => key !== 'allOf' || (part as readonly Json[]).length > 0),
  );
}

const isConditional = (part: Json): boolean => part !== null && typeof part === 'object' && 'if' in part;
