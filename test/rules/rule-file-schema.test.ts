// The JSON Schema of rule files: fresh, named by every shipped file, and of one mind with the loader.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { triggersOf } from '../../src/events/fact-table.ts';
import { ruleFileSchema } from '../../src/rules/json-schema/rule-file.ts';
import { schemaText } from '../../src/rules/json-schema/schema-text.ts';
import { parseRules } from '../../src/rules/load.ts';
import { EVENT_TYPES, PLATFORMS } from '../../src/rules/schema.ts';
import { type Json, judgeOf } from '../json-schema-judge.ts';

const RULES = fileURLToPath(new URL('../../rules', import.meta.url));
const FILE = join(RULES, 'rule-file.schema.json');
const PAGE = fileURLToPath(new URL('../../docs/rules.md', import.meta.url));

const DEMO_RULES = fileURLToPath(new URL('../../src/demo/demo-rules.yaml', import.meta.url));

const shipped = readdirSync(RULES, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => join(RULES, name))
  .concat(DEMO_RULES);

const whole = JSON.parse(JSON.stringify(ruleFileSchema())) as Json;
const { accepts, agrees } = judgeOf(whole);

describe('the JSON Schema of rule files', () => {
  it('is the file that is shipped', () => {
    if (process.env.PICKET_UPDATE_DOCS === '1') writeFileSync(FILE, schemaText(ruleFileSchema()));
    const isFresh = existsSync(FILE) && readFileSync(FILE, 'utf8') === schemaText(ruleFileSchema());
    expect(isFresh, 'run this test with PICKET_UPDATE_DOCS=1').toBe(true);
    expect(JSON.parse(readFileSync(FILE, 'utf8'))).toEqual(whole);
  });

  it.each(shipped)('is named by the first line of %s, and accepts it', (file) => {
    const text = readFileSync(file, 'utf8');
    const modeline = /^# yaml-language-server: \$schema=(\S+)\n/.exec(text);
    expect(resolve(dirname(file), modeline?.[1] ?? '')).toBe(FILE);
    expect(accepts(parse(text))).toBe(true);
  });

  it('accepts the examples of the page on rules', () => {
    const examples = [...readFileSync(PAGE, 'utf8').matchAll(/^```yaml\n([\s\S]*?)^```/gm)];
    expect(examples.length).toBeGreaterThan(2);
    for (const [, text = ''] of examples) expect([text, accepts(parse(text))]).toEqual([text, true]);
  });

  const RULE = {
    name: 'one',
    on: ['notify.exec'],
    platforms: ['linux'],
    conditions: { all: [{ fact: 'process', path: '$.name', operator: 'equal', value: 'x' }] },
    event: { type: 'alert' },
  };
  const EXCEPTION = {
    rule: 'one',
    name: 'e',
    reason: 'r',
    conditions: { any: [{ not: { condition: 'c' } }] },
  };
  const leaf = (more: object): object => ({
    ...RULE,
    conditions: { all: [{ fact: 'process', path: '$.name', operator: 'equal', value: 'x', ...more }] },
  });
  const loads = (value: object): boolean => {
    const others = { conditions: { c: RULE.conditions }, lists: { l: ['a'] } };
    const texts = [value, others, [{ ...RULE, name: 'another' }]].map((one, index) => ({
      file: `${index}.json`,
      text: JSON.stringify(one),
    }));
    return parseRules(texts).problems.every(({ severity }) => severity !== 'error');
  };

  it.each<[string, object]>([
    ['a list of rules', [RULE]],
    ['a map of rules', { rules: [RULE], platforms: ['linux'] }],
    ['a decorated operator', [leaf({ operator: 'not:ignoreCase:equal' })]],
    ['a whole name as the fact', [leaf({ fact: 'process.name', path: undefined })]],
    ['a list by name', [leaf({ operator: 'in', value: { list: 'l' } })]],
    ['another fact', [leaf({ value: { fact: 'process', path: '$.executable' } })]],
    ['an element of a list', [leaf({ path: '$.args[1]' })]],
    ['exceptions', { exceptions: [{ ...EXCEPTION, rule: 'another' }] }],
    [
      'exceptions of several rules until a time',
      { exceptions: [{ ...EXCEPTION, rule: ['another'], expires: '2999-01-01T00:00:00Z' }] },
    ],
    ['lists', { lists: { a: ['x', 1], b: { values: ['10.0.0.0/8'], type: 'cidr' } } }],
    [
      'a test',
      [
        {
          ...RULE,
          tests: [
            {
              name: 't',
              given: { process: { name: 'x', args: ['a'], parent: { name: null } } },
              expect: 'todo-none',
            },
          ],
        },
      ],
    ],
  ])('accepts %s, as the loader does', (_, value) => {
    const plain: unknown = JSON.parse(JSON.stringify(value));
    expect([accepts(plain), loads(value)]).toEqual([true, true]);
  });

  it.each<[string, object]>([
    ['an unknown key', [{ ...RULE, sevrity: 'low' }]],
    ['a missing one', [{ ...RULE, event: undefined }]],
    ['a name of Picket’s own', [{ ...RULE, name: 'picket-x' }]],
    ['a severity that is none', [{ ...RULE, severity: 'hihg' }]],
    ['a trigger that is none', [{ ...RULE, on: ['notify.exce'] }]],
    [
      'a single fact at the root',
      [{ ...RULE, conditions: { fact: 'process', operator: 'exists', value: true } }],
    ],
    ['an operator that is none', [leaf({ operator: 'startswith' })]],
    ['a decorator behind the operator', [leaf({ operator: 'equal:not' })]],
    ['a fact that is none', [leaf({ fact: 'proces' })]],
    ['a condition of two kinds', [{ ...RULE, conditions: { all: [], any: [] } }]],
    ['an exception without a reason', { exceptions: [{ ...EXCEPTION, rule: 'another', reason: undefined }] }],
    ['an expiry that is no date', { exceptions: [{ ...EXCEPTION, rule: 'another', expires: 'soon' }] }],
    ['a list of two kinds', { lists: { a: { file: 'x', values: [] } } }],
    ['a type of list that is none', { lists: { a: { values: [], type: 'cdr' } } }],
    [
      'a test of facts that are none',
      [{ ...RULE, tests: [{ name: 't', given: { process: { nmae: 'x' } }, expect: 'none' }] }],
    ],
    [
      'an expectation that is none',
      [{ ...RULE, tests: [{ name: 't', given: { process: { name: 'x' } }, expect: 'nothing' }] }],
    ],
  ])('refuses %s, as the loader does', (_, value) => {
    const plain: unknown = JSON.parse(JSON.stringify(value));
    expect([accepts(plain), loads(value)]).toEqual([false, false]);
  });

  it('knows which event types a trigger takes, for every trigger', () => {
    const triggers = new Set(PLATFORMS.flatMap((platform) => [...triggersOf(platform)]));
    for (const trigger of triggers) {
      const isAuth = trigger.startsWith('auth.');
      const types = EVENT_TYPES.filter((type) => agrees('rule', { ...RULE, on: [trigger], event: { type } }));
      expect(types).toEqual(isAuth ? ['allow', 'deny', 'alert', 'tag'] : ['forward', 'drop', 'alert', 'tag']);
    }
    const both = ['auth.open', 'notify.open'];
    expect(EVENT_TYPES.filter((type) => agrees('rule', { on: both, event: { type } }))).toEqual([
      'alert',
      'tag',
    ]);
  });

  it.each([
    [{ fact: 'process', path: '$.executable' }, true],
    [{ fact: 'process', path: '$.parent' }, true],
    [{ fact: 'process', path: '$.exectable' }, false],
    [{ fact: 'file', path: '$.executable' }, false],
    [{ fact: 'process', path: '$.args[?(@ == "x")]' }, true],
    [{ fact: 'process', path: '$.args.length' }, true],
    [{ fact: 'es', path: '$.event.anything' }, true],
    [{ operator: 'exists', value: 'yes' }, false],
    [{ operator: 'in', value: 'a' }, false],
    [{ operator: 'in', value: { list: 'l' } }, true],
    [{ operator: 'startsWith', value: ['a'] }, false],
  ])('says of %j that it is right: %s', (part, expected) => {
    expect(agrees('leaf', part)).toBe(expected);
  });
});
