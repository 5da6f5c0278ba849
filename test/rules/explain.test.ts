import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EcsEvent } from '../../src/events/ecs-event.ts';
import { encodeEvent } from '../../src/events/encode-event.ts';
import { EncodedFacts } from '../../src/events/encoded-facts.ts';
import { compileRules } from '../../src/rules/compile.ts';
import type { RootCondition } from '../../src/rules/conditions.ts';
import { explainerOf } from '../../src/rules/explain.ts';
import { EventExplainer, type EventExplanation } from '../../src/rules/explain-event.ts';
import { parseRules, requireRuleSet } from '../../src/rules/load.ts';
import { type PlanOptions, planPolicy } from '../../src/rules/plan.ts';
import type { RuleDefinition, RuleException, RuleSet } from '../../src/rules/schema.ts';
import { staticVerdictOf } from '../../src/rules/static-verdict.ts';
import { AUTH, ecsEvent, NOTIFY, ruleSet } from './arbitrary-rules.ts';

const GUARD: PlanOptions = {
  guardFilesystems: [],
  maxWaitMs: { exec: 500, open: 100 },
  defaults: { exec: 'allow', open: 'deny' },
  neverDenied: [],
};

function load(text: string): RuleSet {
  return requireRuleSet(parseRules([{ file: 'r.yaml', text }]));
}

function explain(
  set: RuleSet,
  event: EcsEvent,
  wanted: readonly RuleDefinition[] = set.rules,
): Promise<EventExplanation> {
  const trigger = event.picket?.trigger ?? NOTIFY;
  const bytes = encodeEvent({ ...event, host: { os: { type: 'linux' } }, picket: { trigger } });
  return new EventExplainer(set, { guard: GUARD, wanted: new Set(wanted) }).explain(bytes, trigger, 'linux');
}

