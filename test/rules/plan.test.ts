import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EcsEvent } from '../../src/events/ecs-event.ts';
import { objectFacts } from '../../src/events/object-facts.ts';
import { picket } from '../../src/events/proto/picket.js';
import { bytesOfText, textOfBytes } from '../../src/events/text.ts';
import type { Trigger } from '../../src/events/triggers.ts';
import { compileRules } from '../../src/rules/compile.ts';
import type { Condition, Leaf, RootCondition } from '../../src/rules/conditions.ts';
import { parseRules, requireRuleSet } from '../../src/rules/load.ts';
import { type Plan, type PlanOptions, planPolicy } from '../../src/rules/plan.ts';
import type { RuleSet } from '../../src/rules/schema.ts';
import { rule } from './arbitrary-rules.ts';

const OPTIONS: PlanOptions = { guardFilesystems: [], maxWaitMs: {}, defaults: {}, neverDenied: [] };

const rulesOf = (yaml: string): RuleSet => requireRuleSet(parseRules([{ file: 'test.yaml', text: yaml }]));

function planOf(yaml: string, options: Partial<PlanOptions> = {}): Plan {
  return planPolicy(rulesOf(yaml), 'linux', { ...OPTIONS, ...options });
}

// é ends in the byte 0xa9, which alone is written as below: a suffix of its bytes, and not of the text.
const PATHS = ['/tmp/x', '/tmp/é', '/usr/bin/true', 'x'];
const PARTS = [...PATHS, '/', '/tmp/', 'true', 'x', '\udca9'];
const path = fc.constantFrom(...PATHS);
const part = fc.constantFrom(...PARTS);

const place = fc.constantFrom<Pick<Leaf, 'fact' | 'path'>>(
  { fact: 'file', path: '$.path' },
  { fact: 'file', path: '$.path' },
  { fact: 'process', path: '$.executable' },
  { fact: 'process.previous.executable' },
  { fact: 'process', path: '$.pid' },
);
const leaf: fc.Arbitrary<Leaf> = fc
  .tuple(
    place,
    fc.oneof(
      part.map((value) => ({ operator: 'equal', value })),
      part.map((value) => ({ operator: 'startsWith', value })),
      part.map((value) => ({ operator: 'endsWith', value })),
      fc.array(path, { minLength: 2, maxLength: 4 }).map((value) => ({ operator: 'in', value })),
      fc.array(part, { maxLength: 3 }).map((value) => ({ operator: 'someValue:endsWith', value })),
      part.map((value) => ({ operator: 'notEqual', value })),
      part.map((value) => ({ operator: 'ignoreCase:startsWith', value })),
    ),
  )
  .map(([at, test]) => ({ ...at, ...test }));

function root(depth: number): fc.Arbitrary<RootCondition> {
  const inner: fc.Arbitrary<Condition> =
    depth === 0 ? leaf : fc.oneof({ weight: 3, arbitrary: leaf }, root(depth - 1));
  const parts = fc.array(inner, { minLength: 1, maxLength: 3 });
  return fc.oneof(
    { weight: 5, arbitrary: parts.map((all) => ({ all })) },
    { weight: 3, arbitrary: parts.map((any) => ({ any })) },
    { weight: 1, arbitrary: inner.map((not) => ({ not })) },
  );
}

const pathRules: fc.Arbitrary<RuleSet> = fc
  .array(fc.tuple(rule([], 1), root(1), fc.boolean(), fc.constantFrom<Trigger>('auth.exec', 'auth.open')), {
    minLength: 1,
    maxLength: 6,
  })
  .map((made) => ({
    rules: made.map(([one, conditions, isDeny, trigger], index) => ({
      ...one,
      name: `rule-${index}`,
      on: [trigger],
      mode: isDeny && index % 3 === 2 ? one.mode : ('enforce' as const),
      conditions,
      event: { type: isDeny ? 'deny' : 'allow', params: {} },
    })),
    conditions: {},
    lists: {},
  }));

const event: fc.Arbitrary<EcsEvent> = fc.record({ path, other: path }).map(({ path: own, other }) => ({
  file: { path: own },
  process: { executable: other, previous: { executable: other } },
}));

/** An exec's new image is the file asked about. */
function shaped(from: EcsEvent, trigger: Trigger): EcsEvent {
  const { file, process } = from;
  if (trigger !== 'auth.exec' || file?.path === undefined) return from;
  return { file, process: { ...process, executable: file.path } };
}

const { Subject, Operator } = picket.v1.StaticTest;

