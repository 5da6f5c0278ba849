// Looks at every test of a condition for one event, each through the compiled predicate that decides live; what only
// json-rules-engine can evaluate is asked of that.

import type { Facts, FactValue } from '../events/facts.ts';
import type { Trigger } from '../events/triggers.ts';
import {
  type Condition,
  isFactReference,
  type Leaf,
  type NamedConditions,
  visitLeaves,
} from './conditions.ts';
import { isAuthTrigger } from './decision.ts';
import { EventFrame } from './event-frame.ts';
import { accessOf, follow, wholeSlot } from './fact-access.ts';
import { LeafTests } from './leaf-test.ts';
import { type Bound, ConditionCompiler, needsReferee, type Test } from './predicate.ts';
import { type Referee, refereeOf } from './referee.ts';
import type { RuleDefinition } from './schema.ts';
import { doubtsOf } from './unresolved-path.ts';

/** What the tests of a condition came to. */
export interface Sight {
  /** What the leaf counts as: they differ only while its path is in doubt. */
  isTrue(leaf: Leaf, bound: Bound): boolean;
  /** Its path is unresolved, and a verdict depends on it. */
  isInDoubt(leaf: Leaf): boolean;
  readonly facts: Facts;
}

export interface ConditionProbe {
  /** How the outermost condition is meant while a path is in doubt. */
  readonly bound: Bound;
  /** Reads the event before it returns, but for what a person is shown of it. */
  look(facts: Facts): Promise<Sight>;
}

interface ProbedLeaf {
  readonly possible: Test;
  readonly certain: Test;
  readonly doubts: readonly number[];
  readonly referee: Referee | undefined;
}

interface SeenLeaf {
  readonly possible: boolean;
  readonly certain: boolean;
  readonly isInDoubt: boolean;
}

/** @param conditions all that will be asked about: a rule's own and those of its exceptions */
export function probeOf(
  rule: RuleDefinition,
  conditions: readonly Condition[],
  named: NamedConditions,
  trigger: Trigger,
): ConditionProbe {
  const frame = new EventFrame();
  const decides = isAuthTrigger(trigger) && (rule.event.type === 'deny' || rule.event.type === 'allow');
  const doubtNumbers = (leaf: Leaf): readonly number[] =>
    decides ? doubtsOf(leaf, trigger).map((slot) => frame.register(wholeSlot(slot))) : [];
  const compiler = new ConditionCompiler(new LeafTests(frame), named, doubtNumbers);
  const leaves = new Map<Leaf, ProbedLeaf>();
  for (const condition of conditions) {
    visitLeaves(condition, named, (leaf) => {
      if (leaves.has(leaf)) return;
      leaves.set(leaf, {
        possible: compiler.compile(leaf, 'possible'),
        certain: compiler.compile(leaf, 'certain'),
        doubts: doubtNumbers(leaf),
        referee: needsReferee(leaf) ? refereeOf({ ...rule, conditions: { all: [leaf] } }, {}) : undefined,
      });
    });
  }
  return {
    bound: rule.event.type === 'allow' ? 'certain' : 'possible',
    async look(facts) {
      frame.begin(facts);
      const seen = new Map<Leaf, SeenLeaf>();
      const pending: Promise<void>[] = [];
      const isAnyInDoubt = [...leaves.values()].some(({ doubts }) =>
        doubts.some((flag) => frame.read(flag) === true),
      );
      for (const [leaf, { possible, certain, doubts, referee }] of leaves) {
        if (referee === undefined) {
          const isInDoubt = doubts.some((flag) => frame.read(flag) === true);
          seen.set(leaf, { possible: possible(), certain: certain(), isInDoubt });
          continue;
        }
        if (isAnyInDoubt) {
          // As on the auth lane: json-rules-engine knows nothing of doubts, so it isn't asked.
          seen.set(leaf, { possible: true, certain: false, isInDoubt: true });
          continue;
        }
        const matched = referee.matches(facts).catch(() => false);
        pending.push(
          matched.then((isTrue) => {
            seen.set(leaf, { possible: isTrue, certain: isTrue, isInDoubt: false });
          }),
        );
      }
      if (pending.length > 0) await Promise.all(pending);
      return {
        isTrue: (leaf, bound) => seen.get(leaf)?.[bound] ?? false,
        isInDoubt: (leaf) => seen.get(leaf)?.isInDoubt ?? false,
        facts,
      };
    },
  };
}

export function isConditionTrue(
  condition: Condition,
  named: NamedConditions,
  sight: Sight,
  bound: Bound,
): boolean {
  if ('fact' in condition) return sight.isTrue(condition, bound);
  if ('not' in condition) return !isConditionTrue(condition.not, named, sight, opposite(bound));
  if ('condition' in condition) {
    const target = named[condition.condition];
    return target !== undefined && isConditionTrue(target, named, sight, bound);
  }
  if ('all' in condition) return condition.all.every((part) => isConditionTrue(part, named, sight, bound));
  return (
    condition.any.length === 0 || condition.any.some((part) => isConditionTrue(part, named, sight, bound))
  );
}

export function opposite(bound: Bound): Bound {
  return bound === 'possible' ? 'certain' : 'possible';
}

/** What the event has where a leaf looks; of a path with filters: the fact that it looks into. */
export function factValue(fact: string, path: string | undefined, facts: Facts): FactValue {
  const access = accessOf(fact, path) ?? accessOf(fact, undefined);
  if (access?.slot === undefined) return undefined;
  const value = facts.get(access.slot);
  if (access.steps.length === 0) return value;
  return access.isWhole && (typeof value !== 'object' || value === null)
    ? value
    : follow(value, access.steps);
}

export function comparedValue(leaf: Leaf, facts: Facts): FactValue {
  const { value } = leaf;
  return isFactReference(value) ? factValue(value.fact, value.path, facts) : value;
}
