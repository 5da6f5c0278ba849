import { describe, expect, test } from 'vitest';
import { findIn } from '../../src/rules/check/check.ts';
import { applyIgnores } from '../../src/rules/check/ignores.ts';
import { parseRules } from '../../src/rules/load.ts';

function findings(text: string, options: { file?: string; seesAll?: boolean } = {}): string[] {
  const { file = 'r.yaml', seesAll = true } = options;
  const texts = [{ file, text }];
  const loaded = parseRules(texts);
  const all = [...loaded.problems, ...findIn(loaded)];
  return applyIgnores(all, texts, seesAll).map(({ line, column, code }) => `${line}:${column} ${code}`);
}

const rule = (name: string, comment = ''): string => `- name: ${name}${comment}
  on: [notify.exec]
  platforms: [linux]
  conditions:
    all:
      - { fact: process, path: $.name, operator: notEqual, value: ${name} }
  event: { type: alert }
`;

describe('a comment that ignores a finding', () => {
  test('before a rule covers all of it, and no other rule', () => {
    expect(
      findings(`# picket-ignore no-tests, negation-of-missing: by hand\n${rule('one')}${rule('two')}`),
    ).toEqual(['14:50 negation-of-missing', '9:3 no-tests']);
  });

  test('behind something covers its line only', () => {
    expect(findings(rule('one', ' # picket-ignore no-tests, negation-of-missing: by hand'))).toEqual([
      '6:50 negation-of-missing',
      '1:13 unused-ignore',
    ]);
  });

  test('before a line inside a rule covers that line and what is indented below it', () => {
    const text = rule('one').replace(
      '    all:',
      '    # picket-ignore negation-of-missing: meant\n\n    # and one more\n    all:',
    );
    expect(findings(text)).toEqual(['1:3 no-tests']);
  });

  test('is itself a finding where it ignores nothing, unless only a part was looked at', () => {
    const text = `# picket-ignore tag-unseen: none\n${rule('one')}`;
    expect(findings(text)).toContain('1:1 unused-ignore');
    expect(findings(text, { seesAll: false })).not.toContain('1:1 unused-ignore');
  });

  test.each([
    ['has no reason', '# picket-ignore no-tests'],
    ['has an empty reason', '# picket-ignore no-tests:  '],
    ['has no code', '# picket-ignore: by hand'],
    ['has an unknown code', '# picket-ignore no-test: by hand'],
    ['names an error', '# picket-ignore unknown-fact: by hand'],
  ])('is wrong, and ignores nothing, if it %s', (_, comment) => {
    expect(findings(`${comment}\n${rule('one')}`)).toEqual(
      expect.arrayContaining(['1:1 wrong-ignore', '2:3 no-tests']),
    );
  });

  test('is no comment inside a text, nor in JSON', () => {
    const inText = rule('one').replace(
      '  event',
      '  description: |\n    # picket-ignore no-tests: a text\n  event',
    );
    expect(findings(inText)).toContain('1:3 no-tests');
    const json = JSON.stringify([
      {
        name: '# picket-ignore no-tests: x',
        on: ['notify.exec'],
        conditions: { all: [] },
        event: { type: 'alert' },
      },
    ]);
    expect(findings(json, { file: 'r.json' })).toContain('1:2 no-tests');
  });

  test('of several lines with other line ends keeps count', () => {
    const text = `# one\n\n# picket-ignore no-tests: by hand\n${rule('one')}`.replaceAll('\n', '\r\n');
    expect(findings(text)).toEqual(['9:50 negation-of-missing']);
  });
});
