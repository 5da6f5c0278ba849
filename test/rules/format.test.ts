import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FormatError, formatRules } from '../../src/rules/format/format.ts';
import { findRules, parseRules } from '../../src/rules/load.ts';
import type { RuleProblem } from '../../src/rules/rule-problem.ts';
import { ruleSet } from './arbitrary-rules.ts';

const RULES = fileURLToPath(new URL('../../rules', import.meta.url));

function format(text: string, file = 'r.yaml'): string {
  const problems: RuleProblem[] = [];
  const formatted = formatRules(file, text, (problem) => problems.push(problem));
  expect(problems).toEqual([]);
  return formatted ?? '';
}

/** What the rules are, wherever they stand. */
function meaningOf(text: string, file: string): unknown {
  const { ruleSet: set, problems } = parseRules([{ file, text }]);
  const isPlace = (key: string): boolean => key === 'place' || key === 'line' || key === 'column';
  return JSON.parse(
    JSON.stringify({ set, problems: problems.map(({ code }) => code).sort() }, (key, value: unknown) =>
      isPlace(key) ? undefined : typeof value === 'bigint' ? `${value}n` : value,
    ),
  );
}

describe('a formatted rule file', () => {
  test('has its keys in order, an empty line between rules, and its comments', () => {
    const before = `# The file.

- conditions:   # what must hold
      all:
      -   {value: curl,   operator: 'equal', fact: process, path: $.name}   # by name
      # then
      - not: {condition: x}
  name: one
  event: {type: alert}
  # which ones
  on: [ notify.exec ]
# The second rule.
- {name: two, on: [notify.exec], conditions: {condition: x}, event: {type: alert, params: {message: "A message that is long enough to be too long for a line"}}}
`;
    expect(format(before)).toBe(`# The file.

- name: one
  # which ones
  on: [notify.exec]
  conditions: # what must hold
    all:
      - { fact: process, path: $.name, operator: "equal", value: curl } # by name
      # then
      - not: { condition: x }
  event: { type: alert }

# The second rule.
- name: two
  on: [notify.exec]
  conditions: { condition: x }
  event: { type: alert, params: { message: "A message that is long enough to be too long for a line" } }
`);
  });

  test('keeps the lines of text blocks, and words as they were written', () => {
    const before = `- name: one
  on: [notify.exec]
  description: >-
       Two lines
       of one paragraph.

         An example.
  conditions:
    all:
      - { fact: file, path: $.mode, operator: equal, value: '0644' }
      - { fact: process, path: $.pid, operator: equal, value: 0x1f }
      - { fact: process, path: $.name, operator: matches, value: 'a\\d"' }
      - { fact: process, path: $.name, operator: equal, value: "it's" }
  event: { type: alert }
`;
    expect(format(before)).toBe(
      before
        .replaceAll('       Two', '    Two')
        .replace('       of', '    of')
        .replace('         An', '      An')
        .replace("'0644'", '"0644"'),
    );
  });

  test('in JSON has what fits in a line', () => {
    const before =
      '{"rules":[{"on":["notify.exec"],"name":"one","conditions":{"all":[{"operator":"equal","fact":"process","path":"$.name","value":"caf\\u00e9"}]},"event":{"type":"alert"}}]}';
    expect(format(before, 'r.json')).toBe(
      `{
  "rules": [
    {
      "name": "one",
      "on": ["notify.exec"],
      "conditions": {
        "all": [{ "fact": "process", "path": "$.name", "operator": "equal", "value": "caf\\u00e9" }]
      },
      "event": { "type": "alert" }
    }
  ]
}
`.replace(/\{\n +"all": (.*)\n +\}/, '{ "all": $1 }'),
    );
  });

  test('of the oddest form finds its own in one go, with anchors, tags and comments in odd places', () => {
    expect(
      format(`# yaml-language-server: $schema=../rule-file.schema.json

conditions:
    c1: &c1 {any: [{fact: process, path: $.name, operator: in, value: [aaaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbbbbbbbb, ccccccccccccccccccc]}]}
    c2: *c1
rules:


    - name:   one


      # above on
      on: [notify.exec, # inside
        notify.exit]
      description: a plain text that goes
        over two lines and is quite long, so long that it must be folded at some point, because it is longer than the line width
      conditions: {all: [{fact: process, path: $.name, operator: equal, value: "a\\tb"}, {condition: c1}]}
      event: # what
        type: alert   # yes
        params: {message: !!str "x"}
      tests: []
      # last
    # before two
    - {event: {type: alert}, name: two, on: [notify.exec], conditions: {condition: c2}}
# end
`),
    ).toBe(`# yaml-language-server: $schema=../rule-file.schema.json

conditions:
  c1: &c1
    any:
      - fact: process
        path: $.name
        operator: in
        value: [aaaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbbbbbbbb, ccccccccccccccccccc]
  c2: *c1
rules:
  - name: one

    # above on
    on:
      - notify.exec # inside
      - notify.exit
    description: a plain text that goes over two lines and is quite long, so long that it must be folded at some point,
      because it is longer than the line width
    conditions: { all: [{ fact: process, path: $.name, operator: equal, value: "a\\tb" }, { condition: c1 }] }
    event: # what
      type: alert # yes
      params: { message: !!str "x" }
    tests: []
    # last
    # before two

  - { name: two, on: [notify.exec], conditions: { condition: c2 }, event: { type: alert } }

# end
`);
  });

  test('of exceptions has an empty line between them and their keys in order', () => {
    const before = `exceptions:
  - { reason: A job., conditions: { all: [{ value: a, fact: process, path: $.name, operator: equal }] }, name: x, rule: one }
  - { rule: two, name: y, conditions: { all: [] }, expires: 2027-01-01, reason: Another. }
`;
    expect(formatRules('e.yaml', before, () => undefined)).toBe(`exceptions:
  - rule: one
    name: x
    reason: A job.
    conditions: { all: [{ fact: process, path: $.name, operator: equal, value: a }] }

  - { rule: two, name: y, reason: Another., expires: 2027-01-01, conditions: { all: [] } }
`);
  });

  test('of no rules stays empty', () => {
    expect(format('# Nothing yet.\n')).toBe('# Nothing yet.\n');
    expect(format('[]\n')).toBe('[]\n');
  });

  test('that is not valid is reported, not formatted', () => {
    const problems: RuleProblem[] = [];
    expect(formatRules('r.yaml', '- {', (problem) => problems.push(problem))).toBeUndefined();
    expect(formatRules('r.json', '[] # YAML', (problem) => problems.push(problem))).toBeUndefined();
    expect(problems.map(({ code }) => code)).toEqual(['yaml-syntax', 'json-syntax']);
  });
});

