// Facts by which a person tells events apart and makes an exception: who acted, for whom, on what.

import { findFact } from '../events/fact-table.ts';
import type { Facts, Slot } from '../events/facts.ts';
import type { Platform, Trigger } from '../events/triggers.ts';
import { isFactReference, type NamedConditions, visitLeaves } from '../rules/conditions.ts';
import { accessOf } from '../rules/fact-access.ts';
import type { RuleDefinition } from '../rules/schema.ts';

export interface TellingFact {
  readonly name: string;
  readonly slot: Slot;
  /** Facts of one group say the same in other words; one of them is enough. */
  readonly group: string;
}

/** The narrowest of each group first. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  program: ['process.executable', 'process.name'],
  parent: ['process.parent.executable', 'process.parent.name'],
  caller: ['process.previous.executable', 'process.previous.name'],
  signature: ['process.code_signature.signing_id', 'process.code_signature.team_id'],
  user: ['process.user.name', 'process.user.id'],
  folder: ['process.working_directory'],
  file: ['file.path', 'file.directory', 'file.name'],
  target: ['file.target_path'],
  question: ['dns.question.name'],
  destination: ['destination.ip', 'destination.domain', 'destination.port'],
  log: ['log.logger'],
};

const known = new Map<string, readonly TellingFact[]>();

export function tellingFacts(trigger: Trigger, platform: Platform): readonly TellingFact[] {
  const key = `${platform} ${trigger}`;
  let facts = known.get(key);
  if (facts === undefined) {
    facts = Object.entries(GROUPS).flatMap(([group, names]) =>
      names.flatMap((name) => {
        const fact = findFact(name, trigger, platform);
        return fact === undefined ? [] : [{ name, slot: fact.slot, group }];
      }),
    );
    // Triggers come from recordings; their number is not to be an outsider's choice.
    if (known.size < 1024) known.set(key, facts);
  }
  return facts;
}

const VALUE_MAX = 200;

/** undefined: the event does not have it, or it is no single value. */
export function tellingValue(facts: Facts, { slot }: TellingFact): string | undefined {
  const value = facts.get(slot);
  if (typeof value === 'string')
    return value.length > VALUE_MAX ? `${value.slice(0, VALUE_MAX - 1)}…` : value;
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : undefined;
}

/** Groups in which the rule itself asks for one value: an exception there would be the end of the rule. */
export function pinnedGroups(rule: RuleDefinition, named: NamedConditions): ReadonlySet<string> {
  const pinned = new Set<string>();
  visitLeaves(rule.conditions, named, ({ fact, path, operator, value }, isNegated) => {
    if (isNegated || isFactReference(value)) return;
    const isOne = operator === 'equal' || (operator === 'in' && Array.isArray(value) && value.length === 1);
    const name = isOne ? accessOf(fact, path)?.slot?.name : undefined;
    for (const [group, names] of Object.entries(GROUPS))
      if (name !== undefined && names.includes(name)) pinned.add(group);
  });
  return pinned;
}
