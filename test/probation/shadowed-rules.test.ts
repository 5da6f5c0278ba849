import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { objectFacts } from '../../src/events/object-facts.ts';
import { NO_RULES, shadowedRules } from '../../src/probation/shadowed-rules.ts';
import { compileRules } from '../../src/rules/compile.ts';
import type { Decision } from '../../src/rules/decision.ts';
import { parseRules, requireRuleSet } from '../../src/rules/load.ts';
import type { RuleSet } from '../../src/rules/schema.ts';
import { AUTH, ecsEvent, ruleSet } from '../rules/arbitrary-rules.ts';

const RUNS = 2_000;

function decide(rules: RuleSet, event: object): Promise<Decision> {
  const given = { ...event, picket: { trigger: AUTH } };
  return compileRules(rules, { platform: 'linux' }).decideAsync(AUTH, objectFacts(given));
}

/** Sets that share most of their rules, as those before and after an edit do. */
const edited = fc
  .tuple(ruleSet(5), ruleSet(5), fc.array(fc.constantFrom('old', 'new', 'both'), { minLength: 5 }))
  .map(([before, other, fates]) => {
    const rules = before.rules.flatMap((rule, index) => {
      const fate = fates[index % fates.length];
      const changed = other.rules[index];
      if (fate === 'both' || changed === undefined) return [rule];
      return fate === 'new' ? [changed] : [];
    });
    const extra = other.rules.map((rule) => ({ ...rule, name: `extra-${rule.name}` }));
    const conditions = fates[0] === 'new' ? other.conditions : before.conditions;
    return { before, after: { ...before, conditions, rules: [...rules, ...extra.slice(0, 2)] } };
  });

describe('rules in shadow mode against trusted ones', () => {
  test('deny nothing that the trusted ones do not deny, and nothing that the new ones would not', async () => {
    let denied = 0;
    await fc.assert(
      fc.asyncProperty(edited, ecsEvent, async ({ before, after }, event) => {
        const { ruleSet: held } = shadowedRules(after, before);
        if ((await decide(held, event)).verdict !== 'deny') return;
        denied++;
        expect((await decide(before, event)).verdict).toBe('deny');
        expect((await decide(after, event)).verdict).toBe('deny');
      }),
      { numRuns: RUNS },
    );
    expect(denied, 'denies that still stand').toBeGreaterThan(RUNS / 100);
  });

  test('deny what they denied, if nothing changed', async () => {
    await fc.assert(
      fc.asyncProperty(ruleSet(5), ecsEvent, async (rules, event) => {
        const { ruleSet: held, shadowed } = shadowedRules(rules, rules);
        expect(shadowed).toEqual([]);
        expect((await decide(held, event)).verdict).toBe((await decide(rules, event)).verdict);
      }),
      { numRuns: 300 },
    );
  });

  test('report every deny that they would have given, and keep their alerts and tags', async () => {
    await fc.assert(
      fc.asyncProperty(ruleSet(5), ecsEvent, async (rules, event) => {
        const held = await decide(shadowedRules(rules, NO_RULES).ruleSet, event);
        const free = await decide(rules, event);
        expect(held.verdict).not.toBe('deny');
        const denies = free.matched.filter(
          ({ mode, event: { type } }) => mode === 'enforce' && type === 'deny',
        );
        const told = held.shadow.map(({ rule }) => rule);
        expect(told).toEqual(expect.arrayContaining(denies.map(({ name }) => name)));
        expect(held.alerts).toEqual(free.alerts);
      }),
      { numRuns: 300 },
    );
  });
});

const yaml = (text: string): RuleSet => requireRuleSet(parseRules([{ file: 'rules.yaml', text }]));

const rule = (name: string, type: string, path: string, more = ''): string => `
  - name: ${name}
    on: [auth.exec]
    ${more}
    conditions: { all: [{ condition: place }, { fact: file, path: $.name, operator: startsWith, value: ${path} }] }
    event: { type: ${type} }`;

const set = (place: string, ...rules: string[]): RuleSet =>
  yaml(`
conditions: { place: { all: [{ fact: file, path: $.path, operator: startsWith, value: ${place} }] } }
rules: ${rules.join('')}`);

const run = (path: string) => ({ file: { path, name: path.slice(path.lastIndexOf('/') + 1) } });

describe('a rule', () => {
  test('whose named condition changed is changed: it denies what both versions deny', async () => {
    const before = set('/opt/', rule('a', 'deny', 'x'));
    const after = set('/', rule('a', 'deny', 'x'));
    const { ruleSet: held, shadowed } = shadowedRules(after, before);
    expect(shadowed).toEqual(['a']);
    expect((await decide(held, run('/opt/x'))).verdict).toBe('deny');
    const elsewhere = await decide(held, run('/usr/x'));
    expect(elsewhere.verdict).toBe('none');
    expect(elsewhere.shadow).toEqual([{ rule: 'a', verdict: 'deny' }]);
  });

  test('that allowed and is gone still allows, by the conditions that it had', async () => {
    const deny = rule('a', 'deny', 'x');
    const before = set('/opt/', deny, rule('b', 'allow', 'x', 'priority: 9'));
    const after = set('/', deny);
    const { ruleSet: held } = shadowedRules(after, before);
    expect((await decide(held, run('/opt/x'))).verdict).toBe('allow');
  });

  test('that changed stands no higher than either version, so that an allow above one of them is above it', async () => {
    const allow = rule('b', 'allow', 'x', 'priority: 5');
    for (const [low, high] of [
      [1, 9],
      [9, 1],
    ]) {
      const before = set('/', rule('a', 'deny', 'x', `priority: ${low}`), allow);
      const after = set('/', rule('a', 'deny', 'x', `priority: ${high}`), allow);
      const { ruleSet: held } = shadowedRules(after, before);
      expect((await decide(held, run('/x'))).verdict).toBe('allow');
    }
  });

  test('keeps named conditions within named conditions as they were', async () => {
    const nested = (place: string): RuleSet =>
      yaml(`
conditions:
  inner: { all: [{ fact: file, path: $.path, operator: startsWith, value: ${place} }] }
  outer: { any: [{ condition: inner }] }
rules:
  - name: a
    on: [auth.exec]
    conditions: { all: [{ condition: outer }] }
    event: { type: deny }
`);
    const { ruleSet: held } = shadowedRules(nested('/'), nested('/opt/'));
    expect((await decide(held, run('/usr/x'))).verdict).toBe('none');
    expect((await decide(held, run('/opt/x'))).verdict).toBe('deny');
  });

  test('that goes on under another name denies what it denied', async () => {
    const before = set('/opt/', rule('a', 'deny', 'x'));
    const after = set('/opt/', rule('b', 'deny', 'x'), rule('c', 'deny', 'y'));
    const { ruleSet: held } = shadowedRules(after, before);
    expect((await decide(held, run('/opt/x'))).verdict).toBe('deny');
    expect((await decide(held, run('/opt/y'))).verdict).toBe('none');
  });

  test('that is gone does not come back', async () => {
    const before = set('/', rule('a', 'deny', 'x'), rule('b', 'deny', 'y'));
    const after = set('/', rule('a', 'deny', 'x'), rule('c', 'deny', 'z'));
    const { ruleSet: held } = shadowedRules(after, before);
    expect((await decide(held, run('/y'))).verdict).toBe('none');
    expect((await decide(held, run('/x'))).verdict).toBe('deny');
  });
});
