// Named lists: in rule files and in files of their own, of which rules refer to each by name.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { objectFacts } from '../../src/events/object-facts.ts';
import { compileRules } from '../../src/rules/compile.ts';
import { type Leaf, visitLeaves } from '../../src/rules/conditions.ts';
import { resolveOperator } from '../../src/rules/decorators.ts';
import { findRules, loadRules, parseFound, parseRules, requireRuleSet } from '../../src/rules/load.ts';
import { hashOfList, namedListOf } from '../../src/rules/named-lists.ts';
import { planPolicy } from '../../src/rules/plan.ts';
import { formatProblem } from '../../src/rules/rule-problem.ts';
import type { RuleDefinition } from '../../src/rules/schema.ts';

const rule = (leaf: string, on = 'auth.open'): string =>
  `rules:\n  - { name: one, on: [${on}], platforms: [linux], conditions: { all: [${leaf}] }, event: { type: ${on.startsWith('auth') ? 'deny' : 'alert'} } }\n`;

const inList = (list: string): string =>
  rule(`{ fact: file, path: $.path, operator: in, value: { list: ${list} } }`);

const problemsOf = (text: string, list?: string): string[] =>
  parseRules([
    { file: 'rules/r.yaml', text },
    ...(list === undefined ? [] : [{ file: 'rules/list.txt', text: list, isList: true }]),
  ]).problems.map(formatProblem);

