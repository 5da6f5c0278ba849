import { describe, expect, test } from 'vitest';
import { lcovReport } from '../../src/cli/rules/test-lcov.ts';
import { parseRules, requireRuleSet } from '../../src/rules/load.ts';
import { Coverage, type CoverageReport, percentOf } from '../../src/rules/test-coverage.ts';
import { testRules } from '../../src/rules/testing.ts';

async function cover(tests: string): Promise<CoverageReport> {
  const text = `conditions:
  temporary:
    any:
      - { fact: process, path: $.executable, operator: startsWith, value: /tmp/ }
rules:
  - name: one
    on: [notify.exec]
    conditions:
      all:
        - { condition: temporary }
        - not: { fact: process, path: $.args, operator: contains, value: -v }
    event: { type: alert }
    tests: [ ${tests} ]
  - name: two
    on: [notify.exec]
    conditions: { all: [ { condition: temporary } ] }
    event: { type: alert }
`;
  const loaded = parseRules([{ file: 'r.yaml', text }]);
  const ruleSet = requireRuleSet(loaded);
  const coverage = new Coverage(ruleSet, loaded.places);
  await testRules(ruleSet, { coverage });
  return coverage.report();
}

const given = (executable: string, args: string): string =>
  `given: { process: { executable: ${executable}, args: [${args}] } }`;
const MATCH = `{ name: a, ${given('/tmp/x', 'x')}, expect: alert }`;
const ELSEWHERE = `{ name: b, ${given('/bin/x', 'x')}, expect: none }`;
const VERSION = `{ name: c, ${given('/tmp/x', 'x, -v')}, expect: none }`;

describe('coverage', () => {
  test('counts what each condition came to, named conditions once, by their place', async () => {
    const { leaves } = await cover([MATCH, ELSEWHERE].join());
    expect(leaves).toEqual([
      {
        file: 'r.yaml',
        line: 4,
        column: 17,
        rules: ['one', 'two'],
        condition: 'process.executable startsWith "/tmp/"',
        whenTrue: 1,
        whenFalse: 1,
      },
      {
        file: 'r.yaml',
        line: 11,
        column: 24,
        rules: ['one'],
        condition: 'process.args contains "-v"',
        whenTrue: 0,
        whenFalse: 2,
      },
    ]);
  });

  test('is of outcomes, or of conditions that were both', async () => {
    const report = await cover([MATCH, ELSEWHERE].join());
    expect([percentOf(report, false), percentOf(report, true)]).toEqual([75, 50]);
    const whole = await cover([MATCH, ELSEWHERE, VERSION].join());
    expect([percentOf(whole, false), percentOf(whole, true)]).toEqual([100, 100]);
    expect(percentOf(await cover(''), false)).toBe(0);
  });

  test('is written for lcov as branches with two ways', async () => {
    expect(lcovReport(await cover([MATCH, ELSEWHERE].join()))).toBe(`TN:
SF:r.yaml
BRDA:4,0,0,1
BRDA:4,0,1,1
BRDA:11,1,0,0
BRDA:11,1,1,2
BRF:4
BRH:3
DA:4,2
DA:11,2
LF:2
LH:2
end_of_record
`);
  });
});
