// The JSON Schema of test files: fresh, named by every shipped one, and of one mind with the parser.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseFileTests } from '../../src/rules/file-test-parser.ts';
import { schemaText } from '../../src/rules/json-schema/schema-text.ts';
import { testFileJsonSchema } from '../../src/rules/json-schema/test-file.ts';
import { parseRules } from '../../src/rules/load.ts';
import type { RuleProblem } from '../../src/rules/rule-problem.ts';
import { parseTestFile } from '../../src/rules/test-file-parser.ts';
import { TestedRules } from '../../src/rules/tested-rules.ts';
import { type Json, judgeOf } from '../json-schema-judge.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FILE = join(ROOT, 'rules', 'test-file.schema.json');
const PAGE = join(ROOT, 'docs', 'rules-testing.md');

const shipped = readdirSync(join(ROOT, 'demo'))
  .filter((name) => name.endsWith('.test.yaml'))
  .map((name) => join(ROOT, 'demo', name));

const judge = judgeOf(JSON.parse(JSON.stringify(testFileJsonSchema())) as Json);

/** The conditions of the one test in it, too. */
const accepts = (file: { readonly tests: readonly unknown[] }): boolean =>
  judge.accepts(file) && file.tests.every((test) => judge.agrees('test', test));

describe('the JSON Schema of test files', () => {
  it('is the file that is shipped', () => {
    const text = schemaText(testFileJsonSchema());
    if (process.env.PICKET_UPDATE_DOCS === '1') writeFileSync(FILE, text);
    const isFresh = existsSync(FILE) && readFileSync(FILE, 'utf8') === text;
    expect(isFresh, 'run this test with PICKET_UPDATE_DOCS=1').toBe(true);
  });

  it('has test files to be held to', () => {
    expect(shipped.length).toBeGreaterThan(1);
  });

  it.each(shipped)('is named by the first line of %s, and accepts it', (file) => {
    const text = readFileSync(file, 'utf8');
    const modeline = /^# yaml-language-server: \$schema=(\S+)\n/.exec(text);
    expect(resolve(dirname(file), modeline?.[1] ?? '')).toBe(FILE);
    expect(accepts(parse(text))).toBe(true);
  });

  it('accepts the example of the page on tests', () => {
    const [, text = ''] = /^```yaml\n(# my-rules\/monday\.test\.yaml\n[\s\S]*?)^```/m.exec(
      readFileSync(PAGE, 'utf8'),
    ) ?? ['', ''];
    expect(accepts(parse(text))).toBe(true);
  });

  const RULES = `
- { name: one, on: [notify.exec], platforms: [linux], event: { type: alert },
    conditions: { all: [{ fact: process, path: $.name, operator: equal, value: x }] } }
`;
  const parses = (file: object): boolean => {
    const problems: RuleProblem[] = [];
    const report = (problem: RuleProblem): void => void problems.push(problem);
    const { ruleSet } = parseRules([{ file: 'r.yaml', text: RULES }]);
    const document = parseTestFile({ file: 'r.test.json', text: JSON.stringify(file) }, report);
    if (document !== undefined) {
      parseFileTests(document, { tested: new TestedRules(ruleSet, new Set()), report });
    }
    return problems.length === 0;
  };

  const RECORDED = { name: 't', rule: 'one', events: 'e.picket', expect: 'alert' };
  const GIVEN = { name: 't', rule: 'one', given: { process: { name: 'x' } }, expect: 'alert' };

  it.each<[string, object]>([
    ['a recording', { tests: [RECORDED] }],
    ['a given event', { tests: [GIVEN], platform: 'linux', load: ['../rules'] }],
    ['several recordings', { tests: [{ ...RECORDED, events: ['a', 'b'], at: [1, 2], on: 'notify.exec' }] }],
    ['rules that match', { tests: [{ name: 't', events: 'e', expect: ['one'] }] }],
    ['numbers', { tests: [{ name: 't', events: 'e', expect: { matches: { one: 2 } } }] }],
    ['a number', { tests: [{ ...RECORDED, expect: { matches: 2 }, todo: 'later', exceptions: false }] }],
    [
      'a verdict on a given event',
      { tests: [{ ...GIVEN, rule: undefined, on: 'notify.exec', expect: { verdict: 'none' } }] },
    ],
  ])('accepts %s, as the parser does', (_, file) => {
    const plain = JSON.parse(JSON.stringify(file));
    expect([accepts(plain), parses(plain)]).toEqual([true, true]);
  });

  it.each<[string, object]>([
    ['an unknown key', { tests: [{ ...RECORDED, evnets: 'x' }] }],
    ['an unknown key of the file', { tests: [RECORDED], platfrom: 'linux' }],
    ['no test', { tests: [] }],
    ['no expectation', { tests: [{ ...RECORDED, expect: undefined }] }],
    ['an expectation that is none', { tests: [{ ...RECORDED, expect: 'alrt' }] }],
    ['a verdict that is none', { tests: [{ ...RECORDED, expect: { verdict: 'deyn' } }] }],
    ['no event', { tests: [{ ...RECORDED, events: undefined }] }],
    ['two sources of events', { tests: [{ ...RECORDED, ...GIVEN }] }],
    ['a trigger that is none', { tests: [{ ...RECORDED, on: 'notify.exce' }] }],
    ['an event of many rules without trigger', { tests: [{ ...GIVEN, rule: undefined, expect: 'none' }] }],
    ['a fact that is none', { tests: [{ ...GIVEN, given: { process: { nmae: 'x' } } }] }],
    ['an event of number 0', { tests: [{ ...RECORDED, at: 0 }] }],
  ])('refuses %s, as the parser does', (_, file) => {
    const plain = JSON.parse(JSON.stringify(file));
    expect([accepts(plain), parses(plain)]).toEqual([false, false]);
  });
});