describe('an explanation', () => {
  test('comes to what the compiled rules decide, whatever the rules and the event', async () => {
    const seen = { matched: 0, unmatched: 0, inDoubt: 0 };
    const doubts = fc.record({ file: fc.boolean(), process: fc.boolean(), isAuth: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(ruleSet(1), ecsEvent, doubts, async (set, plain, doubt) => {
        const event: EcsEvent = {
          ...plain,
          ...(doubt.file ? { file: { ...plain.file, path_unresolved: true } } : {}),
          ...(doubt.process ? { process: { ...plain.process, executable_unresolved: true } } : {}),
        };
        const trigger = doubt.isAuth ? AUTH : NOTIFY;
        const bytes = encodeEvent({ ...event, picket: { trigger } });
        for (const rule of set.rules) {
          if (!rule.on.includes(trigger)) continue;
          const facts = new EncodedFacts().reset(bytes);
          const rules = compileRules({ ...set, rules: [rule] }, { platform: 'linux' });
          const { matched } = rules.needsReferee(trigger, facts)
            ? await rules.decideAsync(trigger, facts)
            : rules.decide(trigger, facts);
          const explained = await explainerOf(rule, set.conditions, trigger).explain(facts);
          expect(explained.isMatch).toBe(matched.length > 0);
          expect(explained.conditions.isTrue).toBe(explained.isMatch);
          if (explained.isMatch) seen.matched++;
          else seen.unmatched++;
          if (explained.isInDoubt) seen.inDoubt++;
          // What kept it from matching is never nothing.
          if (!explained.isMatch) expect(explained.kept?.tests?.length).not.toBe(0);
        }
      }),
      { numRuns: 2_000 },
    );
    expect(Math.min(seen.matched, seen.unmatched)).toBeGreaterThan(300);
    expect(seen.inDoubt).toBeGreaterThan(20);
  });

  const SET = load(`
conditions:
  temporary: { any: [ { fact: process, path: $.executable, operator: startsWith, value: /tmp/ } ] }
rules:
  - name: from-tmp
    on: [notify.exec]
    platforms: [linux]
    conditions:
      all:
        - { condition: temporary }
        - { fact: process, path: $.user.id, operator: notEqual, value: '0' }
        - not: { fact: process, path: $.args, operator: "someFact:equal", value: --version }
    event: { type: forward }
  - name: forward-all
    on: [notify.exec]
    platforms: [linux]
    priority: 5
    conditions: { all: [ { fact: process, path: $.executable, operator: exists, value: true } ] }
    event: { type: drop }
`);

  test('shows each condition beside the value of the event, and marks what decided', async () => {
    const { rules } = await explain(SET, {
      process: { executable: '/tmp/x', user: { id: '0' }, args: ['x', '--version'] },
    });
    const [first] = rules;
    expect(first?.isMatch).toBe(false);
    expect(first?.conditions).toMatchObject({
      kind: 'all',
      isTrue: false,
      parts: [
        { kind: 'condition', name: 'temporary', isTrue: true, isDecisive: false },
        {
          kind: 'fact',
          isTrue: false,
          isDecisive: true,
          test: { fact: 'process.user.id', operator: 'notEqual', expected: '"0"', actual: '"0"' },
        },
        { kind: 'not', isTrue: false, isDecisive: false },
      ],
    });
  });

  test('names the fewest conditions that kept a rule from matching', async () => {
    const { rules } = await explain(SET, {
      process: { executable: '/tmp/x', user: { id: '0' }, args: ['x', '--version'] },
    });
    expect(rules[0]?.kept).toMatchObject({
      isProven: true,
      isNear: false,
      tests: [
        { fact: 'process.user.id', isTrue: false },
        { fact: 'process.args', isTrue: true },
      ],
    });
  });

  test('says that a rule nearly matched only where the rest of it holds', async () => {
    const near = await explain(SET, { process: { executable: '/tmp/x', user: { id: '0' } } });
    expect(near.rules[0]?.kept?.isNear).toBe(true);
    const alone = await explain(SET, {});
    expect(alone.rules[1]?.kept).toMatchObject({ isNear: false, tests: [{ fact: 'process.executable' }] });
  });

  test('says why the deciding rule won over the others', async () => {
    const { reason, decision } = await explain(SET, { process: { executable: '/tmp/x', user: { id: '1' } } });
    expect(decision.verdict).toBe('drop');
    expect(reason).toBe(
      'by forward-all, priority 5, which is higher than that of from-tmp (forward, priority 1)',
    );
  });

  test('tells a fact that the trigger does not have from one that this event lacks', async () => {
    const { rules } = await explain(SET, {
      picket: { trigger: 'auth.exec' },
      process: { executable: '/tmp/x' },
    });
    expect(rules[0]?.notAsked).toBe('from-tmp is on notify.exec, and this is auth.exec');
    expect(rules[0]?.facts).toEqual([
      {
        fact: 'process.user.id',
        isOffered: true,
        text: 'process.user.id is missing: events of auth.exec on linux may have it, this one does not',
      },
      {
        fact: 'process.args',
        isOffered: false,
        text: expect.stringContaining('process.args does not exist in auth.exec on linux'),
      },
    ]);
  });

  test('names the exception that takes an event out, with its reason and its conditions', async () => {
    const [rule] = SET.rules;
    if (rule === undefined) throw new Error('no rule');
    const excepting = except(rule, {
      all: [{ fact: 'process', path: '$.name', operator: 'equal', value: 'edr' }],
    });
    const set = { ...SET, rules: [excepting] };
    const { rules, decision } = await explain(set, {
      process: { executable: '/tmp/edr', user: { id: '1' } },
    });
    expect(decision.verdict).toBe('none');
    expect(rules[0]).toMatchObject({
      isMatch: false,
      conditions: { isTrue: true },
      exceptedBy: [{ name: 'our-edr', reason: 'it is ours', view: { isTrue: true } }],
    });
  });
});

describe('what would answer on a live system', () => {
  const DENY = load(`
- name: no-secrets
  on: [auth.open]
  platforms: [linux]
  conditions: { all: [ { fact: file, path: $.path, operator: startsWith, value: /secret/ } ] }
  event: { type: deny }
- name: by-name
  on: [auth.open]
  platforms: [linux]
  mode: shadow
  conditions: { all: [ { fact: process, path: $.name, operator: equal, value: x } ] }
  event: { type: deny }
`);
  const open = (path: string, more: object = {}): EcsEvent => ({
    picket: { trigger: 'auth.open' },
    file: { path, ...more },
    process: { executable: '/bin/x' },
  });

  test('is the bridge alone where the plan lets it decide', async () => {
    const { live, decision } = await explain(DENY, open('/secret/a'));
    expect(live.filter(({ answersInstead }) => answersInstead)).toEqual([
      {
        kind: 'static-verdict',
        answersInstead: true,
        text: 'the bridge answers by itself: deny, by no-secrets; alerts and tags follow from the report',
      },
    ]);
    expect(decision.shadow).toEqual([{ rule: 'by-name', verdict: 'deny' }]);
    expect((await explain(DENY, open('/else'))).live.map(({ kind }) => kind)).toEqual(['cache', 'default']);
  });

  test('is the same deny where the path could be the one that is denied', async () => {
    const { live, rules, decision } = await explain(DENY, open('/else', { path_unresolved: true }));
    expect(live[0]?.text).toContain('its path is unresolved and it could be one that is denied');
    expect(decision.verdict).toBe('deny');
    expect(rules[0]).toMatchObject({ isInDoubt: true, isMatch: true });
  });

  test('is nobody where no rule can deny, and the default says what follows from silence', async () => {
    const { live } = await explain(DENY, {
      picket: { trigger: 'auth.exec' },
      process: { executable: '/bin/x' },
    });
    expect(live).toMatchObject([{ kind: 'unasked', answersInstead: true }]);
    const late = (await explain(DENY, open('/else'))).live.find(({ kind }) => kind === 'default');
    expect(late?.text).toBe(
      'without an answer in time after 100 ms: deny (guard.defaults), given by the bridge',
    );
  });

  test('is never another verdict than the rules give', () => {
    const paths = fc.constantFrom('/secret/a', '/secret', '/else', '/tmp/x.sh');
    const leaf = fc
      .tuple(
        fc.constantFrom('startsWith', 'endsWith', 'equal'),
        fc.constantFrom('/secret', '/tmp/', '.sh', '/else'),
      )
      .map(([operator, value]) => ({ fact: 'file', path: '$.path', operator, value }));
    let answered = 0;
    fc.assert(
      fc.property(fc.array(leaf, { minLength: 1, maxLength: 3 }), paths, (leaves, path) => {
        const [template] = DENY.rules;
        if (template === undefined) throw new Error('no rule');
        const rules = leaves.map((one, index) => {
          const conditions = { all: [one] };
          return { ...template, name: `r${index}`, conditions, own: conditions };
        });
        const set = { ...DENY, rules };
        const facts = new EncodedFacts().reset(encodeEvent(open(path)));
        const answer = staticVerdictOf(planPolicy(set, 'linux', GUARD).policy, 'auth.open', facts);
        const { verdict } = compileRules(set, { platform: 'linux' }).decide('auth.open', facts);
        if (answer !== undefined) answered++;
        expect(answer?.verdict ?? 'none').toBe(verdict);
      }),
    );
    expect(answered).toBeGreaterThan(10);
  });
});

function except(rule: RuleDefinition, conditions: RootCondition): RuleDefinition {
  const exception: RuleException = {
    name: 'our-edr',
    rule: rule.name,
    conditions,
    reason: 'it is ours',
    place: rule.place,
  };
  return {
    ...rule,
    conditions: { all: [rule.own, { not: { any: [conditions] } }] },
    exceptions: [exception],
  };
}
