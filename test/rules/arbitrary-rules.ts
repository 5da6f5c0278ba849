// Random rules and events for the properties: small pools of values, so that rules match often, and every oddity that
// a rule file or an event could hold.

import fc from 'fast-check';
import type { EcsEvent } from '../../src/events/ecs-event.ts';
import type { Facts, FactValue, Slot } from '../../src/events/facts.ts';
import type { Trigger } from '../../src/events/triggers.ts';
import type { Condition, ConditionValue, Leaf, RootCondition } from '../../src/rules/conditions.ts';
import { DECORATORS } from '../../src/rules/decorators.ts';
import { OPERATORS } from '../../src/rules/operators.ts';
import type { RuleDefinition, RuleEventType, RuleSet } from '../../src/rules/schema.ts';

export const TEXTS = [
  '',
  'a',
  'A',
  'Ab',
  '/usr/bin/true',
  '/USR/bin/True',
  '/tmp/x',
  '/tmp/',
  'Straße',
  'STRASSE',
  'ΑΣ',
  'ας',
  '\u212a', // the Kelvin sign, whose lower case is k
  'k',
  'é',
  'e\u0301',
  '10',
  '9',
  '10.0.0.1',
  '::ffff:10.0.0.1',
  'fe80::1',
  'x\udc80', // a byte that is no UTF-8
];
const NUMBERS: (number | bigint)[] = [0, 1, 9, 10, -1, 1.5, 2n ** 60n];
const PATTERNS = ['a', '^/tmp/', '(?i)true$', '[A-Z]', '^$', '\\d+', 'x.?', 'σ|ς'];
const NETWORKS = ['10.0.0.0/8', 'fe80::/10', '10.0.0.1', '::ffff:10.0.0.0/104', 'no network'];

const text = fc.constantFrom(...TEXTS);
const number = fc.constantFrom(...NUMBERS);
const scalar = fc.oneof(
  { weight: 6, arbitrary: text },
  { weight: 2, arbitrary: number },
  { weight: 1, arbitrary: fc.boolean() },
  { weight: 1, arbitrary: fc.constant(null) },
);

const PLACES: readonly Pick<Leaf, 'fact' | 'path'>[] = [
  { fact: 'process', path: '$.executable' },
  { fact: 'process', path: '$.executable' },
  { fact: 'process.executable' },
  { fact: 'process.executable', path: '$.below' },
  { fact: 'process', path: "$['executable']" },
  { fact: 'process', path: '$.executable.length' },
  { fact: 'process', path: '$.pid' },
  { fact: 'process', path: '$.args' },
  { fact: 'process', path: '$.args[0]' },
  { fact: 'process', path: '$.args[1]' },
  { fact: 'process', path: '$.args.1' },
  { fact: 'process', path: '$.args.length' },
  { fact: 'process.args', path: '$[0]' },
  { fact: 'process.args' },
  { fact: 'process', path: '$.parent.executable' },
  { fact: 'process.parent.executable' },
  { fact: 'process', path: '$.code_signature.exists' },
  { fact: 'process', path: '$.nowhere' },
  { fact: 'nowhere', path: '$.at.all' },
  { fact: 'file', path: '$.path' },
  { fact: 'file', path: '$.size' },
  { fact: 'message' },
  { fact: 'message', path: '$.below' },
  { fact: 'source', path: '$.ip' },
  { fact: 'es', path: '$.event.x' },
  { fact: 'es', path: '$.event.list[1]' },
  { fact: 'es', path: '$.event.list[0].a' },
  { fact: 'es.event.x' },
  { fact: 'es', path: '$.event.text.length' },
];
const REFEREE_PLACES: readonly Pick<Leaf, 'fact' | 'path'>[] = [
  { fact: 'process', path: '$.args[*]' },
  { fact: 'process', path: '$.args[-1:]' },
  { fact: 'process', path: "$.args[?(@ == 'a')]" },
  { fact: 'process', path: '$..executable' },
  { fact: 'es', path: '$.event.list[*].a' },
];

const place = fc.oneof(
  { weight: 14, arbitrary: fc.constantFrom(...PLACES) },
  { weight: 1, arbitrary: fc.constantFrom(...REFEREE_PLACES) },
);

