// What every event of a trigger has alike: a condition on such a fact is decided before any event comes.

import { type FactDefinition, findFact } from '../../events/fact-table.ts';
import type { FactValue } from '../../events/facts.ts';
import { actionOfTrigger, type Platform, type Trigger } from '../../events/triggers.ts';
import { type Condition, type NamedConditions, visitLeaves } from '../conditions.ts';
import { accessOf } from '../fact-access.ts';
import type { KnownValues } from '../logic/contradiction.ts';

/** The facts that a condition reads whole, by name. */
export function factsOf(condition: Condition, named: NamedConditions): ReadonlySet<string> {
  const facts = new Set<string>();
  visitLeaves(condition, named, ({ fact, path }) => {
    const access = accessOf(fact, path);
    if (access?.slot !== undefined && access.steps.length === 0) facts.add(access.slot.name);
  });
  return facts;
}

export function knownValuesOf(facts: Iterable<string>, trigger: Trigger, platform: Platform): KnownValues {
  const known = new Map<string, readonly FactValue[]>();
  for (const name of facts) {
    const definition = findFact(name, trigger, platform);
    const values = definition && valuesOf(definition, trigger, platform);
    if (values !== undefined) known.set(name, values);
  }
  return known;
}

function valuesOf(
  { name, type, mayBeMissing }: FactDefinition,
  trigger: Trigger,
  platform: Platform,
): readonly FactValue[] | undefined {
  const action = actionOfTrigger(trigger);
  if (name === 'picket.trigger') return [trigger];
  if (name === 'host.os.type') return [platform];
  if (name === 'event.action' && action !== undefined) return [action];
  if (type !== 'boolean') return undefined;
  return mayBeMissing ? [true, false, undefined, null] : [true, false];
}
