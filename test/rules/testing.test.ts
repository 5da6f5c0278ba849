import { describe, expect, test } from 'vitest';
import { parseRules, requireRuleSet } from '../../src/rules/load.ts';
import { type TestResult, testRules } from '../../src/rules/testing.ts';

function run(text: string): Promise<TestResult[]> {
  return testRules(requireRuleSet(parseRules([{ file: 'r.yaml', text }])));
}

const rule = (conditions: string, tests: string, more = ''): string =>
  `- { name: one, on: [notify.exec, notify.exit], platforms: [linux], conditions: ${conditions}, event: { type: alert }, tests: [ ${tests} ] ${more} }`;

const startsWith = '{ fact: process, path: $.executable, operator: startsWith, value: /tmp/ }';
const given = (executable: string): string => `given: { process: { executable: ${executable} } }`;

describe('tests in rules', () => {
  test('pass where the rule does what they expect', async () => {
    const results = await run(
      rule(
        `{ all: [ ${startsWith} ] }`,
        `{ name: a, ${given('/tmp/x')}, expect: alert }, { name: b, ${given('/x')}, expect: none }`,
      ),
    );
    expect(results.map(({ test: name, status }) => [name, status])).toEqual([
      ['a', 'passed'],
      ['b', 'passed'],
    ]);
  });

  test('that fail say which condition decided, and what the event had', async () => {
    const [result] = await run(
      rule(
        `{ all: [ { any: [ ${startsWith}, { fact: process, path: $.pid, operator: equal, value: 1 } ] }, { fact: process, path: $.name, operator: exists, value: true } ] }`,
        `{ name: a, ${given('/x')}, expect: alert }`,
      ),
    );
    expect(result).toMatchObject({ status: 'failed', expected: 'alert', actual: 'none', line: 1 });
    expect(result?.why).toEqual([
      { condition: 'process.executable startsWith "/tmp/"', actual: '"/x"', isTrue: false },
      { condition: 'process.pid equal 1', actual: 'missing', isTrue: false },
    ]);
  });

  test('that expect nothing and match say by which conditions', async () => {
    const [result] = await run(
      rule(`{ not: { all: [ ${startsWith} ] } }`, `{ name: a, ${given('/x')}, expect: none }`),
    );
    expect(result?.why).toEqual([
      { condition: 'process.executable startsWith "/tmp/"', actual: '"/x"', isTrue: false },
    ]);
  });

  test('say of a fact that it is missing by null, whatever else would follow from what is given', async () => {
    const results = await run(
      rule(
        '{ all: [ { fact: process, path: $.args, operator: contains, value: x }, { not: { fact: process, path: $.name, operator: equal, value: y } } ] }',
        '{ name: a, given: { process: { executable: /y, name: null, args: [x] } }, expect: alert }, { name: b, given: { process: { args: null } }, expect: none }',
      ),
    );
    expect(results.map(({ status }) => status)).toEqual(['passed', 'passed']);
  });

  test('of known gaps are reported and fail nothing, closed or not', async () => {
    const results = await run(
      rule(
        `{ all: [ ${startsWith} ] }`,
        `{ name: a, ${given('/x')}, expect: todo-alert }, { name: b, ${given('/x')}, expect: todo-none }`,
      ),
    );
    expect(results.map(({ status, expected, actual }) => [status, expected, actual])).toEqual([
      ['todo', 'alert', 'none'],
      ['todo', 'none', 'none'],
    ]);
  });

  test('pick their trigger, the first by default', async () => {
    const onExit = '{ fact: picket, path: $.trigger, operator: equal, value: notify.exit }';
    const results = await run(
      rule(
        `{ all: [ ${onExit}, ${startsWith} ] }`,
        `{ name: a, ${given('/tmp/x')}, expect: none }, { name: b, on: notify.exit, ${given('/tmp/x')}, expect: alert }`,
      ),
    );
    expect(results.map(({ status }) => status)).toEqual(['passed', 'passed']);
  });

  test('run a rule alone, with its named conditions, and in shadow mode as if it were enforced', async () => {
    const text = `conditions:
  temporary: { all: [ ${startsWith} ] }
rules:
  ${rule('{ condition: temporary }', `{ name: a, ${given('/tmp/x')}, expect: alert }`, ', mode: shadow')}
  - { name: other, on: [notify.exec], priority: 9, conditions: { all: [ ${startsWith} ] }, event: { type: drop } }
`;
    expect((await run(text)).map(({ status }) => status)).toEqual(['passed']);
  });

  test('of paths that only the referee evaluates are run, too', async () => {
    const anyLong = "{ fact: process, path: '$.args[?(@.length > 3)]', operator: exists, value: true }";
    const results = await run(
      rule(
        `{ all: [ ${anyLong} ] }`,
        '{ name: a, given: { process: { args: [a, long] } }, expect: alert }, { name: b, given: { process: { args: [a] } }, expect: none }',
      ),
    );
    expect(results.map(({ status }) => status)).toEqual(['passed', 'passed']);
  });
});
