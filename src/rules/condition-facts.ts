// Whether the facts that a rule reads exist where it applies. A path that no event of the trigger has is a mistake,
// and silence would be its only sign.

import { type FactDefinition, findFact, nearestFact, whereOffered } from '../events/fact-table.ts';
import type { Platform, Trigger } from '../events/triggers.ts';
import { isFactReference, type Leaf } from './conditions.ts';
import { accessOf, factName } from './fact-access.ts';
import { didYouMean } from './nearest.ts';
import { ANY_TYPE, type FactType } from './operand.ts';
import { checkOperands } from './operand-types.ts';
import type { PlaceOfPart } from './rule-document.ts';
import { oneOf, type RuleProblem } from './rule-problem.ts';

export interface ResolvedFact {
  readonly type: FactType;
  readonly definition: FactDefinition;
}

/** A fact that the trigger does not offer on the platform. */
export interface AbsentFact {
  readonly name: string;
  /** Whether `path` is to blame, rather than `fact`. */
  readonly isPath: boolean;
}

export function resolveFact(
  fact: string,
  path: string | undefined,
  trigger: Trigger,
  platform: Platform,
): ResolvedFact | AbsentFact {
  const whole = findFact(fact, trigger, platform);
  const access = accessOf(fact, path);
  if (access === undefined) {
    return whole === undefined ? { name: fact, isPath: false } : { type: ANY_TYPE, definition: whole };
  }
  const { slot, steps } = access;
  const absent: AbsentFact = { name: factName(fact, path), isPath: whole !== undefined };
  const definition = slot && findFact(slot.name, trigger, platform);
  if (definition === undefined) return absent;
  const type = typeOf(definition);
  const [step] = steps;
  if (step === undefined || type.base === 'any') return { type, definition };
  if (!type.isList) return absent;
  if (step === 'length' && steps.length === 1) return { type: { base: 'number', isList: false }, definition };
  if (typeof step !== 'number') return absent;
  if (steps.length === 1) return { type: { ...type, isList: false }, definition };
  return type.base === 'object' ? { type: ANY_TYPE, definition } : absent;
}

export const isAbsent = (fact: ResolvedFact | AbsentFact): fact is AbsentFact => 'isPath' in fact;

function typeOf({ type }: FactDefinition): FactType {
  switch (type) {
    case 'text[]':
      return { base: 'text', isList: true };
    case 'object[]':
      return { base: 'object', isList: true };
    default:
      return { base: type, isList: false };
  }
}

export interface LeafFinding {
  /** Facts that are missing there, and the key under which each is named. */
  readonly absent: readonly (AbsentFact & { readonly key: 'fact' | 'path' | 'value' })[];
  readonly problems: readonly RuleProblem[];
}

/** One leaf on one trigger and platform. */
export function checkLeaf(
  leaf: Leaf,
  trigger: Trigger,
  platform: Platform,
  placeOf: PlaceOfPart,
): LeafFinding {
  const absent: (AbsentFact & { key: 'fact' | 'path' | 'value' })[] = [];
  const fact = resolveFact(leaf.fact, leaf.path, trigger, platform);
  if (isAbsent(fact)) absent.push({ ...fact, key: fact.isPath ? 'path' : 'fact' });
  const value = isFactReference(leaf.value)
    ? resolveFact(leaf.value.fact, leaf.value.path, trigger, platform)
    : undefined;
  if (value !== undefined && isAbsent(value)) absent.push({ ...value, key: 'value' });
  if (isAbsent(fact) || (value !== undefined && isAbsent(value))) return { absent, problems: [] };
  return { absent, problems: checkOperands(leaf, placeOf, fact.type, value?.type) };
}

/** What to say of a fact that a trigger does not have: where else it is, or what was meant. */
export function explainAbsent(
  { name }: AbsentFact,
  trigger: Trigger,
  platform: Platform,
  everywhere: boolean,
): Pick<RuleProblem, 'code' | 'message' | 'found' | 'expected'> {
  const places = whereOffered(name);
  const here = places.filter((place) => place.platform === platform).map((place) => place.trigger);
  const place = everywhere ? trigger : `${trigger} on ${platform}`;
  const message = `${name} does not exist in ${place}`;
  if (here.length > 0) {
    return {
      code: 'fact-elsewhere',
      message: `${message}; it exists in ${shortList(here, trigger)}`,
      found: name,
    };
  }
  if (places.length > 0) {
    const other = places[0]?.platform ?? platform;
    const hint = `it exists on ${other} only; \`platforms: [${other}]\` makes this a rule for ${other}`;
    return { code: 'fact-elsewhere', message: `${message}; ${hint}`, found: name };
  }
  const nearest = nearestFact(name, trigger, platform);
  const meant = didYouMean(nearest, '');
  return {
    code: 'unknown-fact',
    message: `no event of ${place} has ${name}${meant}`,
    found: name,
    expected: nearest ?? 'a fact of this trigger',
  };
}

/** The same action's other trigger first: it is the one to move to. */
function shortList(triggers: readonly Trigger[], from: Trigger): string {
  const action = from.slice(from.indexOf('.') + 1);
  const twin = triggers.find((trigger) => trigger === `notify.${action}` || trigger === `auth.${action}`);
  if (twin !== undefined) return twin;
  return triggers.length > 4
    ? `${triggers.slice(0, 4).join(', ')} and others`
    : oneOf(triggers).replace(' or ', ' and ');
}
