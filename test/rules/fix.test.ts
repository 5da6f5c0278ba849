import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lineDiff } from '../../src/cli/rules/line-diff.ts';
import { fixable, fixRules } from '../../src/rules/fix/fix-rules.ts';
import { parseRules } from '../../src/rules/load.ts';

const found = (text: string, file = 'r.yaml') => ({ texts: [{ file, text }], files: [file], problems: [] });

function fixed(text: string, file = 'r.yaml'): string {
  return fixRules(found(text, file)).texts[0]?.text ?? '';
}

const GOOD = `# Uploads, as the analysts asked for.
- name: upload # a name of its own
  on: [notify.exec]
  platforms: [linux]
  severity: high
  false_positives: [The nightly job]

  conditions:
    all:
      # The program,
      - { fact: process, path: $.name, operator: equal, value: curl }
      - fact: process
        path: $.args
        operator: "someFact:startsWith" # and what it was told
        value: '/home/'
      - { fact: process, path: $.user.id, operator: equal, value: '0' }
  event: { type: alert }
  tests:
    - { name: one, given: { process: { name: curl, args: [/home/a], user: { id: '0' } } }, expect: alert }
`;

/** A mistake, and the only way to mend it. */
const MISTAKES: readonly (readonly [right: string, wrong: string])[] = [
  ['severity: high', 'severty: high'],
  ['severity: high', 'severity: hihg'],
  ['false_positives:', 'falsepositives:'],
  ['on: [notify.exec]', 'on: notify.exec'],
  ['on: [notify.exec]', 'on: [notify.exec, notify.exec]'],
  ['[notify.exec]', '[notify.exce]'],
  ['operator: equal, value: curl', 'operator: equals, value: curl'],
  ['path: $.name', 'path: name'],
  ['$.args\n', '$.arsg\n'],
  ['"someFact:startsWith"', '"startsWith:someFact"'],
  ['"someFact:startsWith"', '"somefact:startsWith"'],
  ['"someFact:startsWith"', '"someFact:startswith"'],
  ["equal, value: '0'", 'equal, value: 0'],
  ['{ type: alert }', '{ type: alrt }'],
  ['{ type: alert }', '{ tpye: alert }'],
  ['expect: alert', 'expcet: alert'],
];