/** The bridge's part, on bytes, as bridge.proto says it. */
function holds(test: picket.v1.IStaticTest, { file, process }: EcsEvent): boolean {
  const subject =
    test.subject === Subject.SUBJECT_FILE_PATH
      ? file?.path
      : test.subject === Subject.SUBJECT_PREVIOUS_EXECUTABLE
        ? process?.previous?.executable
        : process?.executable;
  const bytes = Buffer.from(bytesOfText(subject ?? ''));
  return (test.values ?? []).some((value) => {
    const wanted = Buffer.from(value);
    if (test.operator === Operator.OPERATOR_EQUAL) return bytes.equals(wanted);
    if (test.operator === Operator.OPERATOR_PREFIX) return bytes.subarray(0, wanted.length).equals(wanted);
    return bytes.length >= wanted.length && bytes.subarray(bytes.length - wanted.length).equals(wanted);
  });
}

function matching(
  verdicts: readonly picket.v1.IStaticVerdict[] | null | undefined,
  trigger: Trigger,
  given: EcsEvent,
): picket.v1.IStaticVerdict | undefined {
  return (verdicts ?? []).find(
    ({ action, tests }) => `auth.${action}` === trigger && (tests ?? []).every((test) => holds(test, given)),
  );
}

describe('the plan', () => {
  test('local is no path but stands for all local filesystems, and new mounts are reported unless the operator says otherwise', () => {
    const told = (options: Partial<PlanOptions>) => {
      const { guardedFilesystems, guardLocal, newMounts } = planOf('[]', options).policy;
      return [
        guardedFilesystems?.map(({ path }) => textOfBytes(path ?? new Uint8Array())),
        guardLocal,
        newMounts,
      ];
    };
    const { NEW_MOUNTS_REPORT, NEW_MOUNTS_GUARD, NEW_MOUNTS_IGNORE } = picket.v1.NewMounts;
    expect(told({ guardFilesystems: ['/srv'] })).toEqual([['/srv'], false, NEW_MOUNTS_REPORT]);
    expect(told({ guardFilesystems: ['local', '/local'], newMounts: 'guard' })).toEqual([
      ['/local'],
      true,
      NEW_MOUNTS_GUARD,
    ]);
    expect(told({ newMounts: 'ignore' })).toEqual([[], false, NEW_MOUNTS_IGNORE]);
  });

  test('a static verdict never contradicts what the rules decide for the same event', () => {
    let answered = 0;
    let allowed = 0;
    fc.assert(
      fc.property(pathRules, fc.array(event, { minLength: 1, maxLength: 8 }), (set, events) => {
        const { policy } = planPolicy(set, 'linux', OPTIONS);
        const rules = compileRules(set, { platform: 'linux' });
        for (const trigger of ['auth.exec', 'auth.open'] as const) {
          for (const given of events.map((one) => shaped(one, trigger))) {
            const fixed = matching(policy.staticVerdicts, trigger, given);
            if (fixed === undefined) continue;
            answered++;
            const isDeny = fixed.verdict === picket.v1.Verdict.VERDICT_DENY;
            if (!isDeny) allowed++;
            expect(rules.decide(trigger, objectFacts(given)).verdict).toBe(isDeny ? 'deny' : 'allow');
          }
        }
      }),
      { numRuns: 3000 },
    );
    console.log(`static verdicts: ${answered} events answered, ${allowed} of them allowed`);
    expect(answered).toBeGreaterThan(300);
    expect(allowed).toBeGreaterThan(0);
  });

  test('whatever the rules deny is within the reach that the bridge is told', () => {
    let denied = 0;
    fc.assert(
      fc.property(pathRules, fc.array(event, { minLength: 1, maxLength: 8 }), (set, events) => {
        const { policy } = planPolicy(set, 'linux', OPTIONS);
        const rules = compileRules(set, { platform: 'linux' });
        for (const trigger of ['auth.exec', 'auth.open'] as const) {
          const reach = (policy.denyReach ?? []).filter(({ action }) => `auth.${action}` === trigger);
          if (reach.length === 0) continue;
          for (const given of events.map((one) => shaped(one, trigger))) {
            if (rules.decide(trigger, objectFacts(given)).verdict !== 'deny') continue;
            denied++;
            expect(matching(reach, trigger, given)).toBeDefined();
          }
        }
      }),
      { numRuns: 3000 },
    );
    expect(denied).toBeGreaterThan(100);
  });

  test('whatever the rules deny is a file that the bridge is told to ask about', () => {
    let denied = 0;
    fc.assert(
      fc.property(pathRules, fc.array(event, { minLength: 1, maxLength: 8 }), (set, events) => {
        const { policy } = planPolicy(set, 'linux', OPTIONS);
        const rules = compileRules(set, { platform: 'linux' });
        for (const trigger of ['auth.exec', 'auth.open'] as const) {
          const asked = (policy.askedPaths ?? []).filter(({ action }) => `auth.${action}` === trigger);
          if (asked.length === 0) continue;
          for (const given of events.map((one) => shaped(one, trigger))) {
            if (rules.decide(trigger, objectFacts(given)).verdict !== 'deny') continue;
            denied++;
            const path = given.file?.path ?? '';
            expect(
              asked.some(({ path: bytes, isPrefix }) => {
                const text = textOfBytes(bytes ?? new Uint8Array());
                return isPrefix === true ? path.startsWith(text) : path === text;
              }),
            ).toBe(true);
          }
        }
      }),
      { numRuns: 3000 },
    );
    expect(denied).toBeGreaterThan(100);
  });

  test('in shadow mode is asked about what those rules would deny', () => {
    const yaml =
      '- { name: a, on: [auth.open], mode: shadow, conditions: { all: [ { fact: file, path: $.path, operator: startsWith, value: /a/ } ] }, event: { type: deny } }';
    const asked = [{ action: 'open', path: Buffer.from('/a/'), isPrefix: true }];
    expect(planOf(yaml, { askInShadow: true }).policy.askedPaths).toMatchObject(asked);
    expect(planOf(yaml).policy.askedPaths).toEqual([]);
  });

  test('asked in shadow mode: every question is asked, and neither a deadline nor an overload can deny', () => {
    const rule = (type: string, mode: string): string =>
      `- { name: ${type}, on: [auth.open], mode: ${mode}, conditions: { all: [ { fact: file, path: $.path, operator: equal, value: /a } ] }, event: { type: ${type} } }`;
    const options = { askInShadow: true, defaults: { open: 'deny' } } as const;
    const { subscriptions, policy } = planOf(rule('deny', 'shadow'), options);
    expect(subscriptions).toEqual(['auth.open']);
    expect(policy.staticVerdicts).toEqual([]);
    expect(policy.actions).toEqual([{ action: 'open', defaultVerdict: picket.v1.Verdict.VERDICT_ALLOW }]);
    expect(policy.denyReach).toEqual([{ action: 'open', tests: [{ subject: 1, operator: 1, values: [] }] }]);
    expect(planOf(rule('alert', 'shadow'), options).subscriptions).toEqual([]);
    const enforced = planOf(rule('deny', 'enforce'), options);
    expect(enforced.policy.actions).toMatchObject([{ defaultVerdict: picket.v1.Verdict.VERDICT_DENY }]);
    expect(enforced.policy.denyReach).toMatchObject([{ tests: [{ values: [Buffer.from('/a')] }] }]);
  });

  test('asks about what a shadow set would deny, and gives no verdict, no default and no reach for it', () => {
    const deny = (name: string, trigger: string, path: string): string =>
      `- { name: ${name}, on: [${trigger}], conditions: { all: [ { fact: file, path: $.path, operator: equal, value: ${path} } ] }, event: { type: deny } }\n`;
    const shadow = rulesOf(
      `${deny('exec', 'auth.exec', '/b')}- { name: told, on: [notify.open], conditions: { all: [] }, event: { type: forward } }`,
    );
    const { subscriptions, policy } = planOf(deny('open', 'auth.open', '/a'), {
      shadow,
      defaults: { open: 'deny', exec: 'deny' },
    });
    expect(subscriptions).toEqual(['auth.open', 'auth.exec']);
    expect(policy.staticVerdicts).toMatchObject([{ action: 'open', rule: 'open' }]);
    expect(policy.actions).toEqual([
      { action: 'open', defaultVerdict: picket.v1.Verdict.VERDICT_DENY },
      { action: 'exec', defaultVerdict: picket.v1.Verdict.VERDICT_ALLOW },
    ]);
    expect(policy.denyReach).toMatchObject([
      { action: 'open', rule: 'open' },
      { action: 'exec', tests: [{ values: [] }] },
    ]);
    expect(
      policy.askedPaths?.map(({ action, path }) => `${action} ${textOfBytes(path ?? new Uint8Array())}`),
    ).toEqual(['open /a', 'exec /b']);
  });

  test('asks about an action only while an enforced rule can deny there', () => {
    const on = (trigger: string, type: string, mode = 'enforce'): string =>
      `- { name: ${trigger}-${type}-${mode}, on: [${trigger}], mode: ${mode}, conditions: { all: [ { fact: file, path: $.path, operator: equal, value: /a } ] }, event: { type: ${type} } }`;
    expect(planOf(on('auth.open', 'deny')).subscriptions).toEqual(['auth.open']);
    expect(planOf(on('auth.open', 'deny', 'shadow')).subscriptions).toEqual([]);
    expect(planOf(on('auth.open', 'alert')).subscriptions).toEqual([]);
    expect(planOf(on('auth.open', 'allow')).subscriptions).toEqual([]);
    expect(planOf(on('notify.open', 'forward')).subscriptions).toEqual(['notify.open']);
    expect(planOf(on('notify.open', 'alert')).subscriptions).toEqual(['notify.open']);
    expect(planOf(on('notify.open', 'forward', 'shadow')).subscriptions).toEqual(['notify.open']);
    expect(planOf(on('notify.open', 'drop')).subscriptions).toEqual([]);
  });

  test('has the environment read only where a rule reads it', () => {
    const on = (trigger: string, path: string): string =>
      `- { name: ${trigger}, on: [${trigger}], platforms: [linux], conditions: { not: { fact: process, path: ${path}, operator: exists, value: true } }, event: { type: alert } }`;
    const subscriptions = (yaml: string) => planOf(yaml).policy.subscriptions;
    const without = { kind: 2, action: 'exec' };
    expect(subscriptions(on('notify.exec', '$.args'))).toEqual([without]);
    expect(subscriptions(on('notify.exec', '$.env_vars'))).toEqual([{ ...without, environment: true }]);
    expect(subscriptions(on('notify.exec', '"$.env_vars[0]"'))).toEqual([{ ...without, environment: true }]);
    expect(subscriptions(on('notify.exec', `'$.args[?(@ == "-x")]'`))).toEqual([without]);
    for (const anywhere of [`'$..args'`, `'$.args[?(@root.env_vars)]'`])
      expect(subscriptions(on('notify.exec', anywhere))).toEqual([{ ...without, environment: true }]);
    const both = `${on('notify.exec', '$.env_vars')}\n${on('notify.exit', '$.exit_code')}`;
    expect(subscriptions(both)).toEqual([
      { ...without, environment: true },
      { kind: 2, action: 'exit' },
    ]);
  });

  test('never lets a deadline deny where no rule can', () => {
    const yaml =
      '- { name: a, on: [auth.open], conditions: { all: [ { fact: file, path: $.path, operator: equal, value: /a } ] }, event: { type: deny } }';
    const { policy } = planOf(yaml, {
      defaults: { open: 'deny', exec: 'deny' },
      maxWaitMs: { open: 100, exec: 500 },
    });
    expect(policy.actions).toEqual([
      { action: 'open', defaultVerdict: 2, maxWaitUs: 100_000 },
      { action: 'exec', defaultVerdict: 1, maxWaitUs: 500_000 },
    ]);
  });

  test('survives the way over the wire', () => {
    const yaml =
      '- { name: a, on: [auth.exec], conditions: { all: [ { fact: process, path: $.executable, operator: startsWith, value: /tmp/ }, { fact: process, path: $.previous.executable, operator: equal, value: /bin/sh } ] }, event: { type: deny } }';
    const { policy } = planOf(yaml, { guardFilesystems: ['/srv'], neverDenied: ['/lib/ld.so'] });
    const decoded = picket.v1.Policy.decode(picket.v1.Policy.encode(policy).finish());
    expect(decoded.subscriptions.map(({ kind, action }) => [kind, action])).toEqual([[1, 'exec']]);
    const [fixed] = decoded.staticVerdicts;
    expect(
      fixed?.tests?.map(({ subject, operator, values }) => [
        subject,
        operator,
        (values ?? []).map(textOfBytes),
      ]),
    ).toEqual([
      [Subject.SUBJECT_FILE_PATH, Operator.OPERATOR_PREFIX, ['/tmp/']],
      [Subject.SUBJECT_PREVIOUS_EXECUTABLE, Operator.OPERATOR_EQUAL, ['/bin/sh']],
    ]);
    expect(decoded.guardedFilesystems.map(({ path: at }) => textOfBytes(at ?? new Uint8Array()))).toEqual([
      '/srv',
    ]);
    expect(decoded.neverDenied.map(textOfBytes)).toEqual(['/lib/ld.so']);
  });

  test('leaves an allow that only the agent can judge in front of a deny to the agent', () => {
    const { policy } = planOf(`
- { name: allow, on: [auth.open], priority: 2, conditions: { all: [ { fact: process, path: $.pid, operator: equal, value: 1 } ] }, event: { type: allow } }
- { name: deny, on: [auth.open], priority: 1, conditions: { all: [ { fact: file, path: $.path, operator: equal, value: /a } ] }, event: { type: deny } }
- { name: first, on: [auth.open], priority: 3, conditions: { all: [ { fact: file, path: $.path, operator: equal, value: /b } ] }, event: { type: deny } }
`);
    expect(policy.staticVerdicts?.map(({ rule: name }) => name)).toEqual(['first']);
  });
});
