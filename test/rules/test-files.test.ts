import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runTests } from '../../src/cli/rules/run-tests.ts';
import type { EcsEvent } from '../../src/events/ecs-event.ts';
import { encodeEvent } from '../../src/events/encode-event.ts';
import type { FileTest } from '../../src/rules/file-test.ts';
import { parseFileTests } from '../../src/rules/file-test-parser.ts';
import { FileTestRunner, type Recording } from '../../src/rules/file-tests.ts';
import { loadRules, parseRules, requireRuleSet } from '../../src/rules/load.ts';
import type { RuleProblem } from '../../src/rules/rule-problem.ts';
import type { RuleDefinition, RuleSet } from '../../src/rules/schema.ts';
import { parseTestFile } from '../../src/rules/test-file-parser.ts';
import { readTestFiles } from '../../src/rules/test-files.ts';
import { TestedRules } from '../../src/rules/tested-rules.ts';
import { type TestResult, testRules } from '../../src/rules/testing.ts';

const RULES = requireRuleSet(
  parseRules([
    {
      file: 'rules/r.yaml',
      text: `
- name: from-tmp
  on: [notify.exec]
  platforms: [linux]
  conditions:
    all:
      - { fact: process, path: $.executable, operator: startsWith, value: /tmp/ }
      - { fact: process, path: $.user.id, operator: equal, value: '0' }
  event: { type: alert }
- name: forward-exec
  on: [notify.exec]
  platforms: [linux]
  conditions: { all: [ { fact: process, path: $.executable, operator: exists, value: true } ] }
  event: { type: forward }
- name: drop-shells
  on: [notify.exec]
  platforms: [linux]
  priority: 9
  conditions: { all: [ { fact: process, path: $.name, operator: equal, value: sh } ] }
  event: { type: drop }
`,
    },
  ]),
);

function exec(executable: string, user = '0'): EcsEvent {
  return {
    process: { executable, user: { id: user } },
    host: { os: { type: 'linux' } },
    picket: { trigger: 'notify.exec' },
  };
}

function recordingOf(events: readonly EcsEvent[]): Recording {
  return {
    events: events.map((event, index) => ({
      bytes: encodeEvent(event),
      trigger: event.picket?.trigger ?? 'picket',
      number: index + 1,
    })),
    faults: [],
  };
}

const DAY = recordingOf([
  exec('/tmp/x'),
  exec('/tmp/y', '1000'),
  exec('/bin/sh'),
  exec('/tmp/z'),
  { host: { os: { type: 'linux' } }, picket: { trigger: 'notify.exit' } },
]);
const RECORDINGS: Readonly<Record<string, Recording>> = {
  'tests/day.picket': DAY,
  'tests/damaged.picket': { ...DAY, faults: ['tests/damaged.picket:6: the recording ends within it'] },
};

function parse(tests: string, ruleSet: RuleSet = RULES): { tests: FileTest[]; problems: RuleProblem[] } {
  const problems: RuleProblem[] = [];
  const report = (problem: RuleProblem): void => void problems.push(problem);
  const file = parseTestFile({ file: 'tests/a.test.yaml', text: tests }, report);
  const context = {
    tested: new TestedRules(ruleSet, new Set(['broken'])),
    report,
  };
  return {
    tests: file === undefined ? [] : parseFileTests(file, context),
    problems,
  };
}

async function run(test: string, ruleSet: RuleSet = RULES): Promise<TestResult> {
  const { tests, problems } = parse(`tests: [ { name: t, ${test} } ]`, ruleSet);
  expect(problems).toEqual([]);
  const [only] = tests;
  if (only === undefined) throw new Error('no test');
  const readRecording = async (path: string): Promise<Recording> =>
    RECORDINGS[path] ?? { events: [], faults: [`${path}: is not there`] };
  return new FileTestRunner(ruleSet, { readRecording }).run(only);
}

