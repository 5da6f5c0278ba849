import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EcsEvent } from '../../src/events/ecs-event.ts';
import { encodeEvent } from '../../src/events/encode-event.ts';
import { EncodedFacts } from '../../src/events/encoded-facts.ts';
import type { Facts } from '../../src/events/facts.ts';
import { objectFacts } from '../../src/events/object-facts.ts';
import { compileRules } from '../../src/rules/compile.ts';
import type { Condition, Leaf, NamedConditions, RootCondition } from '../../src/rules/conditions.ts';
import { EventFrame } from '../../src/rules/event-frame.ts';
import { KeyChooser } from '../../src/rules/index/rule-key.ts';
import { TriggerIndex } from '../../src/rules/index/trigger-index.ts';
import { describeIndex } from '../../src/rules/index-report.ts';
import { LeafTests } from '../../src/rules/leaf-test.ts';
import { ConditionCompiler, needsReferee } from '../../src/rules/predicate.ts';
import type { RuleDefinition, RuleSet } from '../../src/rules/schema.ts';
import { ecsEvent, looseEvent, looseFacts, ruleSet, TEXTS } from './arbitrary-rules.ts';

/** What json-rules-engine would have to evaluate is no business of the index. */
function isCompiled(condition: Condition, named: NamedConditions): boolean {
  if ('all' in condition) return condition.all.every((part) => isCompiled(part, named));
  if ('any' in condition) return condition.any.every((part) => isCompiled(part, named));
  if ('not' in condition) return isCompiled(condition.not, named);
  if ('condition' in condition) return isCompiled(named[condition.condition] ?? { all: [] }, named);
  return !needsReferee(condition);
}

/** Whether every rule that matches, tried one by one without the index, is one of its candidates. */
function holdCandidates(set: RuleSet, events: readonly (() => Facts)[], tally: Tally): void {
  const rules = set.rules.filter(({ conditions }) => isCompiled(conditions, set.conditions));
  const frame = new EventFrame();
  const compiler = new ConditionCompiler(new LeafTests(frame), set.conditions, () => []);
  const tests = rules.map(({ conditions }) => compiler.compile(conditions, 'possible'));
  const keys = new KeyChooser(rules, set.conditions);
  const chosen = rules.map(({ conditions }) => keys.keyOf(conditions));
  const index = new TriggerIndex(chosen, frame);
  for (const key of chosen) {
    if ('reason' in key) tally.residue++;
    else for (const part of key.parts) tally.kinds.set(part.kind, (tally.kinds.get(part.kind) ?? 0) + 1);
  }
  for (const event of events) {
    frame.begin(event());
    const hits = index.candidates();
    const candidates = new Set(hits.rules.subarray(0, hits.count));
    for (const [number, holds] of tests.entries()) {
      const isMatch = holds();
      const key = chosen[number];
      if (key !== undefined && 'parts' in key) {
        if (isMatch) tally.matches++;
        else if (!candidates.has(number)) tally.spared++;
      }
      if (isMatch) expect([...candidates]).toContain(number);
    }
  }
}

interface Tally {
  matches: number;
  spared: number;
  residue: number;
  readonly kinds: Map<string, number>;
}

const newTally = (): Tally => ({ matches: 0, spared: 0, residue: 0, kinds: new Map() });

const text = fc.constantFrom(...TEXTS.filter((one) => one !== ''));
const texts = fc.array(text, { minLength: 1, maxLength: 12 });
const pattern = fc.constantFrom(
  '^/tmp/',
  'x$',
  '^/usr/bin/true$',
  '(?i)tmp',
  'a|/tmp',
  't.*p',
  'K',
  '(?i)^k$',
  '\\.0\\.',
);
const at = fc.constantFrom<Pick<Leaf, 'fact' | 'path'>>(
  { fact: 'process', path: '$.executable' },
  { fact: 'process', path: '$.args[0]' },
  { fact: 'message' },
  { fact: 'source', path: '$.ip' },
);
const decorated = (operator: string) =>
  fc.constantFrom('', 'ignoreCase:').map((decorator) => decorator + operator);
