// Rule sets: rules as people write them (a condition that an index can use, a few others, exceptions) and as nobody would.

import fc from 'fast-check';
import type { Trigger } from '../../../src/events/triggers.ts';
import type { Condition, Leaf, RootCondition } from '../../../src/rules/conditions.ts';
import type { RuleDefinition, RuleEventType, RuleSet } from '../../../src/rules/schema.ts';
import { anyLeaf, easyLeaf, factToFact, keyLeaf, rangeLeaves } from './leaves.ts';
import type { Made, Pool } from './pools.ts';

type Make<T> = (pool: Pool) => T;

const NAMED = ['first', 'second', 'third'] as const;

const leaf: Made<Condition> = fc.oneof<fc.WeightedArbitrary<Make<Leaf>>[]>(
  { weight: 6, arbitrary: keyLeaf },
  { weight: 4, arbitrary: easyLeaf },
  { weight: 5, arbitrary: anyLeaf },
  { weight: 1, arbitrary: factToFact },
);

const list = (part: Made<Condition>, minLength: number, maxLength: number): Made<readonly Condition[]> =>
  fc.array(part, { minLength, maxLength }).map((makers) => (pool) => makers.map((make) => make(pool)));

const allOf = (parts: Made<readonly Condition[]>): Made<RootCondition> =>
  parts.map((make) => (pool) => ({ all: make(pool) }));
const anyOf = (parts: Made<readonly Condition[]>): Made<RootCondition> =>
  parts.map((make) => (pool) => ({ any: make(pool) }));
const notOf = (part: Made<Condition>): Made<RootCondition> =>
  part.map((make) => (pool) => ({ not: make(pool) }));

/** json-rules-engine evaluates a list by priorities; some of them alike. */
function prioritised(made: Made<RootCondition>): Made<RootCondition> {
  return fc
    .tuple(made, fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined, freq: 8 }))
    .map(([make, priority]) => (priority === undefined ? make : (pool) => ({ ...make(pool), priority })));
}

/** Anything below anything. @param known named conditions that may be referred to */
function nested(known: readonly string[], depth: number): Made<RootCondition> {
  const part: Made<Condition> =
    depth <= 1
      ? leaf
      : fc.oneof({ weight: 3, arbitrary: leaf }, { weight: 2, arbitrary: nested(known, depth - 1) });
  // An empty list is true; a few are enough. The more parts, the fewer matches of all.
  const parts = fc.oneof(
    { weight: 12, arbitrary: list(part, 1, 3) },
    { weight: 1, arbitrary: list(part, 4, 7) },
    { weight: 1, arbitrary: list(part, 0, 0) },
  );
  return fc.oneof(
    { weight: 4, arbitrary: prioritised(allOf(parts)) },
    { weight: 5, arbitrary: prioritised(anyOf(parts)) },
    { weight: 3, arbitrary: prioritised(notOf(part)) },
    ...(known.length === 0 ? [] : [{ weight: 1, arbitrary: named(known) }]),
  );
}

const named = (known: readonly string[]): Made<RootCondition> =>
  fc.constantFrom(...known).map((condition) => () => ({ condition }));

/** A key and what goes with it: what most events fulfil, or conditions that many rules share. */
function keyedWith(known: readonly string[]): Made<RootCondition> {
  const others = fc.oneof<fc.WeightedArbitrary<Make<Condition>>[]>(
    { weight: 10, arbitrary: easyLeaf },
    { weight: 2, arbitrary: leaf },
    ...(known.length === 0
      ? []
      : [
          { weight: 1, arbitrary: named(known) },
          { weight: 1, arbitrary: notOf(named(known)) },
        ]),
  );
  const rest = fc.oneof(
    { weight: 9, arbitrary: list(others, 0, 2) },
    { weight: 1, arbitrary: list(easyLeaf, 3, 6) },
  );
  return fc.tuple(keyLeaf, rest, fc.boolean()).map(
    ([key, rest, isLast]): Make<RootCondition> =>
      (pool) => ({ all: isLast ? [...rest(pool), key(pool)] : [key(pool), ...rest(pool)] }),
  );
}