describe('a test over recorded events', () => {
  test.each([
    ['rule: from-tmp, events: day.picket, expect: alert', 'passed'],
    ['rule: from-tmp, events: day.picket, expect: none', 'failed'],
    ['rule: from-tmp, events: day.picket, at: [2, 3], expect: none', 'passed'],
    ['rule: from-tmp, events: day.picket, expect: { matches: 2 }', 'passed'],
    ['rule: from-tmp, events: day.picket, expect: { matches: 3 }', 'failed'],
    ['events: day.picket, expect: [from-tmp, forward-exec, drop-shells]', 'passed'],
    ['events: day.picket, expect: [from-tmp, forward-exec]', 'failed'],
    ['events: day.picket, at: 2, expect: [forward-exec]', 'passed'],
    ['events: day.picket, expect: { matches: { from-tmp: 2, forward-exec: 4, drop-shells: 1 } }', 'passed'],
    ['rules: [from-*], events: day.picket, at: 3, expect: none', 'passed'],
    ['rules: ["*"], events: day.picket, at: 3, expect: none', 'failed'],
    ['events: day.picket, at: 3, expect: { verdict: drop }', 'passed'],
    ['rules: [forward-exec], events: day.picket, at: 3, expect: { verdict: forward } ', 'passed'],
    ['events: day.picket, at: 3, expect: { verdict: forward }', 'failed'],
    ['events: [day.picket, day.picket], expect: { matches: { from-tmp: 4 } }', 'passed'],
    ['rule: from-tmp, events: day.picket, expect: todo-none', 'todo'],
    ['events: day.picket, todo: shells are dropped, expect: [forward-exec]', 'todo'],
    [
      'rule: from-tmp, given: { process: { executable: /tmp/x, user: { id: "0" } } }, expect: alert',
      'passed',
    ],
    [
      'on: notify.exec, given: { process: { executable: /tmp/x, user: { id: "0" } } }, expect: [from-tmp, forward-exec]',
      'passed',
    ],
  ])('{ %s } is %s', async (written, status) => {
    expect((await run(written)).status).toBe(status);
  });

  test('that misses a match shows the event that came nearest, and what kept it', async () => {
    const result = await run('rule: from-tmp, events: day.picket, at: [2, 3], expect: alert');
    expect(result).toMatchObject({
      expected: 'alert',
      actual: 'none',
      notes: ['from-tmp matches no event', 'event 2 comes nearest'],
      why: [{ condition: 'process.user.id equal "0"', actual: '"1000"', isTrue: false }],
    });
  });

  test('that meets an unwanted match shows which event it was, and what decided', async () => {
    const result = await run('events: day.picket, at: [2, 3], expect: [forward-exec]');
    expect(result).toMatchObject({
      actual: 'drop-shells, forward-exec',
      notes: ['drop-shells matches event 3'],
      why: [{ condition: 'process.name equal "sh"', actual: '"sh"', isTrue: true }],
    });
  });

  test('that expects nothing of events for which no rule is asked asserts nothing, and fails', async () => {
    const result = await run('rule: from-tmp, events: day.picket, at: 5, expect: none');
    expect(result).toMatchObject({
      status: 'failed',
      notes: ['this test asserts nothing: of 1 event none is for from-tmp (notify.exec)'],
    });
  });

  test('fails where the recording can’t be read whole, or has no such event', async () => {
    expect(await run('rule: from-tmp, events: damaged.picket, expect: alert')).toMatchObject({
      status: 'failed',
      notes: ['tests/damaged.picket:6: the recording ends within it'],
    });
    expect(await run('rule: from-tmp, events: day.picket, at: [1, 9], expect: alert')).toMatchObject({
      status: 'failed',
      notes: ['tests/day.picket has no event 9: it holds 5'],
    });
  });

  test('says that a known gap is closed', async () => {
    expect(await run('rule: from-tmp, events: day.picket, expect: todo-alert')).toMatchObject({
      status: 'todo',
      isGapClosed: true,
    });
  });
});

describe('what is wrong in a test file', () => {
  test.each([
    ['rule: from-tpm, events: x, expect: alert', 'unknown-rule', 'did you mean `from-tmp`?'],
    ['rule: broken, events: x, expect: alert', 'unknown-rule', 'broken has errors'],
    ['rules: [nothing-*], events: x, expect: none', 'unknown-rule', "no rule's name fits `nothing-*`"],
    ['rule: from-tmp, rules: [from-tmp], events: x, expect: none', 'test-shape', 'one rule or about several'],
    ['rule: from-tmp, events: x, expect: deny', 'wrong-expectation', "can't expect this"],
    ['events: x, expect: alert', 'wrong-expectation', 'which rule?'],
    ['events: x, expect: { matches: 3 }', 'wrong-expectation', 'which rule?'],
    ['events: x, expect: {}', 'empty-test', 'asserts nothing'],
    ['events: x, expect: [from-tpm]', 'unknown-rule', 'did you mean `from-tmp`?'],
    ['events: x, expect: { matches: { from-tpm: 1 } }', 'unknown-rule', 'did you mean `from-tmp`?'],
    ['events: x, expect: { mathces: 1 }', 'unknown-key', 'did you mean `matches`?'],
    ['events: x, expect: { matches: { from-tmp: many } }', 'wrong-value', "`expect` can't be this"],
    ['events: x, expekt: none', 'unknown-key', 'did you mean `expect`?'],
    ['events: x', 'missing-key', 'the key `expect` is missing'],
    ['rule: from-tmp, expect: none', 'missing-key', 'the test has no event'],
    ['rule: from-tmp, events: x, given: {}, expect: none', 'test-shape', 'one source of events'],
    [
      'rule: from-tmp, given: { process: { executable: /x } }, at: 1, expect: none',
      'test-shape',
      'picks events of a recording',
    ],
    [
      'rule: from-tmp, given: { process: { executible: /x } }, expect: none',
      'unknown-fact',
      'did you mean process.executable?',
    ],
    [
      'rule: from-tmp, given: { process: { pid: 1 } }, expect: none',
      'empty-test',
      'it gives no fact that from-tmp reads',
    ],
    ['given: { process: { executable: /x } }, expect: none', 'missing-key', 'the key `on` is missing'],
    [
      'on: notify.exce, given: { process: { executable: /x } }, expect: none',
      'unknown-trigger',
      'did you mean `notify.exec`?',
    ],
    ['rule: from-tmp, on: auth.exec, events: x, expect: none', 'wrong-trigger', 'is not on this trigger'],
    ['events: x, at: 0, expect: none', 'wrong-value', "`at` can't be this"],
  ])('{ %s } is %s', (written, code, message) => {
    const { tests, problems } = parse(`tests:\n  - { name: t, ${written} }`);
    expect(tests).toEqual([]);
    expect(problems.map((problem) => problem.code)).toContain(code);
    const problem = problems.find((one) => one.code === code);
    expect(problem?.message).toContain(message);
    expect(problem).toMatchObject({ file: 'tests/a.test.yaml', line: 2, severity: 'error' });
  });

  test.each([
    ['[]', 'test-shape'],
    ['tests: []', 'wrong-value'],
    ['test: []', 'unknown-key'],
    ['tests: [ 3 ]', 'test-shape'],
    [
      'tests: [ { name: a, events: x, expect: none }, { name: a, events: x, expect: none } ]',
      'duplicate-test',
    ],
  ])('%s is %s', (text, code) => {
    expect(parse(text).problems.map((problem) => problem.code)).toContain(code);
  });
});