const network = fc.constantFrom('10.0.0.0/8', 'fe80::/10', '10.0.0.1', '::ffff:10.0.0.0/104');
const number = fc.constantFrom(1, 9, 10, 2n ** 60n);

/** Leaves of every kind of key. */
const keyed: fc.Arbitrary<Leaf> = fc.oneof(
  fc
    .tuple(at, fc.constantFrom('equal', 'startsWith', 'endsWith', 'includes').chain(decorated), text)
    .map(([place, operator, value]) => ({ ...place, operator, value })),
  fc
    .tuple(
      at,
      fc
        .constantFrom(
          'in',
          'someValue:startsWith',
          'someValue:endsWith',
          'someValue:includes',
          'everyValue:includes',
        )
        .chain(decorated),
      texts,
    )
    .map(([place, operator, value]) => ({ ...place, operator, value })),
  fc
    .tuple(
      fc.constantFrom('someFact:', 'someFact:ignoreCase:', 'ignoreCase:someFact:'),
      fc.constantFrom('equal', 'startsWith', 'includes'),
      text,
    )
    .map(([decorator, operator, value]) => ({ fact: 'process.args', operator: decorator + operator, value })),
  text.map((value) => ({ fact: 'process.args', operator: 'contains', value })),
  fc
    .tuple(at, fc.constantFrom('matches', 'ignoreCase:matches'), pattern)
    .map(([place, operator, value]) => ({ ...place, operator, value })),
  fc
    .array(network, { minLength: 1, maxLength: 12 })
    .map((value) => ({ fact: 'source.ip', operator: 'someValue:inCidr', value })),
  network.map((value) => ({ fact: 'source.ip', operator: 'inCidr', value })),
  fc
    .tuple(
      fc.constantFrom('process.pid', 'file.size', 'process.args.length'),
      fc.constantFrom('lessThan', 'lessThanInclusive', 'greaterThan', 'greaterThanInclusive', 'equal'),
      number,
    )
    .map(([fact, operator, value]) => ({ fact, operator, value })),
);

const keyedRoot: fc.Arbitrary<RootCondition> = fc.oneof(
  keyed.map((one) => ({ all: [one] })),
  fc.array(keyed, { minLength: 1, maxLength: 3 }).map((any) => ({ any })),
  fc.tuple(keyed, keyed, keyed).map(([a, b, c]) => ({ all: [a, { any: [b, { all: [c] }] }] })),
  fc.tuple(keyed, keyed).map(([a, b]) => ({ all: [{ not: a }, b] })),
);

const keyedSet: fc.Arbitrary<RuleSet> = fc
  .tuple(ruleSet(1), fc.array(keyedRoot, { minLength: 1, maxLength: 12 }))
  .map(([set, roots]) => ({
    ...set,
    rules: roots.map((conditions, index) => ({
      ...(set.rules[0] as RuleDefinition),
      name: `rule-${index}`,
      conditions,
    })),
  }));

describe('the index', () => {
  test('finds every rule that matches, over events of the wire', () => {
    const tally = newTally();
    const facts = new EncodedFacts();
    const events = fc.array(ecsEvent, { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.oneof(ruleSet(6), keyedSet), events, (set, made) => {
        const encoded = made.map((event) => () => facts.reset(encodeEvent(event)));
        holdCandidates(set, encoded, tally);
      }),
      { numRuns: 600 },
    );
    console.log(`index: ${JSON.stringify({ ...tally, kinds: Object.fromEntries(tally.kinds) })}`);
    expect(tally.matches).toBeGreaterThan(500);
    expect(tally.spared).toBeGreaterThan(500);
    for (const kind of ['equality', 'prefix', 'suffix', 'substring', 'regexp-literal', 'range', 'network'])
      expect(tally.kinds.get(kind), kind).toBeGreaterThan(20);
  });

  test('finds every rule that matches, over values of every wrong type', () => {
    const tally = newTally();
    fc.assert(
      fc.property(
        fc.oneof(ruleSet(6), keyedSet),
        fc.array(looseEvent, { minLength: 1, maxLength: 6 }),
        (set, events) =>
          holdCandidates(
            set,
            events.map((event) => () => looseFacts(event)),
            tally,
          ),
      ),
      { numRuns: 600 },
    );
    expect(tally.matches).toBeGreaterThan(40);
  });
});

