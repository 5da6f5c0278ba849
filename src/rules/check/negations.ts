// Negations over facts that may be missing: an event without the fact satisfies them, seldom as meant, and so does
// whoever can make the fact go away.

import type { FactDefinition } from '../../events/fact-table.ts';
import type { FactValue } from '../../events/facts.ts';
import { isAbsent, resolveFact } from '../condition-facts.ts';
import { isFactReference, type Leaf, visitLeaves } from '../conditions.ts';
import { parseOperatorName, resolveOperator } from '../decorators.ts';
import { factName } from '../fact-access.ts';
import type { Place } from '../rule-document.ts';
import type { RuleProblem } from '../rule-problem.ts';
import type { RuleDefinition, RuleSet } from '../schema.ts';
import { type CheckContext, shortList, warning } from './finding.ts';

/** A leaf that an event without its fact satisfies, and the rules in which that is not thought of. */
interface Negation {
  readonly name: string;
  readonly place: Place;
  readonly rules: string[];
}

/**
 * An event without the fact satisfies a negation: seldom what was meant, and a way around an `allow`. A leaf of a
 * named condition is told once, with the rules that use it.
 */
export function checkNegations({ rules, loaded }: CheckContext): RuleProblem[] {
  const { ruleSet, places } = loaded;
  const negations = new Map<Leaf, Negation>();
  for (const rule of rules) {
    for (const leaf of negatedLeaves(rule, ruleSet)) {
      const name = factName(leaf.fact, leaf.path);
      const place = places.get(leaf)?.('operator') ?? rule.place;
      const negation = negations.get(leaf) ?? { name, place, rules: [] };
      negations.set(leaf, negation);
      if (!negation.rules.includes(rule.name)) negation.rules.push(rule.name);
    }
  }
  return [...negations.values()].map(({ name, place, rules: using }) => {
    const message = `${shortList(using)}: this is also true of events without ${name}`;
    return warning(
      place,
      'negation-of-missing',
      message,
      `\`exists\` for ${name} beside it, if that is not meant`,
    );
  });
}

function negatedLeaves(rule: RuleDefinition, ruleSet: RuleSet): Leaf[] {
  const asked = new Set<string>();
  const negated: Leaf[] = [];
  const visit = (leaf: Leaf, isUnderNot: boolean): void => {
    // Whoever asks for a fact elsewhere in the rule has thought of its absence.
    if (holdsWithoutFact(leaf) === isUnderNot || parseOperatorName(leaf.operator).operator === 'exists')
      asked.add(factName(leaf.fact, leaf.path));
    else negated.push(leaf);
  };
  visitLeaves(rule.own, ruleSet.conditions, visit);
  // An exception that an event without the fact does not meet is as it should be.
  for (const { conditions } of rule.exceptions) visitLeaves(conditions, ruleSet.conditions, visit);
  return negated.filter(
    (leaf) =>
      !asked.has(factName(leaf.fact, leaf.path)) &&
      definitionsOf(leaf, rule).some(({ mayBeMissing }) => mayBeMissing),
  );
}

/** Asked of the operator itself, decorators and all: `everyFact:not:equal` is false of a missing list. */
function holdsWithoutFact({ operator, value }: Leaf): boolean {
  const evaluate = resolveOperator(operator)?.evaluate;
  if (evaluate === undefined) return false;
  // Of another fact's value only its kind matters.
  const values: readonly FactValue[] = isFactReference(value) ? ['x', ['x']] : [value];
  return values.some((one) => evaluate(undefined, one));
}

function definitionsOf(leaf: Leaf, rule: RuleDefinition): FactDefinition[] {
  return rule.on.flatMap((trigger) =>
    rule.platforms.flatMap((platform) => {
      const fact = resolveFact(leaf.fact, leaf.path, trigger, platform);
      return isAbsent(fact) ? [] : [fact.definition];
    }),
  );
}