describe('a rule that has exceptions', () => {
  const [rule, ...others] = RULES.rules;
  if (rule === undefined) throw new Error('no rule');
  const conditions = { all: [{ fact: 'process', path: '$.executable', operator: 'equal', value: '/tmp/x' }] };
  const excepted: RuleDefinition = {
    ...rule,
    conditions: { all: [rule.own, { not: { any: [conditions] } }] },
    exceptions: [{ name: 'ours', rule: rule.name, conditions, reason: 'we install so', place: rule.place }],
    tests: [
      {
        name: 'as root',
        given: { process: { executable: '/tmp/x', user: { id: '0' } } },
        expect: 'alert',
        on: 'notify.exec',
        line: 1,
        column: 1,
      },
      {
        name: 'another',
        given: { process: { executable: '/tmp/y', user: { id: '0' } } },
        expect: 'alert',
        on: 'notify.exec',
        line: 2,
        column: 1,
      },
    ],
  };
  const set = { ...RULES, rules: [excepted, ...others] };

  test('passes its own tests, and is told which exception changes one in force', async () => {
    const results = await testRules(set);
    expect(results.map(({ status, exceptedBy }) => ({ status, exceptedBy }))).toEqual([
      { status: 'passed', exceptedBy: [{ name: 'ours', reason: 'we install so' }] },
      { status: 'passed', exceptedBy: [] },
    ]);
  });

  test('is tested with them in a test file, unless that says otherwise', async () => {
    const written = 'rule: from-tmp, events: day.picket, at: 1';
    expect(await run(`${written}, expect: none`, set)).toMatchObject({ status: 'passed' });
    expect(await run(`${written}, exceptions: false, expect: alert`, set)).toMatchObject({
      status: 'passed',
    });
    expect(await run(`${written}, expect: alert`, set)).toMatchObject({
      status: 'failed',
      notes: ['event 1 is excepted by ours (we install so)'],
    });
  });
});

describe('files that end in .test.yaml', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'picket-test-files-'));
    mkdirSync(join(folder, 'tests'));
    writeFileSync(join(folder, 'tests', 'b.test.yaml'), 'tests: []');
    writeFileSync(join(folder, 'a.test.json'), '{ "tests": [] }');
    writeFileSync(
      join(folder, 'r.yaml'),
      '- { name: a, on: [notify.exec], conditions: { all: [ { fact: process, path: $.name, operator: equal, value: x } ] }, event: { type: alert } }',
    );
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('are no rule files, neither in a folder nor by name', async () => {
    const loaded = await loadRules([folder, join(folder, 'a.test.json')]);
    expect(loaded.problems).toEqual([]);
    expect(loaded.files).toEqual([join(folder, 'r.yaml')]);
  });

  test('are found in folders and by name, each once', async () => {
    const texts = await readTestFiles([folder, join(folder, 'a.test.json')], () => undefined);
    expect(texts.map(({ file }) => file)).toEqual([
      join(folder, 'a.test.json'),
      join(folder, 'tests', 'b.test.yaml'),
    ]);
  });
});

test('the demo’s recordings hold what the shipped rules are said to find in them', async () => {
  const { errors, results } = await runTests([fileURLToPath(new URL('../../demo', import.meta.url))], {
    rules: [],
    withCoverage: false,
  });
  expect(errors).toEqual([]);
  const ofFiles = results.filter(({ file }) => file.endsWith('.test.yaml'));
  expect(ofFiles.length).toBeGreaterThanOrEqual(4);
  expect(ofFiles.filter(({ status }) => status !== 'passed')).toEqual([]);
});
