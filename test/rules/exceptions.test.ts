// Exceptions: what they take away from a rule, until when, and what is said of a wrong one.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { objectFacts } from '../../src/events/object-facts.ts';
import type { Platform } from '../../src/events/triggers.ts';
import { checkRules } from '../../src/rules/check/check.ts';
import { compileRules } from '../../src/rules/compile.ts';
import { type Condition, type Leaf, visitLeaves } from '../../src/rules/conditions.ts';
import { nextExpiry, parseExpiry, ruleSetAt, withExceptions } from '../../src/rules/exceptions.ts';
import { type LoadedRules, parseRules, requireRuleSet } from '../../src/rules/load.ts';
import { planPolicy } from '../../src/rules/plan.ts';
import { needsReferee } from '../../src/rules/predicate.ts';
import { formatProblem } from '../../src/rules/rule-problem.ts';
import type { RuleException, RuleSet } from '../../src/rules/schema.ts';
import { testRules } from '../../src/rules/testing.ts';
import { ruleSet as arbitraryRuleSet, ecsEvent } from './arbitrary-rules.ts';

const NOW = Date.parse('2026-11-30T12:00:00Z');

const RULES = `
platforms: [linux]
conditions:
  by-backup: { all: [{ fact: process, path: $.executable, operator: equal, value: /opt/backup/bin/agent }] }
rules:
  - name: keys-read
    on: [auth.open]
    conditions: { all: [{ fact: file, path: $.path, operator: startsWith, value: /keys/ }] }
    event: { type: deny }
    tests:
      - { name: read, given: { file: { path: /keys/a }, process: { executable: /bin/cat } }, expect: deny }
      - { name: elsewhere, given: { file: { path: /etc/hosts } }, expect: none }
  - name: keys-listed
    on: [notify.open]
    conditions: { all: [{ fact: file, path: $.path, operator: equal, value: /keys }] }
    event: { type: alert }
`;

function load(exceptions: string, platform?: Platform, rules = RULES): LoadedRules {
  return parseRules(
    [
      { file: 'exceptions/site.yaml', text: exceptions },
      { file: 'rules.yaml', text: rules },
    ],
    { platform, nowMs: NOW },
  );
}

const problemsOf = (exceptions: string, rules?: string): string[] =>
  load(exceptions, undefined, rules).problems.map(formatProblem);

const exception = (parts: Record<string, string>): string => {
  const whole = {
    rule: 'keys-read',
    name: 'the backup',
    conditions: '{ condition: by-backup }',
    reason: 'It reads all files.',
    ...parts,
  };
  const [first = '', ...more] = Object.entries(whole)
    .filter(([, value]) => value !== '')
    .map(([key, value]) => `${key}: ${value}`);
  return `  - ${first}\n${more.map((line) => `    ${line}\n`).join('')}`;
};

const opened = (executable: string, more: object = {}) =>
  objectFacts({ file: { path: '/keys/a', ...more }, process: { executable } });

const verdict = (loaded: LoadedRules, executable: string, more: object = {}): string =>
  compileRules(requireRuleSet(loaded), { platform: 'linux' }).decide('auth.open', opened(executable, more))
    .verdict;

function leavesOf(condition: Condition, { conditions }: RuleSet): Leaf[] {
  const leaves: Leaf[] = [];
  visitLeaves(condition, conditions, (leaf) => leaves.push(leaf));
  return leaves;
}

