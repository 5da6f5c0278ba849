// The `given` of a rule's test: an event in ECS shape, whose facts must exist and have their types, or the test would
// test nothing. `null` says that the event does not have the fact, which no event says otherwise.

import type { EcsEvent } from '../events/ecs-event.ts';
import type { Facts, FactValue } from '../events/facts.ts';
import { objectFacts } from '../events/object-facts.ts';
import type { Platform, Trigger } from '../events/triggers.ts';
import { explainAbsent, isAbsent, resolveFact } from './condition-facts.ts';
import { isFactReference, type Leaf } from './conditions.ts';
import { isMap } from './document-map.ts';
import { accessOf } from './fact-access.ts';
import type { DocumentPath, RuleDocument } from './rule-document.ts';
import { describeValue, type RuleProblem } from './rule-problem.ts';

/** Every fact that does not exist in the trigger, or is of another type. */
export function checkGiven(
  given: Readonly<Record<string, unknown>>,
  document: RuleDocument,
  path: DocumentPath,
  trigger: Trigger,
  platforms: readonly Platform[],
): RuleProblem[] {
  const problems: RuleProblem[] = [];
  const visit = (value: unknown, names: readonly string[]): void => {
    const [head = '', ...rest] = names;
    const below = rest.map((name) => `.${name}`).join('');
    const found = platforms.map((platform) => resolveFact(head, `$${below}`, trigger, platform));
    const known = found.find((fact) => !isAbsent(fact));
    const place = { ...document.placeOfKey([...path, ...names]) };
    if (known === undefined || isAbsent(known)) {
      const [first] = found;
      const platform = platforms[0] ?? 'linux';
      if (first === undefined || !isAbsent(first)) return;
      problems.push({ ...place, ...explainAbsent(first, trigger, platform, false), severity: 'error' });
      return;
    }
    const { base, isList } = known.type;
    if (base === 'any' || value === null) return;
    if (base === 'object' && !isList) {
      if (isMap(value)) {
        for (const [key, entry] of Object.entries(value)) visit(entry, [...names, key]);
        return;
      }
    } else if (fits(value, base, isList)) return;
    const at = [...path, ...names];
    const source = document.sourceOf(at);
    problems.push({
      ...document.placeOf(at),
      code: 'wrong-type',
      message: `${names.join('.')} can't be this`,
      found: describeValue(value),
      expected: isList
        ? `a list of ${base === 'object' ? 'maps' : `${base}s`}`
        : base === 'text' && source !== undefined
          ? `text: "${source}" in quotes`
          : EXPECTED[base],
      severity: 'error',
    });
  };
  for (const [key, value] of Object.entries(given)) visit(value, [key]);
  return problems;
}

const EXPECTED = {
  text: 'text',
  time: 'a time as text, such as "2026-01-31T12:00:00Z"',
  number: 'a number',
  boolean: 'true or false',
  object: 'a map of its facts',
} as const;

function fits(value: unknown, base: string, isList: boolean): boolean {
  if (isList)
    return (
      Array.isArray(value) &&
      value.every((entry) => (base === 'object' ? isMap(entry) : fits(entry, base, false)))
    );
  if (base === 'number') return typeof value === 'number' || typeof value === 'bigint';
  return typeof value === (base === 'boolean' ? 'boolean' : 'string');
}

/** The event as rules see it: null is a missing fact; under `es` alone it is a value. */
export function givenFacts(given: EcsEvent): Facts {
  const facts = objectFacts(given);
  return {
    get(slot) {
      const value = facts.get(slot);
      return value === null && slot.path[0] !== 'es' ? undefined : value;
    },
  };
}

/** Whether the event says of any fact that the conditions read what it is, or that it is missing. */
export function touches(given: EcsEvent, leaves: readonly Leaf[]): boolean {
  const facts = objectFacts(given);
  const has = (fact: string, path: string | undefined): boolean => {
    const slot = (accessOf(fact, path) ?? accessOf(fact, undefined))?.slot;
    const value: FactValue = slot && facts.get(slot);
    return value !== undefined;
  };
  return leaves.some(
    (leaf) =>
      has(leaf.fact, leaf.path) || (isFactReference(leaf.value) && has(leaf.value.fact, leaf.value.path)),
  );
}
