import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Platform } from '../../src/events/triggers.ts';
import { loadRules, parseRules, requireRuleSet } from '../../src/rules/load.ts';
import { formatProblem, RuleFileError } from '../../src/rules/rule-problem.ts';

const problemsOf = (text: string, platform?: Platform, file = 'r.yaml'): string[] =>
  parseRules([{ file, text }], { platform }).problems.map(formatProblem);

/** A rule that is right but for the parts given. */
function rule(parts: { on?: string; conditions?: string; event?: string; more?: string }): string {
  const { on = '[notify.exec]', event = '{ type: alert }', more = '' } = parts;
  const conditions =
    parts.conditions ?? '{ all: [ { fact: process, path: $.name, operator: equal, value: x } ] }';
  return `- name: one\n  on: ${on}\n  conditions: ${conditions}\n  event: ${event}\n${more}`;
}

const leaf = (text: string, on = '[notify.exec]'): string[] =>
  problemsOf(rule({ on, conditions: `{ all: [ ${text} ] }`, more: '  platforms: [linux]\n' }));

describe('a rule file', () => {
  test('that is right has no problems, as a list, as a map and as JSON', () => {
    const list = rule({ more: '  tests: [ { name: t, given: { process: { name: x } }, expect: alert } ]\n' });
    expect(problemsOf(list)).toEqual([]);
    expect(problemsOf(`rules:\n${list.replace(/^/gm, '  ')}`)).toEqual([]);
    const json = JSON.stringify(
      parseRules([{ file: 'r.yaml', text: list }]).ruleSet.rules.map(({ name, on, conditions, event }) => ({
        name,
        on,
        conditions,
        event,
      })),
    );
    expect(problemsOf(json, undefined, 'r.json')).toEqual([]);
  });

  test.each([
    ['- name: x\n\ton: [a]', 'r.yaml:2:2: error[yaml-syntax]: a tab indents this line (expected spaces)'],
    ['a: 1\na: 2', 'r.yaml:2:1: error[duplicate-key]: this key stands here twice (expected each key once)'],
    ['a: [1, 2', 'r.yaml:1:9: error[yaml-syntax]'],
    ['rulez: []', 'r.yaml:1:1: error[unknown-key]: unknown key `rulez`; did you mean `rules`?'],
    ['42', 'r.yaml:1:1: error[file-shape]: a rule file holds rules (found number 42'],
    ['- 42', 'r.yaml:1:3: error[rule-shape]: a rule is a map (found number 42'],
    ['[]\n---\n[]', 'r.yaml:2:1: error[yaml-documents]'],
    ['a: *b', 'r.yaml:1:4: error[yaml-alias]: no anchor of this name stands before (found *b)'],
    ['', 'r.yaml:1:1: warning[empty-file]'],
    ['name: x\nconditions: { all: [] }', 'r.yaml:1:1: error[file-shape]: this is one rule, not a list'],
  ])('%j is reported where it is wrong', (text, expected) => {
    expect(problemsOf(text)[0]).toContain(expected);
  });

  test.each([
    ['[ { "name": "x" "on": [] } ]', '1:17', "expected ',' or '}' after property value"],
    ['{"rules": [}', '1:12', "unexpected token '}'"],
    ['{"rules": [', '1:12', 'unexpected end of JSON input'],
  ])('in JSON is reported in the words of JSON: %s', (text, place, words) => {
    expect(problemsOf(text, undefined, 'r.json')).toEqual([
      `r.json:${place}: error[json-syntax]: this is not valid JSON: ${words}`,
    ]);
  });

  test('never makes the loader throw, whatever its bytes', () => {
    const word = fc.constantFrom(
      'name',
      'on',
      'conditions',
      'all',
      'any',
      'not',
      'fact',
      'value',
      'event',
      'type',
      'tests',
      'x',
    );
    const tree = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom(null, 1, 'x', 'auth.exec', 'equal', true),
        tie('list'),
        tie('map'),
      ),
      list: fc.array(tie('value'), { maxLength: 3 }),
      map: fc.dictionary(word, tie('value'), { maxKeys: 4 }),
    }));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ maxLength: 60 }),
          tree.value.map((value) => JSON.stringify(value)),
        ),
        (text) => {
          for (const problem of parseRules([{ file: 'r.yaml', text }]).problems) {
            expect(problem.line).toBeGreaterThan(0);
            expect(problem.column).toBeGreaterThan(0);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('keeps integers whole that a number would not hold', () => {
    const { ruleSet } = parseRules([
      {
        file: 'r.yaml',
        text: rule({
          conditions: '{ all: [ { fact: es, path: $.x, operator: equal, value: 1152921500312525701 } ] }',
        }),
      },
    ]);
    expect(ruleSet.rules[0]?.conditions).toMatchObject({ all: [{ value: 1152921500312525701n }] });
  });
});