const keyed = keyedWith([]);

/** Several keys: an index needs one from each branch. */
const anyKeyed = anyOf(
  list(
    fc.oneof<fc.WeightedArbitrary<Make<Condition>>[]>(
      { weight: 3, arbitrary: keyLeaf },
      { weight: 1, arbitrary: keyed },
    ),
    1,
    4,
  ),
);

/** As exceptions are merged in: the rule's own condition, and none of these. */
function excepted(known: readonly string[]): Made<RootCondition> {
  const own = fc.oneof(
    { weight: 3, arbitrary: keyed },
    { weight: 1, arbitrary: anyKeyed },
    { weight: 1, arbitrary: nested(known, 2) },
  );
  return fc
    .tuple(
      own,
      list(
        fc.oneof<fc.WeightedArbitrary<Make<Condition>>[]>(
          { weight: 3, arbitrary: keyed },
          { weight: 1, arbitrary: leaf },
        ),
        1,
        2,
      ),
    )
    .map(([condition, exceptions]) => (pool) => ({
      all: [condition(pool), { not: { any: exceptions(pool) } }],
    }));
}

function root(known: readonly string[]): Made<RootCondition> {
  return fc.oneof(
    { weight: 5, arbitrary: keyedWith(known) },
    { weight: 5, arbitrary: anyKeyed },
    { weight: 2, arbitrary: excepted(known) },
    { weight: 1, arbitrary: allOf(rangeLeaves) },
    { weight: 2, arbitrary: notOf(fc.oneof(keyLeaf, keyed)) },
    { weight: 1, arbitrary: notOf(notOf(leaf)) },
    { weight: 4, arbitrary: nested(known, 3) },
  );
}

const conduct = fc.record({
  kind: fc.constantFrom<'strong' | 'weak' | 'alert' | 'tag'>('strong', 'strong', 'weak', 'alert', 'tag'),
  mode: fc.constantFrom('enforce' as const, 'enforce' as const, 'shadow' as const),
  priority: fc.integer({ min: 1, max: 3 }),
});

const TRIGGERS: readonly Trigger[] = ['auth.exec', 'notify.exec'];

/** Rules of one trigger. */
export function ruleSet(sizes: { readonly minLength: number; readonly maxLength: number }): Made<RuleSet> {
  const [first, second, third] = NAMED;
  return fc
    .record({
      trigger: fc.constantFrom(...TRIGGERS),
      first: nested([], 2),
      second: nested([first], 2),
      third: fc.oneof(keyed, nested([first, second], 1)),
      // Mostly large: the smallest prove little, and a failure shrinks by itself.
      rules: fc.array(fc.tuple(root(NAMED), conduct), { ...sizes, size: 'max' }),
    })
    .map((made) => (pool) => ({
      rules: made.rules.map(
        ([conditions, { kind, mode, priority }], index): RuleDefinition => ({
          name: `rule-${index}`,
          own: conditions(pool),
          exceptions: [],
          on: [made.trigger],
          platforms: ['linux'],
          description: '',
          severity: 'low',
          tags: [`tag-${priority}`],
          mode,
          priority,
          conditions: conditions(pool),
          event: { type: eventType(made.trigger, kind), params: {} },
          tests: [],
          references: [],
          falsePositives: [],
          place: { file: 'random.yaml', line: 1, column: 1 },
        }),
      ),
      conditions: { [first]: made.first(pool), [second]: made.second(pool), [third]: made.third(pool) },
      lists: {},
    }));
}

function eventType(trigger: Trigger, kind: 'strong' | 'weak' | 'alert' | 'tag'): RuleEventType {
  if (kind === 'alert' || kind === 'tag') return kind;
  if (trigger === 'auth.exec') return kind === 'strong' ? 'deny' : 'allow';
  return kind === 'strong' ? 'forward' : 'drop';
}
