import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { EcsEvent } from '../../src/events/ecs-event.ts';
import { objectFacts } from '../../src/events/object-facts.ts';
import { compileRules } from '../../src/rules/compile.ts';
import { type Leaf, type NamedConditions, visitLeaves } from '../../src/rules/conditions.ts';
import { EventFrame } from '../../src/rules/event-frame.ts';
import { wholeSlot } from '../../src/rules/fact-access.ts';
import { LeafTests } from '../../src/rules/leaf-test.ts';
import { parseRules, requireRuleSet } from '../../src/rules/load.ts';
import { ConditionCompiler, type Doubts, needsReferee } from '../../src/rules/predicate.ts';
import type { RuleDefinition } from '../../src/rules/schema.ts';
import { doubtsOf } from '../../src/rules/unresolved-path.ts';
import { AUTH, ecsEvent, ruleSet } from './arbitrary-rules.ts';

const RUNS = 1500;

const unresolved: fc.Arbitrary<EcsEvent> = fc.tuple(ecsEvent, fc.boolean()).map(([event, isImage]) => {
  if (isImage) return { ...event, process: { ...event.process, executable_unresolved: true } };
  return { ...event, file: { ...event.file, path_unresolved: true } };
});

test('while a path is unresolved, the index misses no rule that could hold, and names no allow that need not', () => {
  const tally = { denies: 0, allows: 0, spared: 0 };
  fc.assert(
    fc.property(ruleSet(6), fc.array(unresolved, { minLength: 1, maxLength: 5 }), (set, events) => {
      const rules = set.rules.filter(({ on, event }) => on.includes(AUTH) && isVerdict(event.type));
      const frame = new EventFrame();
      const doubts = (leaf: Leaf): Doubts =>
        needsReferee(leaf) ? 'always' : doubtsOf(leaf, AUTH).map((slot) => frame.register(wholeSlot(slot)));
      const compiler = new ConditionCompiler(new LeafTests(frame), set.conditions, doubts);
      const tests = rules.map(({ conditions, event }) =>
        compiler.compile(conditions, event.type === 'allow' ? 'certain' : 'possible'),
      );
      const compiled = compileRules({ ...set, rules }, { platform: 'linux' });
      for (const event of events) {
        const facts = objectFacts(event);
        frame.begin(facts);
        const expected = rules.filter(
          (rule, index) => isDecidedAtOnce(rule, set.conditions, event) && tests[index]?.(),
        );
        tally.denies += expected.filter(({ event: { type } }) => type === 'deny').length;
        tally.allows += expected.filter(({ event: { type } }) => type === 'allow').length;
        tally.spared += rules.length - expected.length;
        const { matched } = compiled.decide(AUTH, facts);
        expect(matched.map(({ name }) => name).sort()).toEqual(expected.map(({ name }) => name).sort());
      }
    }),
    { numRuns: RUNS },
  );
  console.log(`in doubt: ${JSON.stringify(tally)}`);
  for (const count of Object.values(tally)) expect(count).toBeGreaterThan(RUNS / 30);
});

test('a named condition in doubt holds for one rule as it could, and for another’s `not` as it must', () => {
  const text = `
conditions:
  known: { all: [{ fact: process.executable, operator: equal, value: /usr/bin/known }] }
rules:
  - { name: known, on: [auth.exec], platforms: [linux], conditions: { condition: known }, event: { type: deny } }
  - { name: unknown, on: [auth.exec], platforms: [linux], conditions: { not: { condition: known } }, event: { type: deny } }
`;
  const set = requireRuleSet(parseRules([{ file: 'named.yaml', text }]));
  const compiled = compileRules(set, { platform: 'linux' });
  const matched = (process: EcsEvent['process']): string[] =>
    compiled.decide(AUTH, objectFacts({ ...(process && { process }) })).matched.map(({ name }) => name);
  expect(matched({ executable: '/usr/bin/known' })).toEqual(['known']);
  expect(matched({ executable: '/usr/bin/other' })).toEqual(['unknown']);
  expect(matched({ executable: '/usr/bin/other', executable_unresolved: true })).toEqual([
    'known',
    'unknown',
  ]);
});