const leaf = (fact: string, operator: string, value: Leaf['value']): Leaf => ({ fact, operator, value });

function setOf(conditions: readonly RootCondition[], named: NamedConditions = {}): RuleSet {
  const rules = conditions.map(
    (one, index): RuleDefinition => ({
      name: `rule-${index}`,
      on: ['notify.exec'],
      platforms: ['linux'],
      description: '',
      severity: 'low',
      tags: [],
      mode: 'enforce',
      priority: 1,
      conditions: one,
      own: one,
      exceptions: [],
      event: { type: 'alert', params: {} },
      tests: [],
      references: [],
      falsePositives: [],
      place: { file: 'made.yaml', line: 1, column: 1 },
    }),
  );
  return { rules, conditions: named, lists: {} };
}

const reportOf = (set: RuleSet) => {
  const [trigger] = describeIndex(set, 'linux');
  if (trigger === undefined) throw new Error('no rule applies');
  return trigger;
};

const matchedBy = (set: RuleSet, event: EcsEvent): string[] =>
  compileRules(set, { platform: 'linux' })
    .decide('notify.exec', objectFacts(event))
    .matched.map(({ name }) => name);

describe('a key', () => {
  test('is the rarest of what must hold', () => {
    const rare = leaf('process.command_line', 'includes', '--dump-credentials-of');
    const { keys } = reportOf(
      setOf([
        {
          all: [
            leaf('process.code_signature.exists', 'equal', false),
            leaf('process.executable', 'startsWith', '/'),
            rare,
          ],
        },
      ]),
    );
    expect(keys).toEqual([
      {
        kind: 'substring',
        fact: 'process.command_line',
        ignoresCase: false,
        isList: false,
        rules: 1,
        values: 1,
      },
    ]);
  });

  test('is not what half of the rules ask for, where there is something else', () => {
    const often = leaf('process.name', 'equal', 'powershell.exe');
    const set = setOf(
      Array.from({ length: 200 }, (_, index) => ({
        all: [often, leaf('process.parent.name', 'equal', `parent${index}`)],
      })),
    );
    expect(reportOf(set).keys).toMatchObject([{ fact: 'process.parent.name', rules: 200, values: 200 }]);
  });

  test('of an `any` is one for each branch, and none if one has none', () => {
    const a = leaf('process.executable', 'equal', '/tmp/a');
    const b = leaf('process.args', 'someFact:ignoreCase:endsWith', '.sh');
    const { keys, residue } = reportOf(
      setOf([
        { any: [a, b] },
        { any: [a, { not: b }] },
        { all: [leaf('process.args', 'exists', true)] },
        { all: [] },
      ]),
    );
    expect(keys).toMatchObject([
      { kind: 'equality', fact: 'process.executable', rules: 1 },
      { kind: 'suffix', fact: 'process.args', ignoresCase: true, isList: true, rules: 1 },
    ]);
    expect(residue).toEqual([
      { rule: 'rule-1', reason: 'a `not` tells what must be missing, not what must be there' },
      { rule: 'rule-2', reason: '`process.args exists` asks whether the fact is there, not what it is' },
      { rule: 'rule-3', reason: 'an empty list of conditions always holds' },
    ]);
  });

  test('of two bounds on one number is the range between them', () => {
    const set = setOf([
      { all: [leaf('process.pid', 'greaterThan', 10), leaf('process.pid', 'lessThan', 20)] },
      { all: [leaf('process.pid', 'greaterThan', 10)] },
    ]);
    expect(reportOf(set).keys).toMatchObject([{ kind: 'range', fact: 'process.pid', rules: 2, values: 2 }]);
    expect(matchedBy(set, { process: { pid: 15 } })).toEqual(['rule-0', 'rule-1']);
    expect(matchedBy(set, { process: { pid: 20 } })).toEqual(['rule-1']);
  });

  test('of two bounds is no range where one is on a text and the other on its length, as paths have it', () => {
    const set = setOf([
      {
        all: [
          { fact: 'process.executable', path: '$.length', operator: 'greaterThan', value: 5 },
          { fact: 'process', path: '$.executable.length', operator: 'lessThan', value: 3 },
        ],
      },
    ]);
    expect(matchedBy(set, { process: { executable: '7' } })).toEqual(['rule-0']);
  });

  test('of two bounds on the entries of a list is not the range between: each may be another entry’s', () => {
    const entries = ['9', '30'];
    const set = setOf([
      {
        all: [
          leaf('process.args', 'someFact:greaterThan', 20),
          leaf('process.args', 'someFact:lessThan', 10),
        ],
      },
    ]);
    expect(matchedBy(set, { process: { args: entries } })).toEqual(['rule-0']);
  });

  test('that is half of a character is found where other rules fold the fact', () => {
    const set = setOf([
      { all: [leaf('message', 'ignoreCase:includes', 'WORD')] },
      { all: [leaf('message', 'includes', '\udc28')] },
      { all: [leaf('message', 'includes', 'word')] },
    ]);
    // Folded, the character has another half.
    expect(matchedBy(set, { message: 'a word \ud801\udc28' })).toEqual(['rule-0', 'rule-1', 'rule-2']);
    expect(matchedBy(set, { message: 'A Word' })).toEqual(['rule-0']);
  });

  test('is missing where json-rules-engine evaluates, and the report says why', () => {
    const { refereed, residue } = reportOf(
      setOf([{ all: [{ fact: 'process', path: '$.args[*]', operator: 'contains', value: 'x' }] }]),
    );
    expect(residue).toEqual([]);
    expect(refereed).toEqual([
      { rule: 'rule-0', reason: '`process.args[*] contains` has a path with filters, wildcards or slices' },
    ]);
  });
});