describe('a rule', () => {
  test('reports all its mistakes at once, each at its place', () => {
    const text = `
- name: one
  on: [auth.exce]
  descripton: typo
  severity: hgih
  conditions: { all: [ { fact: process, path: $.executabel, operator: equal, value: x } ] }
  event: { type: tagg, params: { mesage: x } }
`;
    expect(problemsOf(text).map((line) => line.replace(/ \(.*/, ''))).toEqual([
      'r.yaml:3:8: error[unknown-trigger]: no trigger is named `auth.exce`; did you mean `auth.exec`?',
      'r.yaml:4:3: error[unknown-key]: unknown key `descripton`; did you mean `description`?',
      "r.yaml:5:13: error[wrong-value]: `severity` can't be this; did you mean `high`?",
      "r.yaml:7:18: error[wrong-value]: `type` can't be this; did you mean `tag`?",
      'r.yaml:7:34: error[unknown-key]: unknown key `mesage`; did you mean `message`?',
    ]);
  });

  test.each(["'$.executable '", '$executable', "'$.args[0'", '$.user.'])(
    'may not read by a path that finds nothing whatever the event is: %s',
    (path) => {
      const text = (conditions: string): string =>
        `- { name: one, on: [notify.exec], conditions: { all: [${conditions}] }, event: { type: alert } }`;
      const left = `{ fact: process, path: ${path}, operator: equal, value: x }`;
      const right = `{ fact: process, path: $.name, operator: equal, value: { fact: process, path: ${path} } }`;
      for (const leaf of [left, right]) {
        expect(problemsOf(text(leaf)).map((line) => /\[[\w-]+\]/.exec(line)?.[0])).toEqual(['[wrong-path]']);
      }
    },
  );

  test.each(["'$.args[?(@.length > 3)]'", '$.*', '$..name', "'$.args[0,1]'", "$['executable']"])(
    'may read by any other JSONPath: %s',
    (path) => {
      const text = `- { name: one, on: [notify.exec], conditions: { all: [{ fact: process, path: "${path.replace(/^'|'$/g, '')}", operator: exists, value: true }] }, event: { type: alert } }`;
      expect(problemsOf(text).filter((line) => line.includes('wrong-path'))).toEqual([]);
    },
  );

  test('needs a name of its own among all files', () => {
    const { problems } = parseRules([
      { file: 'a.yaml', text: rule({}) },
      { file: 'b.yaml', text: rule({}) },
    ]);
    expect(problems.map(formatProblem)).toEqual([
      'b.yaml:1:9: error[duplicate-rule]: another rule is named `one`, at a.yaml:1:9 (found `one` twice; expected a name of its own)',
    ]);
  });

  test('may not be named like an alert of Picket itself', () => {
    expect(problemsOf(rule({}).replace('name: one', 'name: picket-unasked'))).toEqual([
      "r.yaml:1:9: error[reserved-name]: names that begin with `picket-` are those of Picket's own alerts (found `picket-unasked`; expected a name of its own)",
    ]);
  });

  test('may allow and deny only what asks, forward and drop only what is told', () => {
    expect(problemsOf(rule({ event: '{ type: deny }' }))[0]).toContain(
      'r.yaml:4:18: error[event-type]: `deny` answers auth events, and notify.exec asks nothing',
    );
    expect(problemsOf(rule({ on: '[auth.exec]', event: '{ type: drop }' }))[0]).toContain(
      'error[event-type]: `drop` is for events that are told, and auth.exec waits',
    );
  });

  test('whose facts exist on one platform alone applies there, and says so', () => {
    const text = rule({
      conditions:
        '{ all: [ { fact: process, path: $.code_signature.exists, operator: equal, value: false } ] }',
    });
    const { ruleSet, problems } = parseRules([{ file: 'r.yaml', text }]);
    expect(ruleSet.rules[0]?.platforms).toEqual(['macos']);
    expect(problems.map(formatProblem)).toEqual([
      'r.yaml:1:9: warning[platform-implied]: one does not apply on linux: process.code_signature.exists does not exist in notify.exec on linux (expected `platforms: [macos]`, if that is meant)',
    ]);
  });
});

describe('a fact', () => {
  test('that a Linux auth.exec has not yet is an error that names notify.exec', () => {
    const expected = 'process.args does not exist in auth.exec on linux; it exists in notify.exec';
    const condition = '{ fact: process, path: $.args, operator: contains, value: x }';
    expect(leaf(condition, '[auth.exec]')[0]).toContain(expected);
    expect(problemsOf(rule({ on: '[auth.exec]', conditions: `{ all: [ ${condition} ] }` }))[0]).toContain(
      expected,
    );
    const macos = rule({
      on: '[auth.exec]',
      conditions: `{ all: [ ${condition} ] }`,
      more: '  platforms: [macos]\n',
    });
    expect(problemsOf(macos)).toEqual([]);
  });

  test.each([
    [
      '{ fact: process, path: $.executabel, operator: equal, value: x }',
      'r.yaml:3:47: error[unknown-fact]: no event of notify.exec on linux has process.executabel; did you mean process.executable?',
    ],
    ['{ fact: proces, path: $.executable, operator: equal, value: x }', 'r.yaml:3:32: error[unknown-fact]'],
    ['{ fact: process, path: $.executable.foo, operator: equal, value: x }', 'error[unknown-fact]'],
    ['{ fact: process, path: "$.args[0].x", operator: equal, value: x }', 'error[unknown-fact]'],
    [
      '{ fact: process, path: $.executable, operator: equal, value: { fact: process, path: $.nme } }',
      'r.yaml:3:85: error[unknown-fact]',
    ],
  ])('in %s is unknown', (text, expected) => {
    expect(leaf(text)[0]).toContain(expected);
  });

  test.each([
    '{ fact: process, path: "$.args[0]", operator: startsWith, value: x }',
    '{ fact: process, path: $.args.length, operator: greaterThan, value: 3 }',
    '{ fact: process.executable, operator: equal, value: { fact: process, path: $.parent.executable } }',
    '{ fact: process, path: $.start, operator: lessThan, value: "2026-01-01T00:00:00Z" }',
    '{ fact: process, path: $.user.id, operator: lessThan, value: 1000 }',
    '{ fact: process, path: $.args, operator: "someFact:ignoreCase:startsWith", value: x }',
    '{ fact: process, path: $.args, operator: "swap:in", value: x }',
    '{ fact: process, path: "$.args[?(@ == 1)]", operator: contains, value: x }',
    '{ fact: process, operator: exists, value: true }',
  ])('as in %s is fine', (text) => {
    expect(leaf(text)).toEqual([]);
  });
});

describe('a condition', () => {
  test.each([
    [
      '{ fact: process, path: $.pid, operator: equal, value: "12" }',
      'process.pid is a number and never equals this (found "12"; expected a number, without quotes)',
    ],
    [
      '{ fact: process, path: $.user.id, operator: equal, value: 0644 }',
      'process.user.id is text and never equals this (found 0644, which is the number 644; expected text; numbers in quotes)',
    ],
    [
      '{ fact: process, path: $.user.id, operator: in, value: ["0", 1] }',
      'process.user.id is text and never equals this (found number 1',
    ],
    [
      '{ fact: process, path: $.args, operator: equal, value: x }',
      'process.args is a list (found `equal`; expected `contains`, or `someFact:`',
    ],
    [
      '{ fact: process, path: $.args, operator: startsWith, value: x }',
      'process.args is a list (found `startsWith`; expected `someFact:startsWith`)',
    ],
    [
      '{ fact: process, path: $.name, operator: contains, value: x }',
      'process.name is none (found text; expected `includes`',
    ],
    [
      '{ fact: process, path: $.name, operator: "someFact:equal", value: x }',
      '`someFact:` goes through a list, and process.name is none',
    ],
    [
      '{ fact: process, path: $.name, operator: "someValue:equal", value: x }',
      '`someValue:` goes through a list of values',
    ],
    [
      '{ fact: process, path: $.name, operator: startsWith, value: [x] }',
      '`startsWith` takes one text (found a list of values; expected `someValue:startsWith` for a list)',
    ],
    ['{ fact: process, path: $.name, operator: in, value: x }', '`in` takes a list of values'],
    [
      '{ fact: process, path: $.name, operator: equal, value: [x] }',
      '`equal` compares with one value (found a list; expected one value; `in` for a list)',
    ],
    ['{ fact: process, path: $.name, operator: greaterThan, value: x }', '`greaterThan` compares numbers'],
    [
      '{ fact: process, path: $.name, operator: exists, value: x }',
      '`exists` asks yes or no (found "x"; expected true or false)',
    ],
    ['{ fact: process, path: $.name, operator: inCidr, value: 10.0.0 }', 'this is no network'],
    [
      '{ fact: process, path: $.name, operator: matches, value: "(?=x)" }',
      'this regular expression is not valid',
    ],
    [
      '{ fact: process, path: $.name, operator: matches, value: "a{999}" }',
      'repeats too often (found {999}; expected a repeat of at most 200)',
    ],
    [
      '{ fact: process, path: $.name, operator: matches, value: { fact: message } }',
      'a regular expression is written in the rule',
    ],
    [
      '{ fact: process, path: $.name, operator: "swap:matches", value: x }',
      'a regular expression is written in the rule',
    ],
    [
      '{ fact: process, path: $.name, operator: "ignoreCase:someValue:matches", value: [x] }',
      'must stand directly before matches (found `ignoreCase:someValue:matches`; expected `someValue:ignoreCase:matches`)',
    ],
    ['{ fact: process, operator: equal, value: x }', 'process is a group of facts and equals nothing'],
    [
      '{ fact: process, path: $.name, operator: startswith, value: x }',
      'no operator is named `startswith`; did you mean `startsWith`?',
    ],
    [
      '{ fact: process, path: $.name, operator: "ignorecase:equal", value: x }',
      'no decorator is named `ignorecase`; did you mean `ignoreCase:`?',
    ],
    [
      '{ fact: process, path: $.name, operator: "equal:ignoreCase", value: x }',
      'decorators stand before the operator (found `equal:ignoreCase`; expected `ignoreCase:equal`)',
    ],
    [
      '{ fact: process, path: name, operator: equal, value: x }',
      'a path is JSONPath, from the fact on (found "name"; expected `$.name`)',
    ],
    [
      '{ fact: process, path: $.name, opertor: equal, value: x }',
      'unknown key `opertor`; did you mean `operator`?',
    ],
    ['{ fact: process, path: $.name, operator: equal, value: { list: x } }', 'no list is named `x`'],
    ['{ condition: nope }', 'no condition is named `nope`'],
    ['{ all: x }', '`all` takes a list of conditions (found "x"'],
    ['{ not: [ ] }', 'a condition is a map (found an empty list'],
    ['{ all: [], any: [] }', 'this one is several (found all and any'],
    ['x', 'a condition is a map (found "x"'],
  ])('%s is refused in words', (text, expected) => {
    const [first] = leaf(text).filter((line) => line.includes('error['));
    expect(first).toContain(expected);
  });

  test('at the root groups others', () => {
    const [first] = problemsOf(
      rule({ conditions: '{ fact: process, path: $.name, operator: equal, value: x }' }),
    );
    expect(first).toContain('r.yaml:3:15: error[root-leaf]: the outermost condition groups others');
  });

  test('without parts is true, and a warning says so', () => {
    expect(leaf('{ any: [] }')[0]).toContain(
      'warning[empty-list]: `any` without conditions is true for every event',
    );
  });

  test('by name may stand in any file, once, and refers to itself in no circle', () => {
    const { problems } = parseRules([
      { file: 'a.yaml', text: rule({ conditions: '{ condition: shell }' }) },
      {
        file: 'b.yaml',
        text: 'conditions:\n  shell: { all: [ { fact: process, path: $.name, operator: equal, value: sh } ] }',
      },
    ]);
    expect(problems).toEqual([]);
    const circle = 'conditions:\n  a: { not: { condition: b } }\n  b: { all: [ { condition: a } ] }';
    expect(problemsOf(circle)[0]).toContain(
      'r.yaml:2:3: error[condition-circle]: the condition `a` refers to itself',
    );
    const twice = ['a.yaml', 'b.yaml'].map((file) => ({ file, text: 'conditions:\n  a: { all: [] }' }));
    expect(parseRules(twice).problems.map(formatProblem).join()).toContain(
      'b.yaml:2:3: error[duplicate-condition]',
    );
  });
});

describe('a test in a rule', () => {
  const testOf = (text: string): string[] =>
    problemsOf(rule({ more: `  platforms: [linux]\n  tests: [ ${text} ]\n` }));

  test.each([
    [
      '{ name: t, given: { process: { nme: x } }, expect: alert }',
      'no event of notify.exec on linux has process.nme; did you mean process.name?',
    ],
    [
      '{ name: t, given: { process: { name: 1 } }, expect: alert }',
      `process.name can't be this (found number 1; expected text: "1" in quotes)`,
    ],
    [
      '{ name: t, given: { process: { name: x } }, expect: deny }',
      `can't expect this (found "deny"; expected alert, none, todo-alert or todo-none)`,
    ],
    [
      '{ name: t, given: { process: { name: x } }, expect: alert, on: notify.open }',
      'one is not on this trigger',
    ],
    [
      '{ name: t, given: { process: { pid: 1 } }, expect: none }',
      'the test `t` asserts nothing: it gives no fact that one reads',
    ],
    ['{ name: t, given: {}, expect: none }', 'asserts nothing'],
    ['{ name: t, given: { process: { name: x } } }', 'the key `expect` is missing'],
    [
      '{ name: t, given: { process: { name: x } }, expects: alert }',
      'unknown key `expects`; did you mean `expect`?',
    ],
    ['x', 'a test is a map (found "x"'],
  ])('%s is refused', (text, expected) => {
    expect(testOf(text).join('\n')).toContain(expected);
  });

  test('and its neighbour are both looked at', () => {
    expect(testOf('{ name: a }, { name: b, given: { process: { name: x } }, expect: deny }')).toHaveLength(3);
  });
});

describe('loadRules', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'picket-rules-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test('reads folders recursively, by name, and names every file that it read', async () => {
    await mkdir(join(folder, 'b/c'), { recursive: true });
    await writeFile(join(folder, 'b/c/two.yml'), rule({}).replace('one', 'two'));
    await writeFile(join(folder, 'a.yaml'), rule({}));
    await writeFile(join(folder, 'b/three.json'), '[]');
    await writeFile(join(folder, 'README.md'), 'no rules');
    await writeFile(join(folder, '.hidden.yaml'), 'no rules');
    const { ruleSet, files, problems } = await loadRules([folder]);
    expect(problems).toEqual([]);
    expect(ruleSet.rules.map(({ name }) => name)).toEqual(['one', 'two']);
    expect(files.map((file) => file.slice(folder.length + 1))).toEqual([
      'a.yaml',
      'b/c/two.yml',
      'b/three.json',
    ]);
  });

  test('reads no file twice, and follows no circle of links', async () => {
    await writeFile(join(folder, 'a.yaml'), rule({}));
    await symlink(folder, join(folder, 'again'));
    const { ruleSet, problems } = await loadRules([folder, join(folder, 'a.yaml')]);
    expect(problems).toEqual([]);
    expect(ruleSet.rules).toHaveLength(1);
  });

  test('says what it could not read', async () => {
    await writeFile(join(folder, 'latin.yaml'), Buffer.from('a: b\nc: \xe9t\xe9\n', 'latin1'));
    await symlink('nowhere', join(folder, 'dangling.yaml'));
    await writeFile(join(folder, 'rules.txt'), '');
    await mkdir(join(folder, 'empty'));
    const missing = join(folder, 'missing.yaml');
    const loaded = await loadRules([folder, missing, join(folder, 'rules.txt'), join(folder, 'empty')]);
    const texts = loaded.problems.map((problem) => formatProblem(problem).replaceAll(`${folder}/`, ''));
    expect(texts).toEqual([
      "dangling.yaml: error[unreadable]: this file can't be read: it does not exist (expected a file that this user may read)",
      'latin.yaml:2:4: error[not-utf8]: this file is not valid UTF-8 (found a byte 0xe9; expected text in UTF-8)',
      'missing.yaml: error[missing-file]: there is no such file or folder (expected a rule file, or a folder of them)',
      'rules.txt: error[file-type]: this is no rule file (found .txt; expected .yaml, .yml, .json)',
      'empty: warning[no-rule-files]: this folder holds no rule files (expected files that end in .yaml, .yml, .json)',
    ]);
    // Watched, too: they may come.
    expect(loaded.files).toContain(missing);
  });

  test('leaves schemas of rule files alone, also where one is named', async () => {
    await writeFile(join(folder, 'rule-file.schema.json'), '{}');
    await writeFile(join(folder, 'one.json'), '[]');
    expect((await loadRules([folder])).files).toEqual([join(folder, 'one.json')]);
    const named = await loadRules([join(folder, 'rule-file.schema.json')]);
    expect(named.problems).toMatchObject([{ code: 'file-type', found: 'a JSON Schema' }]);
  });

  test('gives a rule set that crosses to a worker thread', async () => {
    await writeFile(join(folder, 'a.yaml'), rule({}));
    const { ruleSet } = await loadRules([folder]);
    expect(structuredClone(ruleSet)).toEqual(ruleSet);
  });

  test('gives no rule set to whoever requires it right', async () => {
    const file = join(folder, 'a.yaml');
    await writeFile(file, '- name: x');
    const loaded = await loadRules([file]);
    expect(() => requireRuleSet(loaded)).toThrow(RuleFileError);
    expect(() => requireRuleSet(loaded)).toThrow(
      /a\.yaml:1:3: error\[missing-key\]: the key `on` is missing/,
    );
  });
});