test('a deny that only json-rules-engine could evaluate holds while the path that it looks into is unresolved', async () => {
  const text = `
- name: anywhere
  on: [auth.exec]
  platforms: [linux]
  conditions: { all: [{ fact: process, path: '$.*', operator: 'someFact:equal', value: /usr/bin/tool }] }
  event: { type: deny }
`;
  const set = requireRuleSet(parseRules([{ file: 'filter.yaml', text }]));
  const compiled = compileRules(set, { platform: 'linux' });
  const verdict = async (process: EcsEvent['process']): Promise<string> =>
    (await compiled.decideAsync(AUTH, objectFacts({ ...(process && { process }) }))).verdict;
  expect(await verdict({ executable: '/usr/bin/tool' })).toBe('deny');
  expect(await verdict({ executable: '/usr/bin/other' })).toBe('none');
  expect(await verdict({ executable: '/usr/bin/other', executable_unresolved: true })).toBe('deny');
});

test('a rule that reads no path is judged the same while another rule’s path is unresolved', async () => {
  const text = `
- name: traced
  on: [auth.exec]
  platforms: [linux]
  conditions: { all: [{ fact: process.previous.args, path: '$[?(@ == "--trace")]', operator: 'someFact:equal', value: --trace }] }
  event: { type: deny }
- name: from-tmp
  on: [auth.exec]
  platforms: [linux]
  conditions: { all: [{ fact: file, path: $.path, operator: startsWith, value: /tmp/ }, { fact: process.user, path: $.id, operator: equal, value: '7' }] }
  event: { type: deny }
`;
  const set = requireRuleSet(parseRules([{ file: 'filter.yaml', text }]));
  const compiled = compileRules(set, { platform: 'linux' });
  const matched = async (args: readonly string[]): Promise<string[]> => {
    const process = { previous: { args: [...args] } };
    const facts = objectFacts({ file: { path: '/home/a/x', path_unresolved: true }, process });
    return (await compiled.decideAsync(AUTH, facts)).matched.map(({ name }) => name);
  };
  expect(await matched(['tool'])).toEqual([]);
  expect(await matched(['tool', '--trace'])).toEqual(['traced']);
});

test.each([
  ['$..executable'],
  ['$.args[?(@root.parent.executable == "/usr/bin/tool")]'],
  ['$.args^.parent.executable'],
])(
  'what json-rules-engine alone could find below `process` is in doubt with each path there: %s',
  async (path) => {
    const text = `
- name: anywhere
  on: [auth.open]
  platforms: [linux]
  conditions: { all: [{ fact: process, path: '${path}', operator: 'someFact:equal', value: /usr/bin/tool }] }
  event: { type: deny }
`;
    const set = requireRuleSet(parseRules([{ file: 'filter.yaml', text }]));
    const compiled = compileRules(set, { platform: 'linux' });
    const parent = { executable: '/usr/bin/other', executable_unresolved: true };
    const decision = await compiled.decideAsync(
      'auth.open',
      objectFacts({ process: { executable: '/usr/bin/other', args: ['x'], parent } }),
    );
    expect(decision.verdict).toBe('deny');
  },
);

const isVerdict = (type: string): boolean => type === 'deny' || type === 'allow';

/** json-rules-engine is asked about a rule that needs it only while no path of the rule is in doubt. */
function isDecidedAtOnce(rule: RuleDefinition, named: NamedConditions, event: EcsEvent): boolean {
  const facts = objectFacts(event);
  const leaves: Leaf[] = [];
  visitLeaves(rule.conditions, named, (leaf) => leaves.push(leaf));
  const isInDoubt = leaves.some((leaf) => doubtsOf(leaf, AUTH).some((slot) => facts.get(slot) === true));
  return isInDoubt || !leaves.some(needsReferee);
}