describe('a list of 100,000 values', () => {
  const values = Array.from(
    { length: 100_000 },
    (_, index) => `/opt/known/${(index * 7919) % 100_000}/program`,
  );
  const networks = Array.from(
    { length: 100_000 },
    (_, index) => `10.${index >> 9}.${(index >> 1) & 255}.${(index & 1) * 128}/25`,
  );

  test('is found in, whichever operator looks', () => {
    // Of searches inside a text, a part is enough to tell: they take the longest to make.
    const suffixes = values.slice(0, 20_000).map((value) => value.slice(4));
    const set = setOf([
      { all: [leaf('process.executable', 'in', values)] },
      { all: [leaf('process.executable', 'ignoreCase:in', values)] },
      { all: [leaf('process.executable', 'someValue:startsWith', values)] },
      { all: [leaf('process.executable', 'someValue:endsWith', suffixes)] },
      { all: [leaf('process.executable', 'someValue:includes', suffixes)] },
      { all: [{ not: leaf('process.executable', 'someValue:includes', suffixes) }] },
      { all: [leaf('source.ip', 'someValue:inCidr', networks)] },
    ]);
    const rules = compileRules(set, { platform: 'linux' });
    const names = (event: EcsEvent): string => {
      const { matched } = rules.decide('notify.exec', objectFacts(event));
      return matched.map(({ name }) => name.slice('rule-'.length)).join();
    };
    expect(names({ process: { executable: '/opt/known/39595/program' } })).toBe('0,1,2,3,4');
    expect(names({ process: { executable: '/OPT/known/39595/program' } })).toBe('1,3,4');
    expect(names({ process: { executable: '/opt/known/39595/program2' } })).toBe('2,4');
    expect(names({ process: { executable: '/opt/known/100000/program' } })).toBe('5');
    expect(names({ source: { ip: '10.195.0.129' } })).toBe('5,6');
    expect(names({ source: { ip: '10.250.0.1' } })).toBe('5');
  });

  test('is held once, however many rules share it', () => {
    const set = setOf(
      Array.from({ length: 300 }, () => ({ all: [leaf('process.executable', 'ignoreCase:in', values)] })),
    );
    expect(reportOf(set).keys).toMatchObject([{ rules: 300, values: 100_000 }]);
    const before = process.memoryUsage().heapUsed;
    const rules = compileRules(set, { platform: 'linux' });
    // Three hundred sets would be more than a gigabyte.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(200e6);
    const facts = objectFacts({ process: { executable: '/OPT/known/1/program' } });
    expect(rules.decide('notify.exec', facts).matched).toHaveLength(300);
  });
});
