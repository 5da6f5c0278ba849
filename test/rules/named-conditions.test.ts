import { RE2JS } from 're2js';
import { describe, expect, test, vi } from 'vitest';
import type { EcsEvent } from '../../src/events/ecs-event.ts';
import type { Facts } from '../../src/events/facts.ts';
import { objectFacts } from '../../src/events/object-facts.ts';
import { checkRules } from '../../src/rules/check/check.ts';
import { compileRules } from '../../src/rules/compile.ts';
import { describeIndex } from '../../src/rules/index-report.ts';
import { type LoadedRules, parseRules, requireRuleSet } from '../../src/rules/load.ts';
import { planPolicy } from '../../src/rules/plan.ts';
import { worstCaseOf } from '../../src/rules/worst-case.ts';

const DEPTH = 30;

/** Each name refers to the next one twice: as many ways through them as there are rules in no memory. */
function nested(refer: (next: string) => string, last: string): LoadedRules {
  const names = Array.from({ length: DEPTH }, (_, index) => `  n${index}: ${refer(`n${index + 1}`)}`);
  const text = `
conditions:
${names.join('\n')}
  n${DEPTH}: { all: [${last}] }
rules:
  - { name: deep, on: [auth.exec], platforms: [linux], conditions: { condition: n0 }, event: { type: deny }, tests: [{ name: one, given: { process: { executable: /tmp/x } }, expect: deny }] }
`;
  return parseRules([{ file: 'nested.yaml', text }]);
}

const EXECUTABLE = '{ fact: process.executable, operator: equal, value: /tmp/x }';
const REFER: Readonly<Record<string, (next: string) => string>> = {
  all: (next) => `{ all: [{ condition: ${next} }, { condition: ${next} }] }`,
  any: (next) => `{ any: [{ condition: ${next} }, { condition: ${next} }] }`,
  'both and not': (next) =>
    `{ any: [{ all: [{ condition: ${next} }, { condition: ${next} }] }, { not: { any: [{ not: { condition: ${next} } }, { not: { condition: ${next} } }] } }] }`,
};

describe('names that refer to the next one twice', () => {
  for (const [kind, refer] of Object.entries(REFER)) {
    test(`are loaded, checked, planned, compiled and evaluated at once: ${kind}`, () => {
      const loaded = nested(refer, EXECUTABLE);
      const set = requireRuleSet(loaded);
      expect(
        checkRules(loaded, { platform: 'linux' }).filter(({ severity }) => severity === 'error'),
      ).toEqual([]);
      const options = { guardFilesystems: [], maxWaitMs: {}, defaults: {}, neverDenied: [] };
      expect(planPolicy(set, 'linux', options).subscriptions).toEqual(['auth.exec']);
      expect(describeIndex(set, 'linux')).toMatchObject([{ rules: 1, refereed: [] }]);
      expect(worstCaseOf({ conditions: { condition: 'n0' } }, set.conditions)).toEqual({
        steps: 1,
        costliest: 'process.executable equal "/tmp/x"',
      });
      const rules = compileRules(set, { platform: 'linux', lane: 'auth' });
      const verdict = (process: EcsEvent['process']): string =>
        rules.decide('auth.exec', objectFacts({ ...(process ? { process } : {}) })).verdict;
      expect(verdict({ executable: '/tmp/x' })).toBe('deny');
      expect(verdict({ executable: '/tmp/y' })).toBe('none');
      expect(verdict({ executable: '/tmp/y', executable_unresolved: true })).toBe('deny');
    });
  }
});

test('a name without a condition never holds, and what waits for its contrary always does', () => {
  const set = requireRuleSet(
    parseRules([
      {
        file: 'r.yaml',
        text: `
conditions:
  lost: { all: [${EXECUTABLE}] }
rules:
  - { name: with, on: [auth.exec], platforms: [linux], conditions: { condition: lost }, event: { type: deny } }
  - { name: without, on: [auth.exec], platforms: [linux], conditions: { not: { condition: lost } }, event: { type: deny } }
`,
      },
    ]),
  );
  const rules = compileRules({ ...set, conditions: {} }, { platform: 'linux' });
  const { matched } = rules.decide('auth.exec', objectFacts({ process: { executable: '/tmp/x' } }));
  expect(matched.map(({ name }) => name)).toEqual(['without']);
});

test('an event’s fact is read once, and a pattern under a name is tried once, whoever refers to it', () => {
  const rule = (name: string, conditions: string): string =>
    `  - { name: ${name}, on: [notify.exec], platforms: [linux], conditions: ${conditions}, event: { type: alert } }`;
  const set = requireRuleSet(
    parseRules([
      {
        file: 'shared.yaml',
        text: `
conditions:
  odd: { all: [{ fact: process.command_line, operator: matches, value: 'a[b-d]+e' }] }
rules:
${rule('one', '{ all: [{ condition: odd }, { fact: process.command_line, operator: includes, value: x }] }')}
${rule('two', '{ not: { condition: odd } }')}
${rule('three', '{ any: [{ condition: odd }, { fact: process.pid, operator: equal, value: 1 }] }')}
${rule('four', "{ all: [{ fact: process.command_line, operator: matches, value: 'a[b-d]+e' }] }")}
`,
      },
    ]),
  );
  const rules = compileRules(set, { platform: 'linux' });
  const reads: string[] = [];
  const from = objectFacts({ process: { args: ['x', 'abbe'], pid: 1 } });
  const facts: Facts = {
    get(slot) {
      reads.push(slot.name);
      return from.get(slot);
    },
  };
  const tried = vi.spyOn(RE2JS.prototype, 'test');
  try {
    const { matched } = rules.decide('notify.exec', facts);
    expect(matched.map(({ name }) => name).sort()).toEqual(['four', 'one', 'three']);
    // Once as the named condition's leaf, which is the unnamed one's, too.
    expect(tried).toHaveBeenCalledTimes(1);
  } finally {
    tried.mockRestore();
  }
  expect(reads.sort()).toEqual(['process.command_line', 'process.pid']);
});