const operatorName = fc
  .tuple(
    fc.oneof(
      { weight: 4, arbitrary: fc.constant([]) },
      {
        weight: 3,
        arbitrary: fc.array(fc.constantFrom(...DECORATORS.keys()), { minLength: 1, maxLength: 3 }),
      },
    ),
    fc.oneof(fc.constantFrom(...OPERATORS.keys()), fc.constantFrom('equal', 'in', 'startsWith')),
  )
  .map(([decorators, operator]) => {
    if (operator !== 'matches') return [...decorators, operator].join(':');
    // As the loader has it: a pattern is a constant, and ignores case by itself.
    const others = decorators.filter((name) => name !== 'ignoreCase' && name !== 'swap');
    return [...others, ...(others.length < decorators.length ? ['ignoreCase'] : []), operator].join(':');
  });

function valueFor(operator: string): fc.Arbitrary<ConditionValue> {
  const base = operator.slice(operator.lastIndexOf(':') + 1);
  if (base === 'matches') {
    const pattern = fc.constantFrom(...PATTERNS);
    return operator.includes('Value:') ? fc.array(pattern, { maxLength: 3 }) : pattern;
  }
  const own = base === 'inCidr' ? fc.constantFrom(...NETWORKS) : base === 'exists' ? fc.boolean() : scalar;
  const wantsList = operator.includes('Value:') || base === 'in' || base === 'notIn';
  return fc.oneof(
    { weight: wantsList ? 1 : 8, arbitrary: own },
    { weight: wantsList ? 8 : 1, arbitrary: fc.array(own, { maxLength: 4 }) },
    {
      weight: 1,
      arbitrary: place.map(({ fact, path }) => ({ fact, ...(path === undefined ? {} : { path }) })),
    },
  );
}

const leaf: fc.Arbitrary<Leaf> = fc
  .tuple(place, operatorName)
  .chain(([at, operator]) => valueFor(operator).map((value) => ({ ...at, operator, value })));

/** The kind of test that most rules are made of; without it hardly anything random matches. */
const plainLeaf: fc.Arbitrary<Leaf> = fc.oneof(
  text.map((value): Leaf => ({ fact: 'process', path: '$.executable', operator: 'equal', value })),
  fc
    .array(text, { minLength: 2, maxLength: 12 })
    .map((value): Leaf => ({ fact: 'process', path: '$.executable', operator: 'in', value })),
  text.map((value): Leaf => ({ fact: 'process', path: '$.args', operator: 'contains', value })),
  text.map(
    (value): Leaf => ({ fact: 'process', path: '$.args', operator: 'someFact:ignoreCase:equal', value }),
  ),
  text.map((value): Leaf => ({ fact: 'file', path: '$.path', operator: 'notEqual', value })),
  fc.boolean().map((value): Leaf => ({ fact: 'file', path: '$.path', operator: 'exists', value })),
);

const names = ['first', 'second', 'third'];

/** @param known named conditions that may be referred to */
function condition(known: readonly string[], depth: number): fc.Arbitrary<Condition> {
  const leaves: fc.Arbitrary<Condition> = fc.oneof(leaf, plainLeaf);
  return depth === 0
    ? leaves
    : fc.oneof({ weight: 3, arbitrary: leaves }, { weight: 2, arbitrary: root(known, depth) });
}

function root(known: readonly string[], depth: number): fc.Arbitrary<RootCondition> {
  const part = condition(known, depth - 1);
  // An empty list is true; a few are enough.
  const parts = fc.oneof(
    { weight: 12, arbitrary: fc.array(part, { minLength: 1, maxLength: 3 }) },
    { weight: 1, arbitrary: fc.constant([]) },
  );
  const priority = fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined, freq: 8 });
  const labelled = <T extends object>(made: fc.Arbitrary<T>): fc.Arbitrary<T> =>
    fc.tuple(made, priority).map(([one, value]) => (value === undefined ? one : { ...one, priority: value }));
  const options: fc.WeightedArbitrary<RootCondition>[] = [
    { weight: 5, arbitrary: labelled(parts.map((all) => ({ all }))) },
    { weight: 4, arbitrary: labelled(parts.map((any) => ({ any }))) },
    { weight: 2, arbitrary: labelled(part.map((not) => ({ not }))) },
  ];
  if (known.length > 0) {
    options.push({ weight: 1, arbitrary: fc.constantFrom(...known).map((name) => ({ condition: name })) });
  }
  return fc.oneof(...options);
}

export const AUTH: Trigger = 'auth.exec';
export const NOTIFY: Trigger = 'notify.exec';