describe('a named list', () => {
  it('stands in each condition as the same frozen values', () => {
    const text = `lists: { paths: [/a, /b, /a] }\nconditions:\n  named: { all: [{ fact: file, path: $.path, operator: in, value: { list: paths } }] }\n${inList('paths')}`;
    const loaded = parseRules([{ file: 'r.yaml', text }]);
    const { rules, conditions, lists } = requireRuleSet(loaded);
    expect(lists).toEqual({ paths: ['/a', '/b'] });
    expect(Object.isFrozen(lists.paths)).toBe(true);
    const leaf = (condition: unknown): unknown => (condition as { all: { value: unknown }[] }).all[0]?.value;
    expect(leaf(rules[0]?.conditions)).toBe(lists.paths);
    expect(leaf(conditions.named)).toBe(lists.paths);
    expect(namedListOf(lists.paths)?.name).toBe('paths');
    expect([...loaded.usedLists]).toEqual(['paths']);
    // On its way to the auth lane's thread as well.
    const crossed = structuredClone(loaded.ruleSet);
    expect(leaf(crossed.rules[0]?.conditions)).toBe(crossed.lists.paths);
  });

  it('of a file has one value a line; comments, blank lines and both ends of a line count for nothing', () => {
    const list = '\uFEFF# of the office\r\n/a\r\n\n   /b c # d  \n/a\n#/e';
    const { ruleSet, problems } = parseRules([
      { file: 'rules/r.yaml', text: `lists: { paths: { file: list.txt, type: path } }\n${inList('paths')}` },
      { file: 'rules/list.txt', text: list, isList: true },
    ]);
    expect(problems).toEqual([]);
    expect(ruleSet.lists).toEqual({ paths: ['/a', '/b c # d'] });
  });

  it.each([
    ['number', '22 # ssh\n443', [22, 443]],
    [
      'domain',
      'Example.ORG.\nxn--bcher-kva.example # books\nbücher.example',
      ['example.org', 'xn--bcher-kva.example', 'bücher.example'],
    ],
    ['cidr', '10.0.0.0/8 # office\n2001:db8::1', ['10.0.0.0/8', '2001:db8::1']],
    ['sha256', `${'AB'.repeat(32)}  # a tool`, ['ab'.repeat(32)]],
    ['cdhash', 'AB'.repeat(20), ['ab'.repeat(20)]],
  ])('of type %s has its values in the form in which events have them', (type, text, expected) => {
    const { ruleSet, problems } = parseRules([
      { file: 'rules/r.yaml', text: `lists: { x: { file: list.txt, type: ${type} } }\nrules: []` },
      { file: 'rules/list.txt', text, isList: true },
    ]);
    expect(problems).toEqual([]);
    expect(ruleSet.lists.x).toEqual(expected);
  });

  it.each([
    ['number', '22\nssh', 2, '"ssh"'],
    ['domain', 'a b', 1, '"a b"'],
    ['cidr', '10.0.0.0/8\n\n  10.0.0.0/99', 3, '"10.0.0.0/99"'],
    ['sha256', 'ab', 1, '"ab"'],
    ['cdhash', 'xy'.repeat(20), 1, 'xyxy'],
    ['path', 'usr/bin', 1, '"usr/bin"'],
  ])('of type %s is refused with the line of what it can not hold', (type, text, line, found) => {
    const [problem, ...more] = problemsOf(`lists: { x: { file: list.txt, type: ${type} } }\nrules: []`, text);
    expect(problem).toContain(`rules/list.txt:${line}:`);
    expect(problem).toContain("error[list-value]: the list `x` can't hold this (found ");
    expect(problem).toContain(found);
    expect(more).toEqual([]);
  });

  it('of another kind altogether is told in a few lines', () => {
    const problems = problemsOf(
      'lists: { x: { file: list.txt, type: cidr } }\nrules: []',
      'no\n'.repeat(5000),
    );
    expect(problems).toHaveLength(21);
    expect(problems.join('\n')).toContain("can't hold 4980 more (found 5000 lines");
  });

  it.each([
    [
      'lists: { x: 7 }',
      'error[list-shape]: the list `x` holds values, or names a file of them (found number 7',
    ],
    ['lists: { x: { type: cidr } }', 'has its values either here or in a file (found neither'],
    ['lists: { x: { file: list.txt, values: [a] } }', 'has its values either here or in a file'],
    ['lists: { x: { flie: list.txt } }', 'unknown key `flie`; did you mean `file`?'],
    ['lists: { x: { file: list.txt, type: cdr } }', "`type` can't be this; did you mean `cidr`?"],
    ['lists: { x: { type: cidr, values: [10.0.0.0/8, office] } }', ':1:48: error[list-value]'],
    ['lists: { x: [[a]] }', 'error[list-value]'],
    ['lists: [a]', "`lists` can't be this (found a list; expected a map"],
    ['lists: { x: { file: nowhere.txt } }', 'the file of the list `x` was not read (found rules/nowhere.txt'],
    [
      inList('pahts').replace('rules:', 'lists: { paths: [/a] }\nrules:'),
      'error[unknown-list]: no list is named `pahts`; did you mean `paths`?',
    ],
    [inList('x'), 'no list is named `x`'],
    [inList('x').replace('list: x', 'lists: x'), 'unknown key `lists`; did you mean `list`?'],
    [rule('{ fact: file, path: $.path, operator: in, value: { list: x, path: $.a } }'), 'unknown key `path`'],
    [
      rule('{ fact: file, path: $.path, operator: equal, value: { list: x } }').replace(
        'rules:',
        'lists: { x: [/a] }\nrules:',
      ),
      '`equal` compares with one value',
    ],
    [
      rule('{ fact: file, path: $.size, operator: in, value: { list: x } }').replace(
        'rules:',
        'lists: { x: [a] }\nrules:',
      ),
      'file.size is a number and never equals this',
    ],
    [
      rule('{ fact: file, path: $.path, operator: "someValue:matches", value: { list: x } }').replace(
        'rules:',
        'lists: { x: ["a", "("] }\nrules:',
      ),
      'error[wrong-pattern]',
    ],
    [
      rule('{ fact: source, path: $.ip, operator: inCidr, value: { list: x } }', 'flow').replace(
        'rules:',
        'lists: { x: [10.0.0.0/8, lan] }\nrules:',
      ),
      'the list `x` holds what is no network (found "lan"',
    ],
  ])('%s is refused in words', (text, expected) => {
    expect(problemsOf(text, '/a').find((line) => line.includes('error['))).toContain(expected);
  });

  it('may be no other list of the same name', () => {
    const { problems } = parseRules([
      { file: 'a.yaml', text: 'lists: { x: [a] }' },
      { file: 'b.yaml', text: 'lists: { x: [b] }' },
    ]);
    expect(problems.map(formatProblem)).toEqual([
      'b.yaml:1:10: error[duplicate-list]: another list is named `x`, at a.yaml:1:10 (found `x` twice; expected a name of its own)',
    ]);
  });

  it.each(['[]', '{ file: list.txt }', '{ values: [] }'])('that is empty (%s) is warned of', (written) => {
    const problems = problemsOf(`lists: { x: ${written} }`, '# nothing yet\n');
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain('warning[list-empty]: the list `x` holds no value');
  });

  it('that is wrong makes no noise where it is used', () => {
    expect(problemsOf(`lists: { x: 7 }\n${inList('x')}`)).toHaveLength(1);
  });
});