describe('an exception', () => {
  it('takes from its rule the events that it covers, and no others', () => {
    const loaded = load(`exceptions:\n${exception({})}`);
    expect(loaded.problems).toEqual([]);
    expect(verdict(loaded, '/opt/backup/bin/agent')).toBe('none');
    expect(verdict(loaded, '/bin/cat')).toBe('deny');
  });

  it('leaves what the rule itself says to be read and tested by itself', async () => {
    const { ruleSet } = load(`exceptions:\n${exception({})}`);
    const [rule] = ruleSet.rules;
    expect(rule?.own).toEqual({
      all: [{ fact: 'file', path: '$.path', operator: 'startsWith', value: '/keys/' }],
    });
    expect(rule?.conditions).toEqual({ all: [rule?.own, { not: { any: [{ condition: 'by-backup' }] } }] });
    expect(rule?.exceptions).toMatchObject([
      {
        rule: 'keys-read',
        name: 'the backup',
        reason: 'It reads all files.',
        place: { file: 'exceptions/site.yaml', line: 2 },
      },
    ]);
    expect((await testRules(ruleSet)).map(({ status }) => status)).toEqual(['passed', 'passed']);
  });

  it('leaves rules without one exactly as they are written', () => {
    const { ruleSet } = load(`exceptions:\n${exception({})}`);
    const other = ruleSet.rules.find(({ name }) => name === 'keys-listed');
    expect(other?.conditions).toBe(other?.own);
    expect(other?.exceptions).toEqual([]);
  });

  it('may be for several rules, and a rule may have several', () => {
    const loaded = load(
      `exceptions:\n${exception({ rule: '[keys-read, keys-listed]' })}${exception({ name: 'cat', conditions: '{ any: [{ fact: process, path: $.executable, operator: equal, value: /bin/cat }] }' })}`,
    );
    expect(loaded.problems).toEqual([]);
    expect(loaded.ruleSet.rules.map(({ exceptions }) => exceptions.length)).toEqual([2, 1]);
    expect(verdict(loaded, '/bin/cat')).toBe('none');
    expect(verdict(loaded, '/bin/ls')).toBe('deny');
  });

  it('makes its rule match where its own conditions do, and those of no exception', () => {
    const counts = { excepted: 0, kept: 0 };
    fc.assert(
      fc.property(arbitraryRuleSet(2), arbitraryRuleSet(2), ecsEvent, (set, others, event) => {
        const [rule] = set.rules;
        const conditions = others.rules.map(({ own }) => own);
        if (rule === undefined || conditions.length === 0) return;
        const exceptions = conditions.map(
          (one, index): RuleException => ({
            name: `e${index}`,
            rule: rule.name,
            conditions: one,
            reason: 'r',
            place: rule.place,
          }),
        );
        // What only json-rules-engine can evaluate is another test's, as are paths in doubt.
        const all = [...conditions, ...set.rules.map(({ own }) => own)];
        if (all.some((one) => leavesOf(one, set).some(needsReferee))) return;
        const matches = (one: typeof rule): boolean => {
          const alert = { ...one, mode: 'enforce' as const, event: { type: 'alert' as const, params: {} } };
          const rules = compileRules({ ...set, rules: [alert] }, { platform: 'linux' });
          return rules.decide(one.on[0] ?? 'picket', objectFacts(event)).matched.length > 0;
        };
        const isOwn = matches(rule);
        const isExcepted = conditions.some((own) => matches({ ...rule, own, conditions: own }));
        const effective = matches(withExceptions(rule, exceptions, NOW));
        if (isOwn) counts[isExcepted ? 'excepted' : 'kept']++;
        expect(effective).toBe(isOwn && !isExcepted);
      }),
      { numRuns: 500 },
    );
    expect(Math.min(counts.excepted, counts.kept)).toBeGreaterThan(10);
  });
});

describe('an expiry', () => {
  it.each([
    ['2026-11-30', '2026-12-01T00:00:00Z'],
    ['2026-11-30T12:00:00Z', '2026-11-30T12:00:00Z'],
    ['2026-11-30T12:00+02:00', '2026-11-30T10:00:00Z'],
  ])('of %s is %s: a date counts whole, in UTC', (written, end) => {
    expect(parseExpiry(written)).toBe(Date.parse(end));
  });

  it.each(['2026-02-31', '2026-13-01', '30.11.2026', '2026-11-30T12:00:00', 'soon', '2026'])(
    'of %s is none',
    (written) => {
      expect(parseExpiry(written)).toBeUndefined();
      expect(problemsOf(`exceptions:\n${exception({ expires: `"${written}"` })}`)[0]).toContain(
        'exceptions/site.yaml:6:14: error[wrong-expiry]: this is no date',
      );
    },
  );

  it('ends the exception: past it the rule matches again, and that is told', () => {
    const loaded = load(`exceptions:\n${exception({ expires: '2026-11-30T12:00:00Z' })}`);
    expect(verdict(loaded, '/opt/backup/bin/agent')).toBe('deny');
    expect(loaded.problems.map(formatProblem)).toEqual([
      'exceptions/site.yaml:6:14: warning[exception-expired]: the exception `the backup` has expired: keys-read no longer heeds it (found 2026-11-30T12:00:00Z; expected a later date if it is still needed, else no such exception)',
    ]);
    expect(loaded.ruleSet.rules[0]?.exceptions).toHaveLength(1);
  });

  it('is known beforehand, and the set as it is then needs no files', () => {
    const { ruleSet } = load(
      `exceptions:\n${exception({ expires: '2026-12-24' })}${exception({ name: 'b', expires: '2026-12-01' })}`,
    );
    const next = nextExpiry(ruleSet, NOW);
    expect(next).toBe(Date.parse('2026-12-02T00:00:00Z'));
    expect(nextExpiry(ruleSet, next ?? 0)).toBe(Date.parse('2026-12-25T00:00:00Z'));
    expect(nextExpiry(ruleSet, Date.parse('2027-01-01T00:00:00Z'))).toBeUndefined();
    const [rule] = ruleSetAt(ruleSet, Date.parse('2027-01-01T00:00:00Z')).rules;
    expect(rule?.conditions).toBe(rule?.own);
  });
});

