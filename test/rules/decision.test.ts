import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeAnnotations } from '../../src/events/annotate.ts';
import type { Facts } from '../../src/events/facts.ts';
import { objectFacts } from '../../src/events/object-facts.ts';
import type { Trigger } from '../../src/events/triggers.ts';
import { type CompiledRules, compileRules } from '../../src/rules/compile.ts';
import type { Condition } from '../../src/rules/conditions.ts';
import { NO_MATCH } from '../../src/rules/decision.ts';
import { parseRules, requireRuleSet } from '../../src/rules/load.ts';
import type { RuleSet } from '../../src/rules/schema.ts';
import { ecsEvent, ruleSet } from './arbitrary-rules.ts';

function ruleSetOf(yaml: string): RuleSet {
  return requireRuleSet(parseRules([{ file: 'test.yaml', text: yaml }]));
}

const compile = (yaml: string): CompiledRules => compileRules(ruleSetOf(yaml), { platform: 'linux' });

const onPath = (path: string): string =>
  `{ all: [ { fact: file, path: $.path, operator: equal, value: ${path} } ] }`;
const opened = objectFacts({ file: { path: '/a' }, process: { executable: '/bin/x' } });

describe('a decision', () => {
  test('is that of the highest priority; deny before allow at the same one', () => {
    const rules = compile(`
- { name: low-deny, on: [auth.open], priority: 1, conditions: ${onPath('/a')}, event: { type: deny } }
- { name: allow, on: [auth.open], priority: 2, conditions: ${onPath('/a')}, event: { type: allow } }
- { name: deny, on: [auth.open], priority: 2, conditions: ${onPath('/a')}, event: { type: deny } }
- { name: shadow, on: [auth.open], priority: 9, mode: shadow, conditions: ${onPath('/a')}, event: { type: allow } }
- { name: tag, on: [auth.open], priority: 8, tags: [t1], conditions: ${onPath('/a')}, event: { type: tag, params: { tags: [t2] } } }
- { name: alert, on: [auth.open], priority: 7, severity: high, conditions: ${onPath('/a')}, event: { type: alert, params: { message: look } } }
`);
    const decision = rules.decide('auth.open', opened);
    expect(decision.verdict).toBe('deny');
    expect(decision.rule?.name).toBe('deny');
    expect(decision.matched.map(({ name }) => name)).toEqual([
      'deny',
      'allow',
      'low-deny',
      'shadow',
      'tag',
      'alert',
    ]);
    expect(decision.tags).toEqual(['t1', 't2']);
    expect(decision.alerts).toEqual([{ rule: 'alert', severity: 'high', message: 'look' }]);
    expect(decision.shadow).toEqual([{ rule: 'shadow', verdict: 'allow' }]);
    expect(decision.annotations).toEqual(
      encodeAnnotations({
        rules: ['deny', 'allow', 'low-deny', 'shadow', 'tag', 'alert'],
        tags: ['t1', 't2'],
        alerts: decision.alerts,
        shadow: decision.shadow,
        decision: 'deny',
      }),
    );
  });

  test('forward wins over drop at the same priority', () => {
    const rules = compile(`
- { name: drop, on: [notify.open], conditions: ${onPath('/a')}, event: { type: drop } }
- { name: forward, on: [notify.open], conditions: ${onPath('/a')}, event: { type: forward } }
`);
    expect(rules.decide('notify.open', opened).verdict).toBe('forward');
  });

  test('of shadow rules and alerts alone is none', () => {
    const rules = compile(`
- { name: shadow, on: [auth.open], mode: shadow, conditions: ${onPath('/a')}, event: { type: deny } }
- { name: alert, on: [auth.open], conditions: ${onPath('/a')}, event: { type: alert } }
`);
    const decision = rules.decide('auth.open', opened);
    expect(decision.verdict).toBe('none');
    expect(decision.rule).toBeUndefined();
    expect(decision.shadow).toEqual([{ rule: 'shadow', verdict: 'deny' }]);
  });

  test('of shadow rules never alerts or tags', () => {
    const rules = compile(`
- { name: shadow, on: [auth.open], mode: shadow, tags: [x], conditions: ${onPath('/a')}, event: { type: alert } }
`);
    const decision = rules.decide('auth.open', opened);
    expect([decision.alerts, decision.tags]).toEqual([[], []]);
    expect(decision.matched.map(({ name }) => name)).toEqual(['shadow']);
  });

  test('without a match is one shared object, and so is each set of matches', () => {
    const rules = compile(`
- { name: a, on: [auth.open], conditions: ${onPath('/a')}, event: { type: deny } }
- { name: b, on: [auth.open], conditions: ${onPath('/a')}, event: { type: alert } }
`);
    expect(rules.decide('auth.open', objectFacts({ file: { path: '/b' } }))).toBe(NO_MATCH);
    expect(rules.decide('notify.exit', opened)).toBe(NO_MATCH);
    expect(rules.decide('auth.open', opened)).toBe(rules.decide('auth.open', opened));
  });
});

