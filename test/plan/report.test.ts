import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { objectFacts } from '../../src/events/object-facts.ts';
import { comparePlans, isSamePlan, type PlanChanges } from '../../src/plan/changes.ts';
import { planDiagram } from '../../src/plan/diagram.ts';
import { LANE_MATCH_MAX } from '../../src/plan/outside-lane.ts';
import { type PlanReport, type ReportOptions, reportPlan } from '../../src/plan/report.ts';
import { ruleDifferences } from '../../src/plan/rule-differences.ts';
import { compileRules } from '../../src/rules/compile.ts';
import { parseRules, requireRuleSet } from '../../src/rules/load.ts';
import type { RuleSet } from '../../src/rules/schema.ts';

const OPTIONS: ReportOptions = {
  guardFilesystems: ['/'],
  maxWaitMs: { exec: 300 },
  defaults: { exec: 'deny', open: 'deny' },
  neverDenied: [],
};

function setOf(yaml: string, platform: 'linux' | 'macos' = 'linux'): RuleSet {
  return requireRuleSet(
    parseRules([{ file: 'test.yaml', text: `platforms: [${platform}]\nrules:\n${yaml}` }]),
  );
}

const planOf = (yaml: string, platform: 'linux' | 'macos' = 'linux'): PlanReport =>
  reportPlan(setOf(yaml, platform), platform, OPTIONS);

function changesOf(before: string, after: string, platform: 'linux' | 'macos' = 'linux'): PlanChanges {
  const differences = ruleDifferences(setOf(before, platform), setOf(after, platform));
  return comparePlans(planOf(before, platform), planOf(after, platform), differences);
}

interface Given {
  readonly on?: string;
  readonly type?: string;
  readonly mode?: string;
  readonly priority?: number;
  readonly conditions?: string;
}

const PATH = '{ fact: file, path: $.path, operator: startsWith, value: /secret/ }';

function rule(
  name: string,
  { on = 'auth.open', type = 'deny', mode = 'enforce', priority = 1, conditions = PATH }: Given = {},
): string {
  return `- { name: ${name}, on: [${on}], mode: ${mode}, priority: ${priority}, conditions: { all: [${conditions}] }, event: { type: ${type} } }\n`;
}

const BY_USER = '{ fact: process, path: $.user.id, operator: equal, value: "0" }';
const BY_FILTER = '{ fact: process, path: "$.args[?(@ == 1)]", operator: exists, value: true }';
const BY_PATTERN = '{ fact: process, path: $.command_line, operator: matches, value: "a.c" }';

test('for whose sake files are hashed, whatever becomes of the rule', () => {
  const byHash = '{ fact: file, path: $.hash.sha256, operator: exists, value: true }';
  const { subscriptions } = planOf(
    rule('by-path') +
      rule('by-hash', { conditions: byHash }) +
      rule('told-by-hash', { type: 'alert', conditions: byHash }),
  );
  expect(subscriptions.map(({ trigger, hashes }) => [trigger, hashes])).toEqual([
    ['auth.open', ['by-hash', 'told-by-hash']],
  ]);
});

describe('who answers', () => {
  const answersOf = (yaml: string) =>
    planOf(yaml).answers.map(({ rule: name, by, reason }) => [name, by, reason]);

  test('is the bridge where it has a test for every condition, else the agent, with the reason', () => {
    expect(
      answersOf(
        rule('by-path') +
          rule('by-user', { conditions: BY_USER }) +
          rule('by-pattern', {
            conditions: '{ fact: file, path: $.path, operator: matches, value: "^/x/" }',
          }) +
          rule('by-filter', { conditions: BY_FILTER }) +
          rule('in-shadow', { mode: 'shadow' }) +
          rule('alert', { type: 'alert' }),
      ),
    ).toEqual([
      ['by-path', 'bridge', undefined],
      ['by-user', 'agent', 'it reads process.user.id'],
      ['by-pattern', 'agent', 'it compares file.path by `matches`'],
      ['by-filter', 'slow lane', 'it reads process.args[?(@ == 1)]'],
      ['in-shadow', 'shadow', undefined],
      ['alert', 'adds', undefined],
    ]);
  });

  test('is the agent for what stands behind an allow that only it can judge', () => {
    expect(
      answersOf(rule('allow', { type: 'allow', priority: 2, conditions: BY_USER }) + rule('deny')),
    ).toEqual([
      ['allow', 'agent', 'it reads process.user.id'],
      ['deny', 'agent', 'allow decides before it, and not in the bridge'],
    ]);
  });
});