describe('a wrong exception is refused in words:', () => {
  it.each<[string, Record<string, string>, string]>([
    [
      'a rule that is not there',
      { rule: 'keys-raed' },
      ':2:11: error[unknown-rule]: no rule is named `keys-raed`; did you mean `keys-read`?',
    ],
    ['one in a list', { rule: '[keys-read, nope]' }, ':2:23: error[unknown-rule]: no rule is named `nope`'],
    ['the same rule twice', { rule: '[keys-read, keys-read]' }, ':2:23: error[repeated-rule]'],
    [
      'a rule that is no name',
      { rule: '7' },
      ":2:11: error[wrong-value]: `rule` can't be this (found number 7; expected the name of a rule",
    ],
    ['no reason', { reason: '' }, ':2:5: error[missing-key]: the key `reason` is missing'],
    ['an unknown key', { resaon: 'x' }, 'error[unknown-key]: unknown key `resaon`; did you mean `reason`?'],
    [
      'a fact that the trigger has not',
      { conditions: '{ all: [{ fact: process, path: $.exit_code, operator: equal, value: 1 }] }' },
      ':4:48: error[fact-elsewhere]: process.exit_code does not exist in auth.open',
    ],
    [
      'a single fact',
      { conditions: '{ fact: file, path: $.path, operator: equal, value: /x }' },
      'error[root-leaf]',
    ],
    ['an unknown condition', { conditions: '{ condition: by-bakcup }' }, 'did you mean `by-backup`?'],
    [
      'conditions that always hold',
      { conditions: '{ all: [] }' },
      ':4:17: error[exception-of-all]: this exception covers every event',
    ],
    ['an `any` of nothing', { conditions: '{ any: [] }' }, 'error[exception-of-all]'],
  ])('%s', (_, parts, expected) => {
    const problems = problemsOf(`exceptions:\n${exception(parts)}`);
    expect(problems[0]).toContain(expected);
    expect(problems.filter((line) => line.includes('error['))).toHaveLength(1);
  });

  it('another of the same name for the same rule', () => {
    expect(problemsOf(`exceptions:\n${exception({})}${exception({ rule: 'keys-listed' })}`)).toEqual([]);
    expect(problemsOf(`exceptions:\n${exception({})}${exception({})}`)).toEqual([
      'exceptions/site.yaml:7:11: error[duplicate-exception]: another exception of keys-read is named `the backup`, at exceptions/site.yaml:3:11 (found `the backup` twice; expected a name of its own)',
    ]);
  });

  it('one that stands among rules, where an update would meet it', () => {
    expect(problemsOf('[]', `${RULES}\nexceptions:\n${exception({})}`)[0]).toContain(
      'exceptions stand in files of their own',
    );
  });

  it('a map without a dash, a list without a key, an entry that is none', () => {
    expect(problemsOf('rule: keys-read\nname: x\nconditions: {}\nreason: r')[0]).toContain(
      'this is one exception',
    );
    expect(problemsOf('exceptions: [x]')[0]).toContain('an exception is a map');
    expect(problemsOf('exception: []')[0]).toContain('did you mean `exceptions`?');
  });

  it('a rule that has an error itself is not called unknown', () => {
    const broken = RULES.replace('{ type: alert }', '{ type: alret }');
    const problems = problemsOf(`exceptions:\n${exception({ rule: 'keys-listed' })}`, broken);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain('did you mean `alert`?');
  });

  it('facts of one of the platforms of a rule are enough', () => {
    const everywhere = RULES.replace('platforms: [linux]', 'platforms: [linux, macos]');
    const signed = '{ all: [{ fact: process, path: $.code_signature.team_id, operator: equal, value: X }] }';
    expect(problemsOf(`exceptions:\n${exception({ conditions: signed })}`, everywhere)).toEqual([]);
    expect(problemsOf(`exceptions:\n${exception({ conditions: signed })}`)[0]).toContain('on linux');
  });
});

