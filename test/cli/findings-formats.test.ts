import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Painter } from '../../src/cli/output.ts';
import { githubCommand } from '../../src/cli/rules/findings-github.ts';
import { sarifLog } from '../../src/cli/rules/findings-sarif.ts';
import { paintFinding } from '../../src/cli/rules/findings-text.ts';
import { spanOf } from '../../src/rules/finding-span.ts';
import type { RuleProblem } from '../../src/rules/rule-problem.ts';

const plain: Painter = (_, text) => text;
const FAILURE: RuleProblem = {
  file: '',
  line: 0,
  column: 0,
  code: 'internal-error',
  message: 'picket failed: out of luck',
  severity: 'error',
};

describe('a failure of the tool itself', () => {
  test('is in each format, though it has no place', () => {
    expect(paintFinding(FAILURE, plain)).toBe('error[internal-error]: picket failed: out of luck');
    expect(githubCommand(FAILURE)).toBe('::error title=picket internal-error::picket failed: out of luck');
    const log = sarifLog([FAILURE], { version: '1.0.0', folder: '/x', linesOf: () => undefined });
    expect(log).toMatchObject({
      runs: [
        {
          results: [],
          invocations: [
            {
              executionSuccessful: false,
              toolExecutionNotifications: [
                {
                  descriptor: { id: 'internal-error' },
                  level: 'error',
                  message: { text: 'picket failed: out of luck.' },
                },
              ],
            },
          ],
        },
      ],
    });
  });
});

test('a file outside the folder has an absolute place in SARIF', () => {
  const finding: RuleProblem = {
    ...FAILURE,
    file: '../r.yaml',
    code: 'no-tests',
    severity: 'warning',
    line: 1,
    column: 1,
  };
  expect(
    JSON.stringify(sarifLog([finding], { version: '1.0.0', folder: '/x/y', linesOf: () => undefined })),
  ).toContain('"artifactLocation":{"uri":"file:///x/r.yaml"}');
});

test('a finding about a whole file stands in its first line in SARIF, which GitHub asks for', () => {
  const finding: RuleProblem = { ...FAILURE, file: 'l.txt', code: 'list-empty', severity: 'warning' };
  expect(
    JSON.stringify(sarifLog([finding], { version: '1.0.0', folder: '/x', linesOf: () => undefined })),
  ).toContain('"region":{"startLine":1}');
});

describe('the word at which a finding points', () => {
  test.each([
    ['- { fact: process, path: $.name }', 11, 'process'],
    ['- { fact: process, path: $.name }', 26, '$.name'],
    ['severity: high # soon', 1, 'severity'],
    ['severity: high # soon', 11, 'high'],
    ['operator: "someFact:in", value: x', 11, '"someFact:in"'],
    ["value: 'it''s' ]", 8, "'it''s'"],
    ['on: notify.exec', 5, 'notify.exec'],
    ['value: someFact:in }', 8, 'someFact:in'],
    ['"name": 1', 1, '"name"'],
    ['[a, b]', 2, 'a'],
  ])('in %j at %i is %j', (line, column, word) => {
    const { from, to } = spanOf({ column }, line);
    expect(line.slice(from - 1, to - 1)).toBe(word);
  });

  test('is at least one character, and the mark stands below it whatever the line is', () => {
    const piece = fc.constantFrom('a', 'é', '"', "'", ' ', ',', '{', ':', '#', '\t', '\u202e', '\\', '日');
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 250 }), fc.nat(250), (pieces, at) => {
        const line = pieces.join('');
        const column = 1 + (at % line.length);
        const { from, to } = spanOf({ column }, line);
        expect(from).toBe(column);
        expect(to).toBeGreaterThan(from);
        const shown = paintFinding({ ...FAILURE, file: 'f', line: 1, column }, plain, [line]).split('\n');
        if (line.trim() === '') return;
        const [, text = '', marks = ''] = shown;
        expect(marks.trimEnd()).toMatch(/^ {4}\| *\^+$/);
        expect(text.startsWith('  1 | ')).toBe(true);
      }),
    );
  });
});