describe('subscriptions', () => {
  test('name the rules for whose sake they are, and those that only see the events', () => {
    const plan = planOf(
      rule('deny') +
        rule('shadowed', { mode: 'shadow' }) +
        rule('forward', { on: 'notify.open', type: 'forward' }) +
        rule('tag', { on: 'notify.open', type: 'tag' }) +
        rule('drop', { on: 'notify.close', type: 'drop' }) +
        rule('only-shadow', { on: 'auth.exec', mode: 'shadow' }) +
        rule('name', {
          on: 'dns.query',
          type: 'alert',
          conditions: '{ fact: dns, path: $.question.name, operator: equal, value: x }',
        }),
    );
    expect(plan.subscriptions.map(({ trigger, because, along }) => [trigger, because, along])).toEqual([
      ['auth.open', ['deny'], ['shadowed']],
      ['notify.open', ['forward'], ['tag']],
    ]);
    expect(plan.notSubscribed.map(({ trigger, rules }) => [trigger, rules])).toEqual([
      ['auth.exec', ['only-shadow']],
      ['notify.close', ['drop']],
    ]);
    expect(plan.otherSources).toEqual([{ trigger: 'dns.query', rules: ['name'] }]);
  });

  test('budgets are the configured ones, and a default of deny holds only where a rule denies', () => {
    const { budgets } = reportPlan(
      setOf(rule('deny') + rule('x', { on: 'auth.exec', mode: 'shadow' })),
      'linux',
      { ...OPTIONS, askInShadow: true },
    );
    expect(budgets).toEqual([
      { action: 'exec', maxWaitMs: 300, default: 'allow', isDeniable: false },
      { action: 'open', maxWaitMs: 100, default: 'deny', isDeniable: true },
    ]);
  });
});

describe('the policy', () => {
  test('of more than a frame is told as one that the bridge does not take', () => {
    const paths = (length: number): string =>
      `{ fact: file, path: $.path, operator: in, value: [${Array.from({ length: 600 }, (_, i) => `/${i}/${'x'.repeat(length)}`).join(', ')}] }`;
    const taken = (length: number): boolean => planOf(rule('a', { conditions: paths(length) })).isPolicyTaken;
    expect([taken(100), taken(1_000)]).toEqual([true, false]);
  });
});

describe('outside the auth lane', () => {
  test('stand rules that json-rules-engine evaluates, and long texts under a regular expression', () => {
    const yaml =
      rule('filter', { conditions: BY_FILTER }) +
      rule('filter-in-shadow', { mode: 'shadow', conditions: BY_FILTER }) +
      rule('told', { on: 'notify.open', type: 'alert', conditions: BY_FILTER }) +
      rule('long', { conditions: BY_PATTERN }) +
      rule('long-told', { on: 'notify.open', type: 'alert', conditions: BY_PATTERN }) +
      rule('short', { conditions: '{ fact: file, path: $.path, operator: matches, value: "a.c" }' });
    expect(planOf(yaml).outsideLane.map(({ rule: name, when, where }) => [name, when, where])).toEqual([
      ['filter', 'json-rules-engine', 'slow lane'],
      ['filter-in-shadow', 'json-rules-engine', 'afterwards'],
      ['told', 'json-rules-engine', 'event lane'],
      ['long', 'long texts', 'slow lane'],
    ]);
  });

  test('the length from which a text is long is the compiler’s own', () => {
    const rules = compileRules(setOf(rule('long', { conditions: BY_PATTERN })), {
      platform: 'linux',
      lane: 'auth',
    });
    const needs = (length: number): boolean =>
      rules.needsReferee('auth.open', objectFacts({ process: { command_line: 'x'.repeat(length) } }));
    expect([needs(LANE_MATCH_MAX), needs(LANE_MATCH_MAX + 1)]).toEqual([false, true]);
  });
});

