// What `rules check` says beyond errors: what a rule's author most likely did not mean.

import { type FactDefinition, triggersOf } from '../events/fact-table.ts';
import type { FactValue } from '../events/facts.ts';
import type { Platform } from '../events/triggers.ts';
import { isAbsent, resolveFact } from './condition-facts.ts';
import { type Condition, isFactReference, type Leaf, visitLeaves } from './conditions.ts';
import { isAuthTrigger, isDeciding } from './decision.ts';
import { parseOperatorName, resolveOperator } from './decorators.ts';
import { type LoadedRules, referencesOf } from './load.ts';
import { nameOf } from './operand-types.ts';
import type { RuleProblem } from './rule-problem.ts';
import type { RuleDefinition, RuleSet } from './schema.ts';
import { expectsMatch } from './testing.ts';

/** Warnings, to be read beside the loader's problems. */
export function checkRules(loaded: LoadedRules, platform?: Platform): readonly RuleProblem[] {
  const { ruleSet } = loaded;
  const rules = ruleSet.rules.filter(
    ({ platforms }) => platform === undefined || platforms.includes(platform),
  );
  const warnings = rules.flatMap((rule) => [
    ...checkTriggers(rule, platform),
    ...checkTests(rule),
    ...checkReach(rule, ruleSet),
  ]);
  return [...checkNegations(rules, loaded), ...warnings, ...checkTagged(rules), ...checkUnused(loaded)];
}

function warn(
  place: Pick<RuleProblem, 'file' | 'line' | 'column'>,
  code: string,
  message: string,
  expected?: string,
): RuleProblem {
  const { file, line, column } = place;
  return { file, line, column, code, message, expected, severity: 'warning' };
}

/** A leaf that an event without its fact satisfies, and the rules in which that is not thought of. */
interface Negation {
  readonly name: string;
  readonly place: Pick<RuleProblem, 'file' | 'line' | 'column'>;
  readonly rules: string[];
}

/**
 * An event without the fact satisfies a negation: seldom what was meant, and a way around an `allow`. A leaf of a
 * named condition is told once, with the rules that use it.
 */
function checkNegations(rules: readonly RuleDefinition[], { ruleSet, places }: LoadedRules): RuleProblem[] {
  const negations = new Map<Leaf, Negation>();
  for (const rule of rules) {
    for (const leaf of negatedLeaves(rule, ruleSet)) {
      const name = nameOf(leaf.fact, leaf.path);
      const place = places.get(leaf)?.('operator') ?? rule.place;
      const negation = negations.get(leaf) ?? { name, place, rules: [] };
      negations.set(leaf, negation);
      if (!negation.rules.includes(rule.name)) negation.rules.push(rule.name);
    }
  }
  return [...negations.values()].map(({ name, place, rules: using }) => {
    const message = `${shortList(using)}: this is also true of events without ${name}`;
    return warn(
      place,
      'negation-of-missing',
      message,
      `\`exists\` for ${name} beside it, if that is not meant`,
    );
  });
}

const NAMES_SHOWN = 3;

function shortList(names: readonly string[]): string {
  const more = names.length - NAMES_SHOWN;
  return more > 0 ? `${names.slice(0, NAMES_SHOWN).join(', ')} and ${more} more` : names.join(', ');
}