export function rule(known: readonly string[], depth = 3): fc.Arbitrary<Omit<RuleDefinition, 'name'>> {
  return fc
    .record({
      isAuth: fc.boolean(),
      deciding: fc.boolean(),
      strong: fc.boolean(),
      isAlert: fc.boolean(),
      mode: fc.constantFrom('enforce' as const, 'enforce' as const, 'shadow' as const),
      priority: fc.integer({ min: 1, max: 3 }),
      conditions: root(known, depth),
    })
    .map(({ isAuth, deciding, strong, isAlert, mode, priority, conditions }) => {
      const verdict: RuleEventType = isAuth ? (strong ? 'deny' : 'allow') : strong ? 'forward' : 'drop';
      const type: RuleEventType = deciding ? verdict : isAlert ? 'alert' : 'tag';
      return {
        on: [isAuth ? AUTH : NOTIFY],
        platforms: ['linux' as const],
        description: '',
        severity: 'low' as const,
        tags: [`tag-${priority}`],
        mode,
        priority,
        conditions,
        own: conditions,
        exceptions: [],
        event: { type, params: {} },
        tests: [],
        references: [],
        falsePositives: [],
        place: { file: 'random.yaml', line: 1, column: 1 },
      };
    });
}

export function ruleSet(maxRules: number): fc.Arbitrary<RuleSet> {
  const [first = '', second = '', third = ''] = names;
  return fc
    .record({
      first: root([], 2),
      second: root([first], 2),
      third: root([first, second], 1),
      rules: fc.array(rule(names), { minLength: 1, maxLength: maxRules }),
    })
    .map((made) => ({
      rules: made.rules.map((one, index) => ({ ...one, name: `rule-${index}` })),
      conditions: { [first]: made.first, [second]: made.second, [third]: made.third },
      lists: {},
    }));
}

const some = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 5 });

function present<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

const nonEmpty = text.filter((value) => value !== '');
const image = fc
  .record({
    executable: some(nonEmpty),
    pid: some(fc.constantFrom(1, 9, 10)),
    args: some(fc.array(nonEmpty, { minLength: 1, maxLength: 3 })),
  })
  .map(present);

/** Events that the wire can hold. */
export const ecsEvent: fc.Arbitrary<EcsEvent> = fc
  .record({
    process: some(
      fc
        .record({
          own: image,
          parent: some(image),
          code_signature: some(fc.boolean().map((exists) => ({ exists, platform_binary: false }))),
        })
        .map(({ own, ...rest }) => present({ ...own, ...rest })),
    ),
    file: some(fc.record({ path: some(nonEmpty), size: some(fc.constantFrom(1, 9, 10)) }).map(present)),
    message: some(nonEmpty),
    source: some(fc.constantFrom('10.0.0.1', '::ffff:10.0.0.1', 'fe80::1').map((ip) => ({ ip }))),
    es: some(
      fc
        .record({
          x: some(scalar),
          text: some(nonEmpty),
          list: some(
            fc.array(
              fc.oneof(
                scalar,
                text.map((a) => ({ a })),
              ),
              { maxLength: 3 },
            ),
          ),
        })
        .map((event) => ({ event: present(event) })),
    ),
  })
  .map((event) => present(event) as EcsEvent);

type Loose = { readonly [key: string]: FactValue };

const anything: fc.Arbitrary<FactValue> = fc.oneof(
  scalar,
  fc.array(scalar, { maxLength: 3 }),
  scalar.map((executable) => ({ executable })),
  fc.constant({}),
);

/** What no wire would carry: any value anywhere. */
export const looseEvent: fc.Arbitrary<Loose> = fc
  .record({
    process: some(
      fc
        .record({
          executable: some(anything),
          pid: some(anything),
          args: some(anything),
          parent: some(fc.record({ executable: some(anything) }).map(present)),
        })
        .map(present),
    ),
    file: some(fc.record({ path: some(anything), size: some(anything) }).map(present)),
    message: some(anything),
    source: some(fc.record({ ip: some(anything) }).map(present)),
    es: some(
      fc.record({
        event: fc.record({ x: some(anything), list: some(anything), text: some(anything) }).map(present),
      }),
    ),
  })
  .map((event) => present(event) as Loose);

export function looseFacts(event: Loose): Facts {
  return {
    get(slot: Slot): FactValue {
      let value: FactValue = event;
      for (const key of slot.path) {
        if (
          typeof value !== 'object' ||
          value === null ||
          Array.isArray(value) ||
          !Object.hasOwn(value, key)
        ) {
          return undefined;
        }
        value = (value as Loose)[key];
      }
      return value;
    },
  };
}
