// Why a rule matched an event or did not: its conditions beside the event, the tests that decided, and the fewest that
// kept it from matching.

import type { Facts } from '../events/facts.ts';
import type { Trigger } from '../events/triggers.ts';
import { isConditionTrue, opposite, probeOf, type Sight } from './condition-probe.ts';
import { type ConditionView, decisiveTests, type LeafView, leafView, viewOf } from './condition-view.ts';
import type { Condition, Leaf, NamedConditions } from './conditions.ts';
import { isHashPending } from './content-hashes.ts';
import { holdingExceptions } from './exceptions-in-force.ts';
import { type Formula, fewestFlips, flipped, reasonOf } from './fewest-flips.ts';
import type { Bound } from './predicate.ts';
import type { RuleDefinition } from './schema.ts';

/** One test that decided. */
export interface Explanation {
  /** `process.executable startsWith "/Users/"`. */
  readonly condition: string;
  readonly actual: string;
  readonly isTrue: boolean;
}

export interface RuleExplanation {
  /** As it decides, exceptions included. */
  readonly isMatch: boolean;
  /** What the rule itself says. */
  readonly conditions: ConditionView;
  /** Those that take the event out of a rule that would match. */
  readonly exceptedBy: readonly {
    readonly name: string;
    readonly reason: string;
    readonly view: ConditionView;
  }[];
  /** Of a rule whose own conditions do not hold: the fewest tests that would have to come out otherwise. */
  readonly kept: KeptBy | undefined;
  /** Paths are unresolved on which the verdict depends. */
  readonly isInDoubt: boolean;
}

interface KeptBy {
  /** undefined: no event satisfies the conditions. */
  readonly tests: readonly (LeafView & { readonly isTrue: boolean })[] | undefined;
  /** false: there may be fewer. */
  readonly isProven: boolean;
  /** One test is all, and others that the rule needs hold: it nearly matched. */
  readonly isNear: boolean;
}

/** Explains one rule on one trigger, for any number of events. */
export interface RuleExplainer {
  explain(facts: Facts): Promise<RuleExplanation>;
}

export function explainerOf(rule: RuleDefinition, named: NamedConditions, trigger: Trigger): RuleExplainer {
  const exceptions = holdingExceptions(rule);
  const probe = probeOf(rule, [rule.own, ...exceptions.map(({ conditions }) => conditions)], named, trigger);
  const { bound } = probe;
  const against = opposite(bound);
  return {
    async explain(facts) {
      const sight = await probe.look(facts);
      const conditions = viewOf(rule.own, { named, sight, bound });
      const excepting = exceptions.filter((one) => isConditionTrue(one.conditions, named, sight, against));
      const isHolding = conditions.isTrue && excepting.length === 0;
      const isMatch = isHolding && !isHashPending(rule, named, facts);
      return {
        isMatch,
        conditions,
        exceptedBy: conditions.isTrue
          ? excepting.map(({ name, reason, conditions: of }) => ({
              name,
              reason,
              view: viewOf(of, { named, sight, bound: against }),
            }))
          : [],
        kept: conditions.isTrue ? undefined : keptBy(rule.own, named, sight, bound),
        isInDoubt: hasDoubt(conditions),
      };
    },
  };
}

/** The tests that made the conditions what they are. */
export async function explainOutcome(
  rule: RuleDefinition,
  conditions: Condition,
  named: NamedConditions,
  trigger: Trigger,
  facts: Facts,
): Promise<readonly Explanation[]> {
  const probe = probeOf(rule, [conditions], named, trigger);
  const sight = await probe.look(facts);
  return decisiveTests(viewOf(conditions, { named, sight, bound: probe.bound })).map(({ test, isTrue }) => ({
    condition: textOfTest(test),
    actual: test.actual,
    isTrue,
  }));
}

export function textOfTest({ fact, operator, expected }: LeafView): string {
  return `${fact} ${operator} ${expected}`;
}

function hasDoubt({ test, parts }: ConditionView): boolean {
  return test?.isInDoubt === true || (parts ?? []).some(hasDoubt);
}

function keptBy(condition: Condition, named: NamedConditions, sight: Sight, bound: Bound): KeptBy {
  const variables = new Map<string, { readonly id: number; readonly leaf: Leaf; readonly isTrue: boolean }>();
  // The same test in two places is one; while its path is in doubt it counts differently in each.
  const variableOf = (leaf: Leaf, of: Bound): number => {
    const isInDoubt = sight.isInDoubt(leaf);
    const key = `${identityOf(leaf)}${isInDoubt ? of : ''}`;
    const known = variables.get(key);
    if (known !== undefined) return known.id;
    const id = variables.size;
    variables.set(key, { id, leaf, isTrue: sight.isTrue(leaf, of) });
    return id;
  };
  const formula = formulaOf(condition, named, bound, variableOf);
  const all = [...variables.values()];
  const values = all.map(({ isTrue }) => isTrue);
  const { flips, isProven } = fewestFlips(formula, values);
  return {
    tests: flips?.flatMap((id) => {
      const variable = all[id];
      return variable === undefined ? [] : [{ ...leafView(variable.leaf, sight), isTrue: variable.isTrue }];
    }),
    isProven,
    isNear: flips?.length === 1 && reasonOf(formula, flipped(values, new Set(flips))).size > 1,
  };
}

function identityOf({ fact, path, operator, value }: Leaf): string {
  return JSON.stringify([fact, path, operator, value], (_, entry: unknown) =>
    typeof entry === 'bigint' ? `${entry}n` : entry,
  );
}

function formulaOf(
  condition: Condition,
  named: NamedConditions,
  bound: Bound,
  variableOf: (leaf: Leaf, bound: Bound) => number,
): Formula {
  const part = (inner: Condition): Formula => formulaOf(inner, named, bound, variableOf);
  if ('fact' in condition) return { kind: 'variable', id: variableOf(condition, bound) };
  if ('not' in condition) {
    return { kind: 'not', part: formulaOf(condition.not, named, opposite(bound), variableOf) };
  }
  if ('condition' in condition) {
    const target = named[condition.condition];
    return target === undefined ? NEVER : part(target);
  }
  return 'all' in condition
    ? { kind: 'all', parts: condition.all.map(part) }
    : { kind: 'any', parts: condition.any.map(part) };
}

const NEVER: Formula = { kind: 'not', part: { kind: 'all', parts: [] } };