function negatedLeaves(rule: RuleDefinition, ruleSet: RuleSet): Leaf[] {
  const asked = new Set<string>();
  const negated: Leaf[] = [];
  visitLeaves(rule.conditions, ruleSet.conditions, (leaf, isUnderNot) => {
    // Whoever asks for a fact elsewhere in the rule has thought of its absence.
    if (holdsWithoutFact(leaf) === isUnderNot || parseOperatorName(leaf.operator).operator === 'exists')
      asked.add(nameOf(leaf.fact, leaf.path));
    else negated.push(leaf);
  });
  return negated.filter(
    (leaf) =>
      !asked.has(nameOf(leaf.fact, leaf.path)) &&
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

/** An auth event makes a program wait. A rule that can't deny asks for that in vain. */
function checkTriggers(rule: RuleDefinition, platform: Platform | undefined): RuleProblem[] {
  const { type } = rule.event;
  if (rule.mode === 'enforce' && (type === 'deny' || type === 'allow')) return [];
  const what = rule.mode === 'shadow' ? 'is in shadow mode' : `only ${type === 'alert' ? 'alerts' : 'tags'}`;
  return rule.on.filter(isAuthTrigger).flatMap((trigger) => {
    const twin = triggersOf(platform ?? rule.platforms[0] ?? 'macos').find(
      (other) => other === `notify.${trigger.slice(5)}`,
    );
    const message = `${rule.name} ${what}: on ${trigger} it sees events only while another rule denies there`;
    // A rule in shadow mode stands where it will be enforced.
    if (twin === undefined || rule.mode === 'shadow')
      return rule.mode === 'shadow' ? [] : [warn(rule.place, 'auth-unneeded', message)];
    return [warn(rule.place, 'auth-unneeded', message, `\`on: [${twin}]\`, which makes no program wait`)];
  });
}

function checkTests(rule: RuleDefinition): RuleProblem[] {
  if (rule.tests.length === 0) {
    return [
      warn(rule.place, 'no-tests', `${rule.name} has no tests`, 'a test that matches and one that does not'),
    ];
  }
  const matching = rule.tests.some((test) => expectsMatch(test.expect));
  if (matching) return [];
  return [
    warn(
      rule.place,
      'no-matching-test',
      `no test of ${rule.name} expects it to match`,
      `a test with \`expect: ${rule.event.type}\``,
    ),
  ];
}

/** Conditions that no event satisfies: two different values for one fact, or an empty list. */
function checkReach(rule: RuleDefinition, ruleSet: RuleSet): RuleProblem[] {
  const contradiction = contradictionIn(rule.conditions, ruleSet);
  if (contradiction === undefined) return [];
  return [warn(rule.place, 'unreachable', `${rule.name} matches no event: ${contradiction}`)];
}

/** Looks at what must hold together; alternatives only where each of them contradicts. */
function contradictionIn(condition: Condition, ruleSet: RuleSet): string | undefined {
  const allowed = new Map<string, ReadonlySet<unknown>>();
  return collect(condition, ruleSet, allowed);
}

function collect(
  condition: Condition,
  ruleSet: RuleSet,
  allowed: Map<string, ReadonlySet<unknown>>,
): string | undefined {
  if ('all' in condition) {
    for (const part of condition.all) {
      const found = collect(part, ruleSet, allowed);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if ('any' in condition) {
    const [first, ...more] = condition.any.map((part) => collect(part, ruleSet, new Map(allowed)));
    return more.every((found) => found !== undefined) ? first : undefined;
  }
  if ('condition' in condition) {
    const target = ruleSet.conditions[condition.condition];
    return target && collect(target, ruleSet, allowed);
  }
  if ('not' in condition) return undefined;
  return narrow(condition, allowed);
}

function narrow(leaf: Leaf, allowed: Map<string, ReadonlySet<unknown>>): string | undefined {
  const { operator, value } = leaf;
  if (isFactReference(value)) return undefined;
  const name = nameOf(leaf.fact, leaf.path);
  const values =
    operator === 'equal'
      ? [value]
      : operator === 'in' && Array.isArray(value)
        ? (value as readonly unknown[])
        : undefined;
  if (values === undefined) return undefined;
  const before = allowed.get(name);
  const left = new Set(values.filter((one) => before === undefined || before.has(one)));
  if (left.size === 0) {
    return before === undefined ? `${name} is in no empty list` : `${name} can't be all that is asked of it`;
  }
  allowed.set(name, left);
  return undefined;
}

/** Tags of an event that nothing forwards are seen by nobody. */
function checkTagged(rules: readonly RuleDefinition[]): RuleProblem[] {
  const seen = new Set(
    rules
      .filter(
        ({ mode, event }) =>
          mode === 'enforce' && (event.type === 'alert' || (isDeciding(event.type) && event.type !== 'drop')),
      )
      .flatMap(({ on }) => on),
  );
  return rules.flatMap((rule) => {
    if (rule.event.type !== 'tag' || rule.on.some((trigger) => seen.has(trigger))) return [];
    const message = `${rule.name} tags events that no rule forwards`;
    return [
      warn(rule.place, 'tag-unseen', message, `a rule that forwards or alerts on ${rule.on.join(', ')}`),
    ];
  });
}

function checkUnused({ ruleSet, conditionPlaces }: LoadedRules): RuleProblem[] {
  const used = new Set<string>();
  const queue = ruleSet.rules.flatMap((rule) => referencesOf(rule.conditions));
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (used.has(name)) continue;
    used.add(name);
    queue.push(...referencesOf(ruleSet.conditions[name]));
  }
  return Object.keys(ruleSet.conditions)
    .filter((name) => !used.has(name))
    .flatMap((name) => {
      const place = conditionPlaces.get(name);
      return place === undefined
        ? []
        : [warn(place, 'unused-condition', `no rule refers to the condition \`${name}\``)];
    });
}