describe('formatting', () => {
  test('changes nothing in rules but their places, and nothing at all the second time', () => {
    fc.assert(
      fc.property(ruleSet(4), fc.boolean(), fc.integer({ min: 0, max: 3 }), (set, isJson, style) => {
        const plain = {
          conditions: set.conditions,
          rules: set.rules.map(({ place: _, falsePositives, severity, tags, ...rule }) => ({
            tags,
            severity,
            ...rule,
            false_positives: falsePositives,
          })),
        };
        const text = JSON.stringify(
          plain,
          (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value),
          style,
        );
        const file = isJson ? 'r.json' : 'r.yaml';
        const once = format(text, file);
        expect(format(once, file)).toBe(once);
        expect(meaningOf(once, file)).toEqual(meaningOf(text, file));
      }),
      { numRuns: 80 },
    );
  });

  test('of any lines of a rule file is refused, or changes no meaning and loses no comment', async () => {
    const { texts } = await findRules([RULES]);
    const lines = texts
      .flatMap(({ text }) => text.split('\n').slice(0, 60))
      .filter((line) => line.length < 90);
    const pieces = fc.array(
      fc.constantFrom(...lines, '# a comment', '    # another', '', '  - [a, { b: c }]'),
      { maxLength: 14 },
    );
    let formatted = 0;
    fc.assert(
      fc.property(pieces, (some) => {
        const text = `${some.join('\n')}\n`;
        let once: string | undefined;
        try {
          once = formatRules('r.yaml', text, () => undefined);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
        if (once === undefined) return;
        formatted++;
        expect(format(once)).toBe(once);
        expect(meaningOf(once, 'r.yaml')).toEqual(meaningOf(text, 'r.yaml'));
      }),
      { numRuns: 800 },
    );
    expect(formatted).toBeGreaterThan(20);
  });

  test('would change no shipped rule file', async () => {
    const { texts } = await findRules([RULES]);
    expect(texts.length).toBeGreaterThan(10);
    expect(texts.filter(({ file, text }) => format(text, file) !== text).map(({ file }) => file)).toEqual([]);
    expect(texts.every(({ file, text }) => readFileSync(file, 'utf8') === text)).toBe(true);
  });
});
