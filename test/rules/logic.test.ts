import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Facts } from '../../src/events/facts.ts';
import { objectFacts } from '../../src/events/object-facts.ts';
import { findIn } from '../../src/rules/check/check.ts';
import { ConclusionIndex } from '../../src/rules/check/conclusion-index.ts';
import { compileRules } from '../../src/rules/compile.ts';
import type { Condition, Leaf, NamedConditions } from '../../src/rules/conditions.ts';
import { type Contradiction, contradictionIn } from '../../src/rules/logic/contradiction.ts';
import { entails } from '../../src/rules/logic/implication.ts';
import { NormalForms } from '../../src/rules/logic/normal-form.ts';
import type { RuleSet } from '../../src/rules/schema.ts';
import { ecsEvent, looseEvent, looseFacts, NOTIFY, ruleSet } from './arbitrary-rules.ts';

/** Texts of few letters: parts of each other, and the same but for their case. */
const near = fc.string({ unit: fc.constantFrom('a', 'b', 'A', 'ß', 's'), maxLength: 4 });
const missing = fc.constant(undefined);

const nearEvent = fc
  .record({
    executable: fc.oneof({ weight: 8, arbitrary: near }, missing, fc.constant(9)),
    args: fc.oneof({ weight: 8, arbitrary: fc.array(near, { maxLength: 3 }) }, missing, near),
    pid: fc.constantFrom(1, 9, 10, undefined, '9'),
  })
  .map((process) => looseFacts({ process }));

const event: fc.Arbitrary<Facts> = fc.oneof(
  { weight: 1, arbitrary: ecsEvent.map(objectFacts) },
  { weight: 1, arbitrary: looseEvent.map(looseFacts) },
  { weight: 4, arbitrary: nearEvent },
);

/** The names of the rules that the compiled engine matches. */
async function matchedBy(set: RuleSet, facts: Facts): Promise<ReadonlySet<string>> {
  const compiled = compileRules(set, { platform: 'linux' });
  const { matched } = compiled.needsReferee(NOTIFY, facts)
    ? await compiled.decideAsync(NOTIFY, facts)
    : compiled.decide(NOTIFY, facts);
  return new Set(matched.map(({ name }) => name));
}

const asAlerts = (set: RuleSet): RuleSet => ({
  ...set,
  rules: set.rules.map((rule) => ({
    ...rule,
    on: [NOTIFY],
    mode: 'enforce',
    event: { type: 'alert', params: {} },
  })),
});

const conflictOf = (condition: Condition, named: NamedConditions): Contradiction | 'never' | undefined => {
  const forms = new NormalForms(named);
  return contradictionIn([forms.of(condition)]);
};

/** Tests of one fact with values that are near each other: what random conditions seldom have twice. */
const nearLeaf: fc.Arbitrary<Leaf> = fc
  .tuple(
    fc.constantFrom(
      { fact: 'process', path: '$.executable' },
      { fact: 'process', path: '$.args' },
      { fact: 'process', path: '$.pid' },
    ),
    fc.constantFrom(
      '',
      '',
      'not:',
      'ignoreCase:',
      'someValue:',
      'someFact:',
      'everyFact:',
      'someFact:ignoreCase:',
      'not:someFact:',
      'someFact:not:',
      'not:someValue:ignoreCase:',
    ),
    fc.constantFrom(
      'equal',
      'notEqual',
      'in',
      'notIn',
      'startsWith',
      'endsWith',
      'includes',
      'contains',
      'doesNotContain',
      'exists',
      'lessThan',
      'greaterThanInclusive',
      'inCidr',
    ),
    fc.array(near, { maxLength: 3 }),
    fc.constantFrom(1, 9, 10),
    fc.constantFrom('10.0.0.0/8', '10.0.0.1', '11.0.0.0/8', 'fe80::/10'),
  )
  .map(([place, decorators, operator, texts, number, network]): Leaf => {
    const isListed = decorators.includes('someValue') || operator === 'in' || operator === 'notIn';
    const single =
      operator === 'exists'
        ? number === 1
        : /Than/.test(operator)
          ? number
          : operator === 'inCidr'
            ? network
            : (texts[0] ?? 'a');
    const value = !isListed ? single : operator === 'inCidr' ? [network, '10.0.0.0/8'] : texts;
    return { ...place, operator: `${decorators}${operator}`, value };
  });

