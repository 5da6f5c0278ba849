import { describe, expect, test } from 'vitest';
import { checkRules } from '../../src/rules/check/check.ts';
import { parseRules } from '../../src/rules/load.ts';
import { formatProblem } from '../../src/rules/rule-problem.ts';
import { parseTestFile } from '../../src/rules/test-file-parser.ts';
import { testedNames } from '../../src/rules/tested-names.ts';

function warningsOf(text: string): string[] {
  const loaded = parseRules([{ file: 'r.yaml', text }]);
  expect(loaded.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  return checkRules(loaded).map(formatProblem);
}

const TESTED = 'tests: [ { name: t, given: { process: { name: x } }, expect: TYPE } ]';

function rule(parts: { type?: string; on?: string; conditions: string; more?: string }): string {
  const { type = 'alert', on = 'notify.exec', more = TESTED.replace('TYPE', type) } = parts;
  return `- { name: one, on: [${on}], platforms: [linux], conditions: ${parts.conditions}, event: { type: ${type} }, ${more} }`;
}

const named = (value: string, operator = 'equal'): string =>
  `{ fact: process, path: $.name, operator: '${operator}', value: ${value} }`;

describe('check warns', () => {
  test('of nothing in a good rule', () => {
    expect(warningsOf(rule({ conditions: `{ all: [ ${named('x')} ] }` }))).toEqual([]);
  });

  test.each([
    `{ all: [ ${named('x', 'notEqual')} ] }`,
    `{ not: ${named('x')} }`,
    `{ all: [ ${named('x', 'not:startsWith')} ] }`,
    `{ all: [ ${named('[x]', 'notIn')} ] }`,
    `{ not: { not: ${named('[x]', 'notIn')} } }`,
    `{ all: [ ${named('[x]', 'someValue:notEqual')} ] }`,
    `{ all: [ ${named('{ fact: process, path: $.parent.name }', 'notEqual')} ] }`,
  ])('of a negation over a fact that can be missing: %s', (conditions) => {
    expect(warningsOf(rule({ conditions })).join()).toContain(
      'warning[negation-of-missing]: one: this is also true of events without process.name (expected `exists` for process.name beside it, if that is not meant)',
    );
  });

  test.each([
    `{ all: [ ${named('x', 'notEqual')}, ${named('true', 'exists')} ] }`,
    `{ all: [ ${named('x', 'notEqual')}, ${named('y', 'startsWith')} ] }`,
    `{ not: ${named('[x]', 'notIn')} }`,
    "{ all: [ { fact: process, path: $.args, operator: 'everyFact:not:startsWith', value: x } ] }",
    "{ all: [ { fact: process, path: $.args, operator: 'someFact:notEqual', value: x } ] }",
    '{ all: [ { fact: event, path: $.action, operator: notEqual, value: x } ] }',
  ])('of no negation where its absence is thought of, or can not be: %s', (conditions) => {
    expect(warningsOf(rule({ conditions })).join()).not.toContain('negation-of-missing');
  });

  test('of a list without which a negated condition holds', () => {
    const conditions =
      "{ all: [ { fact: process, path: $.args, operator: 'not:someFact:startsWith', value: x } ] }";
    expect(warningsOf(rule({ conditions })).join()).toContain('also true of events without process.args');
  });

  test('of a named condition once, with the rules that use it', () => {
    const rules = ['one', 'two', 'three', 'four', 'five'].map((name) =>
      rule({ conditions: '{ condition: by-x }' }).replace('name: one', `name: ${name}`),
    );
    const text = `conditions:
  by-x: { not: ${named('x')} }
rules:
${rules.join('\n').replace(/^/gm, '  ')}`;
    expect(warningsOf(text).filter((line) => line.includes('negation-of-missing'))).toEqual([
      'r.yaml:2:57: warning[negation-of-missing]: one, two, three and 2 more: this is also true of events without process.name (expected `exists` for process.name beside it, if that is not meant)',
    ]);
  });

  test('of a program that waits for a rule that can not deny', () => {
    expect(warningsOf(rule({ on: 'auth.exec', conditions: `{ all: [ ${named('x')} ] }` }))).toEqual([
      'r.yaml:1:3: warning[auth-unneeded]: one only alerts: on auth.exec it sees events only while another rule denies there (expected `on: [notify.exec]`, which makes no program wait)',
    ]);
  });

  test('of a rule without tests, and of tests that never expect a match', () => {
    const conditions = `{ all: [ ${named('x')} ] }`;
    expect(warningsOf(rule({ conditions, more: 'tags: []' })).join()).toContain(
      'warning[no-tests]: one has no tests',
    );
    const none = TESTED.replace('TYPE', 'none').replace('name: x', 'name: y');
    expect(warningsOf(rule({ conditions, more: none })).join()).toContain('warning[no-matching-test]');
  });

  test.each([
    `{ all: [ ${named('x')}, ${named('y')} ] }`,
    `{ all: [ ${named('x')}, { any: [ ${named('y')}, ${named('[z]', 'in')} ] } ] }`,
    `{ all: [ ${named('[]', 'in')} ] }`,
  ])('of a rule that no event reaches: %s', (conditions) => {
    expect(warningsOf(rule({ conditions })).join()).toContain('warning[never-holds]: one matches no event');
  });

  test('of no rule that some event reaches', () => {
    const conditions = `{ all: [ ${named('[x, y]', 'in')}, { any: [ ${named('z')}, ${named('y')} ] } ] }`;
    expect(warningsOf(rule({ conditions })).join()).not.toContain('never-holds');
  });

  test('of a named condition that no rule refers to, and not of one that another refers to', () => {
    const text = `conditions:
  used: { condition: inner }
  inner: { all: [ ${named('x')} ] }
  unused: { all: [ ${named('x')} ] }
rules:
${rule({ conditions: '{ condition: used }' }).replace(/^/gm, '  ')}`;
    expect(warningsOf(text)).toEqual([
      'r.yaml:4:3: warning[unused-condition]: no rule refers to the condition `unused`',
    ]);
  });

  test('of tags on events that nothing forwards', () => {
    const tag = rule({ type: 'tag', conditions: `{ all: [ ${named('x')} ] }` });
    expect(warningsOf(tag).join()).toContain('warning[tag-unseen]: one tags events that no rule forwards');
    const forward = rule({ type: 'forward', conditions: `{ all: [ ${named('x')} ] }` }).replace('one', 'two');
    expect(warningsOf(`${tag}\n${forward}`)).toEqual([]);
  });
});

const file = (path: string, operator: string, value: string): string =>
  `{ fact: file, path: $.${path}, operator: '${operator}', value: ${value} }`;

function all(...parts: string[]): string {
  return `{ all: [ ${parts.join(', ')} ] }`;
}

describe('check finds that conditions never hold', () => {
  test.each([
    ['two prefixes', all(named('/a/', 'startsWith'), named('/b/', 'startsWith'))],
    ['a prefix and a value', all(named('/a/', 'startsWith'), named('/b/x'))],
    ['a folded prefix and a value', all(named('ab', 'ignoreCase:startsWith'), named('AC'))],
    ['a suffix and its opposite', all(named('.exe', 'endsWith'), named('e', 'not:endsWith'))],
    ['missing, beside a test of its value', all(named('false', 'exists'), named('a', 'startsWith'))],
    [
      'bounds',
      all(
        '{ fact: process, path: $.pid, operator: lessThan, value: 5 }',
        '{ fact: process, path: $.pid, operator: greaterThanInclusive, value: 5 }',
      ),
    ],
    ['a pattern and values that it does not match', all(named('^a', 'matches'), named('[b, c]', 'in'))],
    ['a test and its opposite', all(named('x', 'includes'), `{ not: ${named('x', 'includes')} }`)],
    ['no values', all(named('[]', 'in'))],
    [
      'an element, and none of them',
      all(args('abc', 'someFact:startsWith'), args('ab', 'not:someFact:startsWith')),
    ],
    ['contains and its opposite', all(args('-x', 'contains'), args('-x', 'doesNotContain'))],
    [
      'each way that is left',
      all(named('[a, b]', 'in'), `{ any: [ ${all(named('a'), named('b'))}, ${named('c')} ] }`),
    ],
    [
      'true and false',
      all(
        '{ fact: process, path: $.code_signature.exists, operator: notEqual, value: true }',
        '{ fact: process, path: $.code_signature.exists, operator: notEqual, value: false }',
        '{ fact: process, path: $.code_signature.exists, operator: exists, value: true }',
      ),
    ],
  ])('%s', (_, conditions) => {
    const text = rule({ conditions, more: 'tags: []' }).replace(
      'platforms: [linux]',
      conditions.includes('code_signature') ? 'platforms: [macos]' : 'platforms: [linux]',
    );
    expect(warningsOf(text).join('\n')).toContain('warning[never-holds]: one matches no event');
  });

  test.each([
    ['values that meet', all(named('[a, b]', 'in'), named('[b, c]', 'in'))],
    ['a prefix of a prefix', all(named('/a/', 'startsWith'), named('/a/b', 'startsWith'))],
    ['prefix and suffix', all(named('/a/', 'startsWith'), named('/b', 'endsWith'))],
    ['other elements', all(args('a', 'someFact:startsWith'), args('b', 'someFact:startsWith'))],
    ['a folded prefix', all(named('AB', 'ignoreCase:startsWith'), named('abc'))],
  ])('and not of %s', (_, conditions) => {
    expect(warningsOf(rule({ conditions, more: 'tags: []' })).join('\n')).not.toContain('never-holds');
  });
});

function args(value: string, operator: string): string {
  return `{ fact: process, path: $.args, operator: '${operator}', value: ${value} }`;
}

describe('check tells of deciding rules', () => {
  const deciding = (
    name: string,
    priority: number,
    type: string,
    conditions: string,
    on = 'auth.open',
  ): string =>
    `- { name: ${name}, on: [${on}], platforms: [linux], priority: ${priority}, conditions: ${conditions}, event: { type: ${type} }, tests: [] }`;
  const shadows = (...rules: string[]): string[] =>
    warningsOf(rules.join('\n')).filter((line) => line.includes('shadowed-rule'));
  const below = (folder: string): string => all(file('path', 'startsWith', folder));

  test.each([
    ['a wider prefix', below('/etc/ssh/'), below('/etc/')],
    ['a list with more', all(file('path', 'in', '[/a, /b]')), all(file('path', 'in', '[/b, /c, /a]'))],
    [
      'a part of the conditions',
      all(file('path', 'endsWith', '.key'), file('name', 'equal', 'x')),
      all(file('path', 'endsWith', 'key')),
    ],
    [
      'an alternative that covers it',
      below('/etc/'),
      `{ any: [ ${file('name', 'equal', 'x')}, ${file('path', 'startsWith', '/e')} ] }`,
    ],
    [
      'alternatives, each of them',
      `{ any: [ ${file('path', 'equal', '/etc/a')}, ${file('path', 'startsWith', '/etc/b')} ] }`,
      below('/etc/'),
    ],
    ['an absence', all(file('name', 'equal', 'x')), all(file('name', 'notEqual', 'y'))],
    [
      'a pattern that all its values match',
      all(file('name', 'in', '[ab, ac]')),
      all(file('name', 'matches', '"^a"')),
    ],
  ])('that never decide, by %s', (_, conditions, wider) => {
    expect(shadows(deciding('narrow', 1, 'deny', conditions), deciding('wide', 2, 'deny', wider))).toEqual([
      expect.stringContaining(
        'narrow never decides: wide, at r.yaml:2:3, matches whatever it matches, and with priority 2 against 1',
      ),
    ]);
    expect(shadows(deciding('narrow', 2, 'deny', conditions), deciding('wide', 1, 'deny', wider))).toEqual(
      [],
    );
    expect(shadows(deciding('narrow', 1, 'deny', wider), deciding('wide', 2, 'deny', conditions))).toEqual(
      [],
    );
  });

  test('that lose at equal priority, and where a path in doubt lets them decide after all', () => {
    expect(
      shadows(deciding('one', 3, 'allow', below('/etc/a')), deciding('two', 3, 'deny', below('/etc/'))),
    ).toEqual([
      expect.stringContaining(
        'where both have priority 3 deny wins; only where a path could not be resolved may it still decide',
      ),
    ]);
    expect(
      shadows(deciding('one', 3, 'deny', below('/etc/a')), deciding('two', 3, 'deny', below('/etc/'))),
    ).toEqual([]);
  });

  test('but not of a rule that another shadows on one of its triggers only', () => {
    const two = deciding('two', 1, 'drop', below('/a')).replace('[auth.open]', '[notify.open, notify.close]');
    expect(shadows(two, deciding('wide', 2, 'drop', below('/'), 'notify.open'))).toEqual([]);
  });
});

describe('check tells of parts that add nothing', () => {
  test.each([
    [
      'redundant-condition',
      all(named('ab', 'startsWith'), named('abc', 'startsWith')),
      'one: process.name startsWith "ab" follows from process.name startsWith "abc"',
    ],
    [
      'redundant-condition',
      all(named('ab'), named('ab')),
      'one: process.name equal "ab" follows from the same test before it',
    ],
    [
      'redundant-condition',
      `{ any: [ ${named('ab', 'startsWith')}, ${named('abc')} ] }`,
      'one: process.name equal "abc" is covered by process.name startsWith "ab"',
    ],
    [
      'redundant-condition',
      all(
        named('abc'),
        `{ any: [ ${all(named('a', 'includes'), args('x', 'contains'))}, ${args('y', 'contains')} ] }`,
      ),
      'one: process.name includes "a" follows from process.name equal "abc"',
    ],
    [
      'dead-branch',
      all(named('abc'), `{ any: [ ${named('b', 'startsWith')}, ${args('y', 'contains')} ] }`),
      'one: this alternative never holds: process.name equal "abc" and process.name startsWith "b" exclude each other',
    ],
    ['dead-branch', `{ any: [ ${named('[]', 'in')}, ${named('x')} ] }`, 'one: this alternative never holds'],
  ])('%s: %s', (code, conditions, message) => {
    const found = warningsOf(rule({ conditions, more: 'tags: []' })).filter(
      (line) => !line.includes('no-tests'),
    );
    expect(found).toEqual([expect.stringContaining(`warning[${code}]: ${message}`)]);
  });
});

test('conditions that use each other twice, forty deep, are checked at once', () => {
  const named = Object.fromEntries(
    Array.from({ length: 40 }, (_, depth) => [
      `n${depth}`,
      depth === 0
        ? { all: [{ fact: 'process', path: '$.name', operator: 'equal', value: 'x' }] }
        : {
            all: [
              { condition: `n${depth - 1}` },
              { any: [{ condition: `n${depth - 1}` }, { not: { condition: `n${depth - 1}` } }] },
            ],
          },
    ]),
  );
  const rules = ['one', 'two'].map((name) => ({
    name,
    on: ['notify.exec'],
    conditions: { condition: 'n39' },
    event: { type: 'alert' },
  }));
  const codes = checkRules(
    parseRules([{ file: 'r.json', text: JSON.stringify({ conditions: named, rules }) }]),
  ).map(({ code }) => code);
  expect(codes).toContain('identical-rules');
});

describe('a rule without tests of its own', () => {
  const codesWith = (tests: string): string[] => {
    const text = rule({ conditions: `{ all: [ ${named('x')} ] }`, more: 'tests: []' });
    const file = parseTestFile({ file: 'r.test.yaml', text: `tests: [${tests}]` }, () => undefined);
    const names = testedNames(file === undefined ? [] : [file]);
    return checkRules(parseRules([{ file: 'r.yaml', text }]), { testedNames: names }).map(({ code }) => code);
  };

  test.each([
    '{ name: t, rule: one, events: e.picket, expect: alert }',
    '{ name: t, rule: one, events: e.picket, expect: todo-alert }',
    '{ name: t, rule: one, events: e.picket, expect: { matches: 2 } }',
    '{ name: t, events: e.picket, expect: [one, two] }',
    '{ name: t, events: e.picket, expect: { matches: { two: 0, one: 1 } } }',
    '{ name: t, rule: one, events: e.picket, expect: { verdict: forward } }',
  ])('is tested by a test file: %s', (test) => {
    expect(codesWith(test)).toEqual([]);
  });

  test.each([
    '{ name: t, rule: one, events: e.picket, expect: none }',
    '{ name: t, rule: one, events: e.picket, expect: { matches: 0 } }',
    '{ name: t, events: e.picket, expect: { matches: { one: 0 } } }',
  ])('is never seen to match by a test file: %s', (test) => {
    expect(codesWith(test)).toEqual(['no-matching-test']);
  });

  test.each([
    '{ name: t, rule: two, events: e.picket, expect: alert }',
    '{ name: t, rules: ["*"], events: e.picket, expect: none }',
    '{ name: t, rule: one, evnets: e.picket, expect: alert }',
  ])('is not tested by one that does not name it, or is wrong: %s', (test) => {
    expect(codesWith(test)).toEqual(['no-tests']);
  });
});