describe('beside the rules', () => {
  const deny = (exceptions: string) =>
    planPolicy(requireRuleSet(load(exceptions)), 'linux', {
      guardFilesystems: [],
      maxWaitMs: {},
      defaults: {},
      neverDenied: [],
    }).policy;

  it('an exception keeps the bridge from denying by itself, and what a deny could reach stays the same', () => {
    expect(deny('exceptions: []').staticVerdicts).toHaveLength(1);
    const byPath = '{ any: [{ fact: file, path: $.path, operator: equal, value: /keys/public }] }';
    for (const conditions of ['{ condition: by-backup }', byPath]) {
      const policy = deny(`exceptions:\n${exception({ conditions })}`);
      expect(policy.staticVerdicts).toEqual([]);
      expect(policy.denyReach).toEqual(deny('exceptions: []').denyReach);
    }
    const expired = deny(`exceptions:\n${exception({ expires: '2020-01-01' })}`);
    expect(expired.staticVerdicts).toHaveLength(1);
  });

  it('an exception by a path that could not be resolved takes nothing from a deny', () => {
    const byPath = '{ any: [{ fact: file, path: $.path, operator: equal, value: /keys/a }] }';
    const loaded = load(`exceptions:\n${exception({ conditions: byPath })}`);
    expect(verdict(loaded, '/bin/cat')).toBe('none');
    expect(verdict(loaded, '/bin/cat', { path_unresolved: true })).toBe('deny');
  });

  it.each([
    ['ends soon', { expires: '2026-12-10' }, 'exception-ends-soon'],
    [
      'asks for nothing that the rule does not ask for',
      {
        conditions: '{ any: [{ all: [{ fact: file, path: $.path, operator: startsWith, value: /keys/ }] }] }',
      },
      'exception-of-rule',
    ],
    [
      'contradicts the rule',
      {
        rule: 'keys-listed',
        conditions: '{ all: [{ fact: file, path: $.path, operator: equal, value: /etc }] }',
      },
      'exception-of-nothing',
    ],
    ['has no reason yet', { reason: 'TODO' }, 'exception-reason'],
  ])('an exception that %s is warned of', (_, parts, code) => {
    const codes = (text: string): string[] => {
      const loaded = load(text);
      const all = [...loaded.problems, ...checkRules(loaded, { nowMs: NOW })];
      return all.map((problem) => problem.code).filter((one) => one.startsWith('exception-'));
    };
    expect(codes(`exceptions:\n${exception(parts)}`)).toEqual([code]);
    expect(codes(`exceptions:\n${exception({ expires: '2027-06-30' })}`)).toEqual([]);
  });

  it('a condition that only an exception uses is used, and a list that nothing uses is not', () => {
    const lists = 'lists: { x: [a] }\n';
    const warnings = checkRules(load(`${lists}exceptions:\n${exception({})}`), { nowMs: NOW });
    expect(
      warnings.map(({ code, message }) => `${code}: ${message}`).filter((text) => text.includes('unused')),
    ).toEqual(['unused-list: no condition refers to the list `x`']);
  });

  it('a fact that an exception looks for and an event lacks is no negation to warn of', () => {
    const warnings = checkRules(load(`exceptions:\n${exception({})}`)).map(({ code }) => code);
    expect(warnings).not.toContain('negation-of-missing');
    const negated = '{ all: [{ fact: process, path: $.user.name, operator: notEqual, value: root }] }';
    expect(
      checkRules(load(`exceptions:\n${exception({ conditions: negated })}`)).map(({ code }) => code),
    ).toContain('negation-of-missing');
  });
});