describe('compiled rules', () => {
  test('leave out other platforms, other triggers and, on the auth lane, all that is told', () => {
    const set = ruleSetOf(`
- { name: linux, on: [auth.open], platforms: [linux], conditions: ${onPath('/a')}, event: { type: deny } }
- { name: macos, on: [auth.rename], platforms: [macos], conditions: ${onPath('/a')}, event: { type: deny } }
- { name: told, on: [notify.open], conditions: ${onPath('/a')}, event: { type: forward } }
`);
    const triggers = (options: object): readonly Trigger[] =>
      compileRules(set, { platform: 'linux', ...options }).triggers();
    expect(triggers({})).toEqual(['auth.open', 'notify.open']);
    expect(triggers({ lane: 'auth' })).toEqual(['auth.open']);
    expect(triggers({ triggers: (trigger: Trigger) => trigger !== 'auth.open' })).toEqual(['notify.open']);
    expect(compileRules(set, { platform: 'macos' }).triggers()).toEqual(['auth.rename', 'notify.open']);
  });

  test('read each fact once an event', () => {
    const rules = compile(`
- { name: a, on: [auth.open], conditions: ${onPath('/a')}, event: { type: deny } }
- { name: b, on: [auth.open], conditions: { any: [ { fact: file, path: $.path, operator: 'ignoreCase:endsWith', value: x }, { fact: file, path: $.path, operator: includes, value: a } ] }, event: { type: alert } }
`);
    const reads: string[] = [];
    const facts: Facts = {
      get(slot) {
        reads.push(slot.name);
        return opened.get(slot);
      },
    };
    rules.decide('auth.open', facts);
    expect(reads.filter((name) => name === 'file.path')).toEqual(['file.path']);
  });

  test('wait for no slow rule that cannot deny: its part is reviewed when the answer is given', () => {
    const conditions = {
      all: [{ fact: 'process', path: '$.args[?(@ == "x")]', operator: 'contains', value: 'x' }],
    };
    const long = { all: [{ fact: 'file', path: '$.path', operator: 'matches', value: 'x$' }] };
    const facts = objectFacts({ process: { args: ['x'] }, file: { path: `/${'a'.repeat(9000)}x` } });
    for (const [rest, isEnforced] of [
      [{ event: { type: 'deny' } }, true],
      [{ event: { type: 'allow' } }, true],
      [{ event: { type: 'deny' }, mode: 'shadow' }, false],
      [{ event: { type: 'alert' } }, false],
      [{ event: { type: 'tag' }, tags: ['t'] }, false],
    ] as const) {
      for (const given of [conditions, long]) {
        const set = ruleSetOf(
          JSON.stringify([{ name: 'slow', on: ['auth.open'], conditions: given, ...rest }]),
        );
        const lane = compileRules(set, { platform: 'linux', lane: 'auth' });
        expect(lane.needsReferee('auth.open', facts)).toBe(isEnforced);
        expect(lane.needsReview('auth.open', facts)).toBe(!isEnforced);
        if (!isEnforced) expect(lane.decide('auth.open', facts).matched).toEqual([]);
      }
    }
  });

  test('give long texts under a regular expression to the slow lane, on the auth lane alone', () => {
    const set = ruleSetOf(`
- name: long
  on: [auth.open]
  conditions: { all: [ { fact: file, path: $.path, operator: matches, value: 'x$' } ] }
  event: { type: deny }
`);
    const facts = objectFacts({ file: { path: `/${'a'.repeat(9000)}x` } });
    const lane = compileRules(set, { platform: 'linux', lane: 'auth' });
    expect(lane.needsReferee('auth.open', facts)).toBe(true);
    expect(lane.needsReferee('auth.open', opened)).toBe(false);
    expect(lane.needsReview('auth.open', facts)).toBe(false);
    const event = compileRules(set, { platform: 'linux' });
    expect(event.needsReferee('auth.open', facts)).toBe(false);
    expect(event.decide('auth.open', facts).verdict).toBe('deny');
  });

  test('take the texts of a list together for long, wherever in it they stand', () => {
    const set = ruleSetOf(`
- name: long
  on: [auth.exec]
  platforms: [macos]
  conditions: { all: [ { fact: process, path: $.args, operator: "someFact:matches", value: 'x$' } ] }
  event: { type: deny }
`);
    const lane = compileRules(set, { platform: 'macos', lane: 'auth' });
    const isSlow = (...args: string[]): boolean =>
      lane.needsReferee('auth.exec', objectFacts({ process: { args } }));
    const half = 'a'.repeat(5000);
    expect([isSlow(half), isSlow(half, half), isSlow('a'.repeat(9000), 'b')]).toEqual([false, true, true]);
  });

  test('ask the referee only where a path has more than names, and then only for a possible match', async () => {
    const set = ruleSetOf(`
- name: any-argument
  on: [notify.exec]
  conditions:
    all:
      - { fact: process, path: $.executable, operator: equal, value: /bin/x }
      - { fact: process, path: '$.args[?(@.length > 3)]', operator: exists, value: true }
  event: { type: alert }
`);
    const rules = compileRules(set, { platform: 'linux' });
    const other = objectFacts({ process: { executable: '/bin/y', args: ['long'] } });
    const same = objectFacts({ process: { executable: '/bin/x', args: ['a', 'long'] } });
    const short = objectFacts({ process: { executable: '/bin/x', args: ['a'] } });
    expect(rules.needsReferee('notify.exec', other)).toBe(false);
    expect(rules.needsReferee('notify.exec', same)).toBe(true);
    expect(rules.decide('notify.exec', same)).toBe(NO_MATCH);
    expect((await rules.decideAsync('notify.exec', same)).alerts).toHaveLength(1);
    const both = await Promise.all(
      [same, short, same].map((facts) => rules.decideAsync('notify.exec', facts)),
    );
    expect(both.map(({ matched }) => matched.length)).toEqual([1, 0, 1]);
  });

  test('report what the referee could not evaluate, and go on', async () => {
    const set = ruleSetOf(`
- name: throws
  on: [notify.exec]
  conditions: { all: [ { fact: process, path: '$.args[?(@.a.b.c.d > 1)]', operator: exists, value: false } ] }
  event: { type: alert }
- name: fine
  on: [notify.exec]
  conditions: { all: [ { fact: process, path: $.executable, operator: equal, value: /bin/x } ] }
  event: { type: forward }
`);
    const failed: string[] = [];
    const rules = compileRules(set, { platform: 'linux', onRefereeError: ({ name }) => failed.push(name) });
    const facts = objectFacts({ process: { executable: '/bin/x', args: ['a'] } });
    const decision = await rules.decideAsync('notify.exec', facts);
    expect(decision.verdict).toBe('forward');
    expect(failed.length + decision.alerts.length).toBeGreaterThan(0);
  });
});

