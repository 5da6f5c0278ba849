// Facts that a rule reads and an event does not have: whether such events have them at all, and what was meant if not.

import type { Facts } from '../events/facts.ts';
import type { Platform, Trigger } from '../events/triggers.ts';
import { explainAbsent, isAbsent, resolveFact } from './condition-facts.ts';
import { factValue } from './condition-probe.ts';
import { isFactReference, type NamedConditions, visitLeaves } from './conditions.ts';
import { factName } from './fact-access.ts';
import type { RuleDefinition } from './schema.ts';

export interface FactNote {
  readonly fact: string;
  /** Events of the trigger may have it; this one does not. */
  readonly isOffered: boolean;
  readonly text: string;
}

export function notesOnFacts(
  rule: RuleDefinition,
  named: NamedConditions,
  trigger: Trigger,
  platform: Platform,
  facts: Facts,
): readonly FactNote[] {
  const notes = new Map<string, FactNote>();
  const look = (fact: string, path: string | undefined): void => {
    const name = factName(fact, path);
    if (notes.has(name) || factValue(fact, path, facts) !== undefined) return;
    const resolved = resolveFact(fact, path, trigger, platform);
    notes.set(
      name,
      isAbsent(resolved)
        ? { fact: name, isOffered: false, text: explainAbsent(resolved, trigger, platform, false).message }
        : { fact: name, isOffered: true, text: whyMissing(name, trigger, platform) },
    );
  };
  visitLeaves(rule.conditions, named, (leaf) => {
    look(leaf.fact, leaf.path);
    if (isFactReference(leaf.value)) look(leaf.value.fact, leaf.value.path);
  });
  return [...notes.values()];
}

function whyMissing(name: string, trigger: Trigger, platform: Platform): string {
  if (name.startsWith('host.')) {
    return `${name} is missing: on a live system it is told beside the events, and no recording has it`;
  }
  if (/^(?:file|process)\.hash\./.test(name)) {
    return `${name} is missing: it is computed only where a verdict or a report needs it, and file.hash.state or process.hash.state says why there is none; while that is pending the rule does not match`;
  }
  return `${name} is missing: events of ${trigger} on ${platform} may have it, this one does not`;
}