const nearSet: fc.Arbitrary<RuleSet> = fc
  .tuple(
    ruleSet(1),
    fc.array(nearLeaf, { minLength: 2, maxLength: 3 }),
    fc.array(nearLeaf, { minLength: 1, maxLength: 3 }),
    fc.boolean(),
  )
  .map(([set, all, some, isAny]) => {
    const [rule] = set.rules;
    if (rule === undefined) return set;
    return {
      ...set,
      rules: [
        { ...rule, name: 'first', conditions: { all } },
        { ...rule, name: 'second', conditions: isAny ? { any: some } : { all: some } },
      ],
    };
  });

const anySet = fc
  .oneof({ weight: 1, arbitrary: ruleSet(4) }, { weight: 3, arbitrary: nearSet })
  .map(asAlerts);
const events = fc.array(event, { minLength: 10, maxLength: 20 });

describe('held against the compiled engine,', () => {
  test('what is said never to hold never does, and what is said always to hold always does', async () => {
    const found = { never: 0, always: 0 };
    await fc.assert(
      fc.asyncProperty(anySet, events, async (set, some) => {
        const nevers = set.rules.filter(({ conditions }) => conflictOf(conditions, set.conditions));
        const always = set.rules.filter(({ conditions }) => conflictOf({ not: conditions }, set.conditions));
        found.never += nevers.length;
        found.always += always.length;
        for (const facts of some) {
          const matched = await matchedBy(set, facts);
          expect(nevers.filter(({ name }) => matched.has(name))).toEqual([]);
          expect(always.filter(({ name }) => !matched.has(name))).toEqual([]);
        }
      }),
      { numRuns: 700 },
    );
    expect(found.never).toBeGreaterThan(40);
    expect(found.always).toBeGreaterThan(5);
  });

  test('where one condition is said to follow from another it does', async () => {
    let found = 0;
    await fc.assert(
      fc.asyncProperty(anySet, events, async (set, some) => {
        const forms = new NormalForms(set.conditions);
        const pairs = set.rules.flatMap((premise) =>
          set.rules.flatMap((conclusion) =>
            premise !== conclusion && entails(forms.of(premise.conditions), forms.of(conclusion.conditions))
              ? [[premise.name, conclusion.name] as const]
              : [],
          ),
        );
        found += pairs.length;
        // The index must not hide what follows.
        const index = new ConclusionIndex(set.rules.map(({ conditions }) => forms.of(conditions)));
        for (const [premise, conclusion] of pairs) {
          const from = set.rules.find(({ name }) => name === premise);
          const normal = from && forms.of(from.conditions);
          if (normal === undefined || contradictionIn([normal]) !== undefined) continue;
          const candidates = index.candidates(normal, set.rules.length, set.rules.length);
          expect(candidates.map((number) => set.rules[number]?.name)).toContain(conclusion);
        }
        for (const facts of some) {
          const matched = await matchedBy(set, facts);
          expect(
            pairs.filter(([premise, conclusion]) => matched.has(premise) && !matched.has(conclusion)),
          ).toEqual([]);
        }
      }),
      { numRuns: 700 },
    );
    expect(found).toBeGreaterThan(40);
  });

  test('a rule that is said to be shadowed never decides', async () => {
    let found = 0;
    const deciding = anySet.map((set) => ({
      ...set,
      rules: set.rules.map((rule, index) => ({
        ...rule,
        event: { type: index % 3 === 0 ? ('drop' as const) : ('forward' as const), params: {} },
      })),
    }));
    await fc.assert(
      fc.asyncProperty(deciding, events, async (ruleSet, some) => {
        const nothing = {
          problems: [],
          files: [],
          places: new Map(),
          conditionPlaces: new Map(),
          listPlaces: new Map(),
          usedLists: new Set<string>(),
        };
        const shadowed = findIn({ ...nothing, ruleSet }).flatMap(({ code, message }) =>
          code === 'shadowed-rule' ? [message.slice(0, message.indexOf(' '))] : [],
        );
        found += shadowed.length;
        const compiled = compileRules(ruleSet, { platform: 'linux' });
        for (const facts of some) {
          const { rule } = compiled.needsReferee(NOTIFY, facts)
            ? await compiled.decideAsync(NOTIFY, facts)
            : compiled.decide(NOTIFY, facts);
          expect(shadowed).not.toContain(rule?.name);
        }
      }),
      { numRuns: 500 },
    );
    expect(found).toBeGreaterThan(8);
  });
});