describe('inCidr over several networks', () => {
  it('holds where it holds for any of them', () => {
    const networks = ['10.0.0.0/8', '192.168.1.0/24', '2001:db8::/32', '::ffff:1.2.3.4'];
    const address = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.constantFrom('10.1.2.3', '192.168.1.9', '2001:db8::7', '1.2.3.4', '::ffff:10.0.0.1', 'no address'),
    );
    const operator = resolveOperator('inCidr');
    fc.assert(
      fc.property(fc.subarray(networks), address, (some, fact) => {
        const expected = some.some((network) => operator?.evaluate(fact, network));
        expect(operator?.evaluate(fact, some)).toBe(expected);
        expect(operator?.prepare(some)(fact)).toBe(expected);
      }),
    );
  });

  it('checks each where it stands', () => {
    const leaf = '{ fact: source, path: $.ip, operator: inCidr, value: [10.0.0.0/8, lan] }';
    expect(problemsOf(rule(leaf, 'flow'))[0]).toContain('this is no network (found "lan"');
  });
});

describe('the files of lists', () => {
  let folder: string;
  const RULE = `lists: { bad: { file: ../lists/bad.txt, type: path } }\n${inList('bad')}`;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'picket-lists-'));
    await mkdir(join(folder, 'rules'));
    await mkdir(join(folder, 'lists'));
    await writeFile(join(folder, 'rules', 'r.yaml'), RULE);
    await writeFile(join(folder, 'lists', 'bad.txt'), '/bad\n');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('are read from the folder of the rule file, and are among those to be watched', async () => {
    const loaded = await loadRules([join(folder, 'rules')]);
    expect(loaded.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(loaded.files).toEqual([join(folder, 'rules', 'r.yaml'), join(folder, 'lists', 'bad.txt')]);
    const rules = compileRules(loaded.ruleSet, { platform: 'linux' });
    expect(rules.decide('auth.open', objectFacts({ file: { path: '/bad' } })).verdict).toBe('deny');
    expect(rules.decide('auth.open', objectFacts({ file: { path: '/good' } })).verdict).toBe('none');
  });

  it('are part of what was found, so the same set can be made of it later', async () => {
    const found = await findRules([join(folder, 'rules')]);
    await rm(join(folder, 'lists'), { recursive: true });
    expect(requireRuleSet(parseFound(JSON.parse(JSON.stringify(found)))).lists).toEqual({ bad: ['/bad'] });
  });

  it('that are missing, or no text, are told once, and watched all the same', async () => {
    await rm(join(folder, 'lists', 'bad.txt'));
    const missing = await loadRules([join(folder, 'rules')]);
    expect(missing.problems.map(formatProblem)).toEqual([
      `${join(folder, 'rules', 'r.yaml')}:1:23: error[list-unreadable]: this list can't be read: it does not exist (found ${join(folder, 'lists', 'bad.txt')}; expected a file of values, its path from the folder of this file)`,
    ]);
    expect(missing.files).toContain(join(folder, 'lists', 'bad.txt'));
    await writeFile(join(folder, 'lists', 'bad.txt'), Buffer.from('/a\n/b\xff\n', 'latin1'));
    const binary = await loadRules([join(folder, 'rules')]);
    expect(binary.problems.map(formatProblem)).toEqual([
      `${join(folder, 'lists', 'bad.txt')}:2:3: error[not-utf8]: this file is not valid UTF-8 (found a byte 0xff; expected text in UTF-8)`,
    ]);
  });
});

