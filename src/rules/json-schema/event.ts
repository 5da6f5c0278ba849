// What tests say of events, for editors: triggers, every fact of every trigger as nested maps, what may come of it.

import { z } from 'zod';
import { exampleOf } from '../../events/fact-examples.ts';
import { type FactDefinition, offered, triggersOf } from '../../events/fact-table.ts';
import type { Trigger } from '../../events/triggers.ts';
import { EVENT_TYPES, PLATFORMS } from '../schema.ts';

interface Branch {
  readonly parts: Map<string, Branch>;
  fact?: FactDefinition;
}

const triggers: readonly Trigger[] = [...new Set(PLATFORMS.flatMap((platform) => [...triggersOf(platform)]))];

export const trigger = z
  .enum(triggers)
  .meta({ id: 'trigger', description: 'An event for which rules are asked.' });

/** Of one rule. */
export const expectation = z.enum([
  'none',
  'todo-none',
  ...EVENT_TYPES.flatMap((type) => [type, `todo-${type}`] as const),
]);

export const given = givenSchema();

function givenSchema(): z.ZodType {
  const root: Branch = { parts: new Map() };
  for (const platform of PLATFORMS) {
    for (const trigger of triggersOf(platform)) {
      for (const fact of offered(trigger, platform)) {
        let branch = root;
        for (const part of fact.name.split('.')) {
          const next = branch.parts.get(part) ?? { parts: new Map() };
          branch.parts.set(part, next);
          branch = next;
        }
        branch.fact ??= fact;
      }
    }
  }
  return schemaOf(root).meta({ id: 'event' });
}

function schemaOf({ parts, fact }: Branch): z.ZodType {
  const own = fact && factSchema(fact);
  if (own !== undefined) return own;
  return z.strictObject(
    Object.fromEntries([...parts].map(([name, branch]) => [name, describedSchemaOf(branch).optional()])),
  );
}

/** Described where the key stands: editors show nothing of what lies within an alternative. */
function describedSchemaOf(branch: Branch): z.ZodType {
  const schema = schemaOf(branch).nullable();
  const { fact } = branch;
  if (fact === undefined) return schema;
  const { description } = fact;
  return factSchema(fact) === undefined
    ? schema.meta({ description })
    : schema.meta({ description, examples: [exampleOf(fact.name)] });
}

function factSchema({ type }: FactDefinition): z.ZodType | undefined {
  switch (type) {
    case 'text':
    case 'time':
      return z.string();
    case 'number':
      return z.number();
    case 'boolean':
      return z.boolean();
    case 'text[]':
      return z.array(z.string());
    case 'object[]':
      return z.array(z.record(z.string(), z.unknown()));
    case 'any':
      return z.record(z.string(), z.unknown());
    case 'object':
      return undefined;
  }
}