describe('what a change means', () => {
  test('nothing, where only comments and descriptions differ', () => {
    expect(isSamePlan(changesOf(rule('a'), `# a comment\n${rule('a')}`))).toBe(true);
  });

  test('a condition that the bridge has no test for moves a verdict to the agent and widens the reach', () => {
    const before = rule('a');
    const after = rule('a', { conditions: BY_USER });
    const { answers, denyReach, rules } = changesOf(before, after);
    expect(rules.changed).toEqual([{ rule: 'a', what: ['conditions'] }]);
    expect(answers).toEqual([
      {
        trigger: 'auth.open',
        rule: 'a',
        from: 'bridge (deny)',
        to: 'agent (deny)',
        reason: 'it reads process.user.id',
      },
    ]);
    expect(denyReach).toEqual([{ trigger: 'auth.open', isEverything: true }]);
  });

  test('what the bridge denies alone is told where it changes', () => {
    const { answers, staticVerdicts } = changesOf(
      rule('a'),
      rule('a', { conditions: PATH.replace('/secret/', '/secrets/') }),
    );
    expect(answers).toEqual([]);
    expect(staticVerdicts).toEqual({
      came: ['auth.open deny a: the file begins with /secrets/'],
      went: ['auth.open deny a: the file begins with /secret/'],
    });
  });

  test('subscriptions come and go, and so does the environment', () => {
    const told = (path: string): string =>
      rule('t', {
        on: 'notify.exec',
        type: 'alert',
        conditions: `{ fact: process, path: ${path}, operator: exists, value: true }`,
      });
    const { subscriptions, environment } = changesOf(
      rule('a') + told('$.args'),
      rule('b', { on: 'auth.exec' }) + told('$.env_vars'),
    );
    expect(subscriptions).toEqual({ came: ['auth.exec'], went: ['auth.open'] });
    expect(environment).toEqual({ came: ['notify.exec'], went: [] });
  });

  test('a verdict that could be cached is uncached by one rule that reads an argument', () => {
    const bySignature = '{ fact: process, path: $.code_signature.team_id, operator: equal, value: X }';
    const byArguments = '{ fact: process, path: $.args, operator: contains, value: -x }';
    const before = rule('a', { on: 'auth.exec', conditions: bySignature });
    const { caching } = changesOf(
      before,
      before + rule('b', { on: 'auth.exec', conditions: byArguments }),
      'macos',
    );
    expect(caching).toMatchObject([{ trigger: 'auth.exec', from: 'kernel', to: 'none' }]);
    expect(caching[0]?.because[0]).toContain('b reads process.args');
  });

  test('on macOS one rule without a path makes the kernel send every open', () => {
    const before = rule('a');
    const { selection, selectedPaths } = changesOf(
      before,
      before + rule('b', { conditions: BY_USER }),
      'macos',
    );
    expect(selection).toEqual([{ trigger: 'auth.open', isWhole: true, rules: ['b'] }]);
    expect(selectedPaths).toEqual({ came: [], went: ['prefix /secret/'] });
  });

  test('a rule that is only called otherwise is told as renamed', () => {
    const { rules, answers, staticVerdicts } = changesOf(rule('a'), rule('b'));
    expect(staticVerdicts).toEqual({ came: [], went: [] });
    expect(rules).toEqual({ came: [], went: [], renamed: [{ from: 'a', to: 'b' }], changed: [] });
    expect(answers).toEqual([]);
  });

  test('a named condition that changes is a change of the rules that refer to it', () => {
    const yaml = (value: string): string => `
conditions: { there: { all: [ { fact: file, path: $.path, operator: startsWith, value: ${value} } ] } }
rules:
  - { name: a, on: [auth.open], conditions: { condition: there }, event: { type: deny } }
  - { name: b, on: [auth.open], conditions: { all: [ ${PATH} ] }, event: { type: deny } }
`;
    const parsed = (text: string): RuleSet => requireRuleSet(parseRules([{ file: 'test.yaml', text }]));
    const differences = ruleDifferences(parsed(yaml('/x/')), parsed(yaml('/y/')));
    expect(differences.changed).toEqual([{ rule: 'a', what: ['conditions'] }]);
  });
});

describe('the drawing', () => {
  test('is one Mermaid flowchart whatever rules are called', () => {
    const LINE =
      /^(?:flowchart LR| +subgraph p\d+ \["\w+"\]| +end| +p\d+t\d+\(\["TEXT"\]\)| +p\d+a\d+\{\{"TEXT"\}\}| +p\d+r\d+\["TEXT(?:<br\/>TEXT)*"\]| +p\d+t\d+ --> p\d+a\d+ --> p\d+r\d+| +class p\d+a\d+ \w+| +classDef \w+ [\w#:,]+)$/;
    const shape = new RegExp(LINE.source.replaceAll('TEXT', '(?:[\\p{L}\\p{N} .,_/-]|#\\d+;)*'), 'u');
    const nasty = fc.oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
      fc.constantFrom(
        '"]; click p0t0 "javascript:alert(1)"',
        '`**bold**`',
        '<img src=x>',
        'a\nend',
        '#quot;',
      ),
    );
    fc.assert(
      fc.property(fc.array(nasty, { minLength: 1, maxLength: 20 }), (names) => {
        const set = setOf(rule('a') + rule('b', { on: 'notify.open', type: 'alert' }));
        const rules = names.flatMap((name) =>
          set.rules.map((one) => ({ ...one, name: `${name}${one.name}` })),
        );
        const plan = reportPlan({ ...set, rules }, 'linux', OPTIONS);
        for (const plans of [[plan], [plan, plan]]) {
          const lines = planDiagram(plans).trimEnd().split('\n');
          expect(lines.filter((line) => !shape.test(line))).toEqual([]);
          expect(lines.filter((line) => line.startsWith('flowchart'))).toHaveLength(1);
        }
      }),
      { numRuns: 100 },
    );
  });
});