function leavesOf({ own }: RuleDefinition): Leaf[] {
  const leaves: Leaf[] = [];
  visitLeaves(own, {}, (leaf) => leaves.push(leaf));
  return leaves;
}

describe('a hundred thousand values', () => {
  const values = Array.from({ length: 100_000 }, (_, index) => `/opt/tools/${index}/bin/run`);
  const uses = Array.from(
    { length: 200 },
    (_, index) =>
      `  - { name: r${index}, on: [auth.open, auth.exec], platforms: [linux], conditions: { all: [{ fact: file, path: $.path, operator: in, value: { list: x } }, { fact: file, path: $.name, operator: equal, value: n${index} }] }, event: { type: deny } }\n`,
  ).join('');
  const load = () =>
    parseRules([
      { file: 'rules/r.yaml', text: `lists: { x: { file: list.txt, type: path } }\nrules:\n${uses}` },
      { file: 'rules/list.txt', text: values.join('\n'), isList: true },
    ]);

  it('are one array, checked once, however many rules use it', () => {
    // Checked once a rule this would take minutes.
    const { ruleSet, problems } = load();
    expect(problems).toEqual([]);
    expect(ruleSet.lists.x).toHaveLength(100_000);
    const arrays = new Set(ruleSet.rules.map((rule) => leavesOf(rule)[0]?.value));
    expect([...arrays]).toEqual([ruleSet.lists.x]);
  });

  it('stay out of the policy: the agent looks them up, and a deny may reach everything', () => {
    const { ruleSet } = load();
    const options = { guardFilesystems: [], maxWaitMs: {}, defaults: {}, neverDenied: [] };
    const byList = ({ fact }: Leaf): boolean => fact === 'file';
    const alone = {
      ...ruleSet,
      rules: ruleSet.rules
        .slice(0, 1)
        .map((rule) => ({ ...rule, conditions: { all: leavesOf(rule).filter(byList).slice(0, 1) } })),
    };
    const { policy } = planPolicy(alone, 'linux', options);
    expect(policy.staticVerdicts).toEqual([]);
    expect(policy.denyReach).toEqual([]);
  });

  it('are told apart from others by their content', () => {
    const [a, b] = [load(), load()].map(({ ruleSet }) => namedListOf(ruleSet.lists.x));
    if (a === undefined || b === undefined) throw new Error('no list');
    expect(hashOfList(a)).toBe(hashOfList(b));
    const other = parseRules([{ file: 'r.yaml', text: 'lists: { x: [/a] }' }]).ruleSet.lists.x;
    const c = namedListOf(other);
    expect(c && hashOfList(c)).not.toBe(hashOfList(a));
  });
});

describe('a policy', () => {
  it('holds no more values than the bridge takes, and a deny that is left out may reach everything', () => {
    const path = (rule: number, index: number): string => `/r${rule}/${index}`;
    const rules = Array.from({ length: 80 }, (_, one) => {
      const paths = Array.from({ length: 900 }, (__, index) => path(one, index));
      return `- { name: r${one}, on: [auth.open], platforms: [linux], conditions: { all: [{ fact: file, path: $.path, operator: in, value: [${paths.join(', ')}] }] }, event: { type: deny } }`;
    });
    const set = requireRuleSet(parseRules([{ file: 'r.yaml', text: rules.join('\n') }]));
    const options = { guardFilesystems: [], maxWaitMs: {}, defaults: {}, neverDenied: [] };
    const { policy } = planPolicy(set, 'linux', options);
    const count = (policy.staticVerdicts ?? []).flatMap(({ tests }) =>
      (tests ?? []).flatMap(({ values }) => values ?? []),
    ).length;
    expect(count).toBeGreaterThan(20_000);
    expect(count).toBeLessThan(65_536 / 2);
    expect(policy.denyReach).toEqual([]);
  });
});