describe('--fix', () => {
  test.each(MISTAKES)('makes %j of %j, and touches nothing else', (right, wrong) => {
    expect(GOOD).toContain(right);
    expect(fixed(GOOD.replace(right, wrong))).toBe(GOOD);
  });

  test('leaves a good file as it is', () => {
    expect(fixRules(found(GOOD))).toMatchObject({ fixed: [], texts: [{ text: GOOD }] });
  });

  test('mends any mistakes at once, is done after one run, and leaves nothing that it could mend', () => {
    const mistakes = fc.subarray([...MISTAKES], { minLength: 1 });
    fc.assert(
      fc.property(mistakes, fc.boolean(), (some, isCrlf) => {
        const text = some.reduce((all, [right, wrong]) => all.replace(right, wrong), GOOD);
        const once = fixed(isCrlf ? text.replaceAll('\n', '\r\n') : text);
        expect(fixed(once)).toBe(once);
        expect(fixable(found(once))).toEqual([]);
        expect(parseRules([{ file: 'r.yaml', text: once }]).problems).toEqual([]);
        const comments = (whole: string): string[] => whole.match(/#.*$/gm) ?? [];
        expect(comments(once.replaceAll('\r', ''))).toEqual(comments(GOOD));
      }),
      { numRuns: 120 },
    );
  });

  test('is idempotent on whatever text', () => {
    const piece = fc.constantFrom(
      ...GOOD.split(/(?<=\n)/),
      ...MISTAKES.map(([, wrong]) => `${wrong}\n`),
      '- ',
      '  ',
      '{',
      ']',
      '"',
      '# x\n',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 25 }), (pieces) => {
        const once = fixed(pieces.join(''));
        expect(fixed(once)).toBe(once);
      }),
      { numRuns: 200 },
    );
  });

  test('says which platforms a rule is for, in block and flow style and in JSON', () => {
    const rule = (on: string): string =>
      `- name: one\n${on}  conditions: { all: [{ fact: process, path: $.code_signature.exists, operator: equal, value: false }] }\n  event: { type: deny }\n`;
    expect(fixed(rule('  on: [auth.exec] # asked\n'))).toBe(
      rule('  on: [auth.exec] # asked\n  platforms: [macos]\n'),
    );
    expect(fixed(rule('  on:\n    - auth.exec\n'))).toBe(
      rule('  on:\n    - auth.exec\n  platforms: [macos]\n'),
    );
    const flow = (on: string, more = ''): string =>
      `[{ name: one, on: ${on}${more}, conditions: { all: [{ fact: process, path: $.code_signature.exists, operator: equal, value: false }] }, event: { type: deny } }]\n`;
    expect(fixed(flow('[auth.exec]'))).toBe(flow('[auth.exec]', ', platforms: [macos]'));
    const json = JSON.stringify([
      {
        name: 'one',
        on: ['auth.exec'],
        conditions: {
          all: [{ fact: 'process', path: '$.code_signature.exists', operator: 'equal', value: false }],
        },
        event: { type: 'deny' },
      },
    ]);
    expect(fixed(json, 'r.json')).toBe(
      json.replace('["auth.exec"]', '["auth.exec"], "platforms": ["macos"]'),
    );
  });

  test('does not rename a key to one that is there', () => {
    const text = GOOD.replace('severity: high', 'severity: high\n  severty: low');
    expect(fixed(text)).toBe(text);
  });

  test('does not guess between names that are equally near', () => {
    const text = `conditions:\n  by-a: { all: [{ fact: process, path: $.name, operator: equal, value: a }] }\n  by-b: { all: [{ fact: process, path: $.name, operator: equal, value: b }] }\nrules:\n  - { name: x, on: [notify.exec], conditions: { condition: by-c }, event: { type: alert } }\n`;
    expect(fixed(text)).toBe(text);
  });

  test('leaves what is ignored', () => {
    const text = `- name: one # picket-ignore platform-implied: both, some day\n  on: [auth.exec]\n  conditions: { all: [{ fact: process, path: $.code_signature.exists, operator: equal, value: false }] }\n  event: { type: deny }\n`;
    expect(fixed(text)).toBe(text);
  });
});

describe('a diff of lines', () => {
  test('shows what changed with three lines around it', () => {
    const before = Array.from({ length: 30 }, (_, i) => `line ${i}`);
    const after = before.flatMap((line, i) => (i === 4 ? [] : i === 20 ? [line, 'new'] : [line]));
    expect(lineDiff('f', `${before.join('\n')}\n`, `${after.join('\n')}\n`)).toBe(
      '--- f\n+++ f\n@@ -2,7 +2,6 @@\n line 1\n line 2\n line 3\n-line 4\n line 5\n line 6\n line 7\n@@ -19,6 +18,7 @@\n line 18\n line 19\n line 20\n+new\n line 21\n line 22\n line 23\n',
    );
  });

  test('says where the last line has no end', () => {
    expect(lineDiff('f', 'a\nb', 'a\nb\n')).toBe(
      '--- f\n+++ f\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n',
    );
  });

  test('gives back both texts, whatever they are', () => {
    const lines = fc.array(fc.constantFrom('a\n', 'b\n', 'c\n', '\n'), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(lines, lines, (a, b) => {
        const [before, after] = [a.join(''), b.join('')];
        const diff = lineDiff('f', before, after);
        if (before === after) expect(diff).toBe('');
        else expect(applied(before, diff)).toBe(after);
      }),
    );
  });
});

/** As patch(1) does it, strict about what it takes out and passes over. */
function applied(before: string, diff: string): string {
  const lines = before.split('\n').slice(0, -1);
  const result: string[] = [];
  let at = 0;
  for (const line of diff.split('\n').slice(2, -1)) {
    const hunk = /^@@ -(\d+),\d+ \+(\d+),\d+ @@$/.exec(line);
    if (hunk !== null) {
      while (at < Number(hunk[1]) - 1) result.push(lines[at++] ?? '');
      expect(result.length).toBe(Number(hunk[2]) - 1);
    } else if (line.startsWith('+')) result.push(line.slice(1));
    else {
      expect(lines[at]).toBe(line.slice(1));
      if (line.startsWith(' ')) result.push(line.slice(1));
      at++;
    }
  }
  return [...result, ...lines.slice(at), ''].join('\n');
}
