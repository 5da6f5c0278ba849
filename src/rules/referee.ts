// json-rules-engine itself, with Picket's operators: it evaluates what can't be compiled, and tests hold the compiled
// rules against it.

import { Engine } from 'json-rules-engine';
import { type Facts, type FactValue, type Slot, slotOf } from '../events/facts.ts';
import { isFactReference, type NamedConditions, visitLeaves } from './conditions.ts';
import { register } from './jre-operators.ts';
import type { RuleDefinition } from './schema.ts';

export interface Referee {
  /** Reads every fact it needs before it returns. */
  matches(facts: Facts): Promise<boolean>;
}

export function refereeOf(rule: RuleDefinition, named: NamedConditions): Referee {
  const engine = new Engine([], { allowUndefinedFacts: true });
  register(engine);
  for (const [name, condition] of Object.entries(named)) {
    engine.setCondition(name, structuredClone(condition) as Parameters<Engine['setCondition']>[1]);
  }
  const { conditions, event } = structuredClone({ conditions: rule.conditions, event: rule.event });
  engine.addRule({ conditions, event } as Parameters<Engine['addRule']>[0]);
  const slots = slotsOf(rule, named);
  // An engine that runs twice at once skips rules: the first run to end marks it as finished. One after another, then.
  let turn: Promise<unknown> = Promise.resolve();
  return {
    matches: (facts) => {
      const values: Record<string, FactValue> = {};
      for (const [name, slot] of slots) values[name] = facts.get(slot);
      const matches = turn.then(async () => (await engine.run(values)).results.length > 0);
      turn = matches.catch(() => undefined);
      return matches;
    },
  };
}

/** The facts that json-rules-engine asks for by name: whole objects, to which it applies the paths itself. */
function slotsOf(rule: RuleDefinition, named: NamedConditions): ReadonlyMap<string, Slot> {
  const slots = new Map<string, Slot>();
  const add = (name: string): void => {
    const slot = slotOf(name);
    if (slot !== undefined) slots.set(name, slot);
  };
  visitLeaves(rule.conditions, named, (leaf) => {
    add(leaf.fact);
    if (isFactReference(leaf.value)) add(leaf.value.fact);
  });
  return slots;
}