describe('a path that is unresolved', () => {
  const yaml = (type: string, conditions: string): string =>
    `- { name: one, on: [auth.open], conditions: ${conditions}, event: { type: ${type} } }`;
  const unresolved = objectFacts({
    file: { path: '/hint', path_unresolved: true },
    process: { executable: '/bin/x' },
  });

  test('is denied if a deny rule could hold', () => {
    expect(compile(yaml('deny', onPath('/secret'))).decide('auth.open', unresolved).verdict).toBe('deny');
    const other = `{ all: [ { fact: process, path: $.executable, operator: equal, value: /bin/y }, { fact: file, path: $.path, operator: equal, value: /secret } ] }`;
    expect(compile(yaml('deny', other)).decide('auth.open', unresolved).verdict).toBe('none');
    const negated = '{ not: { fact: file, path: $.path, operator: startsWith, value: /hint } }';
    expect(compile(yaml('deny', negated)).decide('auth.open', unresolved).verdict).toBe('deny');
  });

  test('is allowed only if an allow rule must hold', () => {
    expect(compile(yaml('allow', onPath('/hint'))).decide('auth.open', unresolved).verdict).toBe('none');
    const byActor = '{ all: [ { fact: process, path: $.executable, operator: equal, value: /bin/x } ] }';
    expect(compile(yaml('allow', byActor)).decide('auth.open', unresolved).verdict).toBe('allow');
  });

  test('is taken as its hint by rules that only alert', () => {
    expect(compile(yaml('alert', onPath('/secret'))).decide('auth.open', unresolved).matched).toEqual([]);
    expect(compile(yaml('alert', onPath('/hint'))).decide('auth.open', unresolved).matched).toHaveLength(1);
  });

  test('whatever the path was: if a rule set of denies would deny any of them, it denies', () => {
    const paths = ['/usr/bin/true', '/tmp/x', 'a', '10'];
    fc.assert(
      fc.property(ruleSet(3), ecsEvent, (set, event) => {
        const denies: RuleSet = {
          ...set,
          rules: set.rules.map((rule) => ({
            ...rule,
            on: ['auth.open'],
            mode: 'enforce',
            event: { type: 'deny', params: {} },
          })),
        };
        const rules = compileRules(denies, { platform: 'linux' });
        const deniedFor = paths.some(
          (path) =>
            rules.decide('auth.open', objectFacts({ ...event, file: { ...event.file, path } })).verdict ===
            'deny',
        );
        const facts = objectFacts({
          ...event,
          file: { ...event.file, path: '/hint', path_unresolved: true },
        });
        if (deniedFor) expect(rules.decide('auth.open', facts).verdict).toBe('deny');
      }),
      { numRuns: 1000 },
    );
  });
});

test('conditions nest as deep as a file may, without a stack of their own', () => {
  let condition: Condition = { fact: 'file', path: '$.path', operator: 'equal', value: '/a' };
  for (let depth = 0; depth < 500; depth++) condition = { not: { all: [condition] } };
  const set = ruleSetOf(
    `- { name: deep, on: [auth.open], conditions: ${onPath('/a')}, event: { type: deny } }`,
  );
  const rules = set.rules.map((rule) => ({ ...rule, conditions: { all: [condition] } }));
  const compiled = compileRules({ ...set, rules }, { platform: 'linux' });
  expect(compiled.decide('auth.open', opened).verdict).toBe('deny');
});
