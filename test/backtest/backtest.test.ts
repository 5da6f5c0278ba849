import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { lastValueFrom, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { Backtest, type BacktestOptions } from '../../src/backtest/backtest.ts';
import { type BacktestResult, backtestResult } from '../../src/backtest/result.ts';
import { clockRules } from '../../src/backtest/rule-clock.ts';
import { decodeEvent } from '../../src/events/decode-event.ts';
import type { EcsEvent } from '../../src/events/ecs-event.ts';
import { encodeEvent } from '../../src/events/encode-event.ts';
import { headerOf } from '../../src/events/encoded-event.ts';
import { objectFacts } from '../../src/events/object-facts.ts';
import type { Trigger } from '../../src/events/triggers.ts';
import { compileRules } from '../../src/rules/compile.ts';
import { loadRules, parseRules, requireRuleSet } from '../../src/rules/load.ts';
import type { RuleSet } from '../../src/rules/schema.ts';
import { replaySource } from '../../src/sources/replay.ts';

const fromRoot = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

function setOf(yaml: string): RuleSet {
  const text = `platforms: [linux]\nrules:\n${yaml}`;
  return requireRuleSet(parseRules([{ file: 'rules.yaml', text }]));
}

interface Given {
  readonly on?: string;
  readonly type?: string;
  readonly mode?: string;
  readonly more?: string;
}

function rule(
  name: string,
  condition: string,
  { on = 'notify.exec', type = 'alert', mode = 'enforce' }: Given = {},
): string {
  return `- { name: ${name}, on: [${on}], mode: ${mode}, conditions: { all: [${condition}] }, event: { type: ${type} } }\n`;
}

const named = (name: string): string => `{ fact: process, path: $.name, operator: equal, value: ${name} }`;
const with_ = (argument: string): string =>
  `{ fact: process, path: $.args, operator: contains, value: ${argument} }`;

let pid = 100;
function event(trigger: Trigger, executable: string, more: Partial<EcsEvent> = {}): EcsEvent {
  pid += 1;
  return {
    event: { action: trigger.slice(trigger.indexOf('.') + 1) },
    host: { os: { type: 'linux' } },
    picket: { trigger },
    ...more,
    process: { executable, pid, ...more.process },
  };
}

async function backtest(
  events: readonly EcsEvent[],
  rules: RuleSet,
  more: Partial<BacktestOptions> = {},
): Promise<BacktestResult> {
  const options = { rules, asAuth: true, examples: 2, ...more };
  const backtested = new Backtest(options);
  for (const [index, ecs] of events.entries()) {
    const bytes = encodeEvent(ecs);
    const { trigger } = headerOf(bytes);
    await backtested.add({ bytes, trigger, file: 'recording', number: index + 1 });
  }
  return backtestResult(backtested, options, [], 0);
}

const times = (count: number, make: () => EcsEvent): EcsEvent[] => Array.from({ length: count }, make);

describe('a backtest', () => {
  const dump = (executable: string): EcsEvent =>
    event('notify.exec', executable, { process: { args: [executable, 'lsass'] } });

  test('says what newly fires, how often before, and what the new events have in common', async () => {
    const events = [
      ...times(3, () => dump('/tmp/dump')),
      ...times(36, () => dump('/opt/edr')),
      dump('/bin/a'),
      dump('/bin/b'),
      ...times(500, () => event('notify.exec', '/bin/true')),
    ];
    const before = setOf(rule('lsass-dump', `${named('dump')}, ${with_('lsass')}`));
    const result = await backtest(events, setOf(rule('lsass-dump', with_('lsass'))), { before });
    const [only, ...others] = result.rules;
    expect(others).toEqual([]);
    expect(only).toMatchObject({ rule: 'lsass-dump', before: 3, now: 41, newly: 38, gone: 0 });
    expect(only?.top[0]).toEqual({ fact: 'process.executable', value: '/opt/edr', count: 36, isExact: true });
    expect(
      only?.examples.map(({ change, event: number, is }) => [change, number, is.process?.executable]),
    ).toEqual([
      ['newly', 4, '/opt/edr'],
      ['newly', 40, '/bin/a'],
    ]);
    expect(result.newlyFiring).toBe(38);
    expect(result.verdicts.alerts).toEqual({ before: 3, now: 41 });
  });

  test('tells a renamed rule as the same, one that came as new, one that went as gone', async () => {
    const before = setOf(rule('old-name', named('x')) + rule('went', named('y')));
    const now = setOf(rule('new-name', named('x')) + rule('came', named('z')));
    const events = ['x', 'y', 'z', 'z'].map((name) => event('notify.exec', `/bin/${name}`));
    const result = await backtest(events, now, { before });
    expect(result.differences).toMatchObject({
      came: ['came'],
      went: ['went'],
      renamed: [{ from: 'old-name', to: 'new-name' }],
    });
    expect(result.rules.map((one) => [one.rule, one.before, one.now])).toEqual([
      ['came', 0, 2],
      ['went', 1, 0],
      ['new-name', 1, 1],
    ]);
    expect([result.newlyFiring, result.noLongerFiring]).toEqual([2, 1]);
  });

  test('counts what would be denied more and less, by program, with priorities and shadow mode as they are', async () => {
    const secret = (executable: string): EcsEvent =>
      event('auth.open', executable, { file: { path: '/secret/x' } });
    const path = '{ fact: file, path: $.path, operator: startsWith, value: /secret/ }';
    const on = { on: 'auth.open', type: 'deny' };
    const before = setOf(rule('deny', `${path}, ${named('a')}`, on));
    const now = setOf(
      rule('deny', `${path}, ${named('b')}`, on) + rule('in-shadow', path, { ...on, mode: 'shadow' }),
    );
    const events = [secret('/bin/a'), secret('/bin/b'), secret('/bin/b'), secret('/bin/c')];
    const { verdicts } = await backtest(events, now, { before });
    expect(verdicts.newlyDenied).toMatchObject({ events: 2, programs: [{ value: '/bin/b', count: 2 }] });
    expect(verdicts.noLongerDenied).toMatchObject({ events: 1, programs: [{ value: '/bin/a', count: 1 }] });
    expect(verdicts.shadow).toMatchObject([{ rule: 'in-shadow', verdict: 'deny', events: 4 }]);
  });

  test('judges told events by auth rules as if they had been asked about, unless they were', async () => {
    const deny = setOf(rule('deny', named('x'), { on: 'auth.exec', type: 'deny' }));
    const told = (of: number): EcsEvent => event('notify.exec', '/bin/x', { process: { pid: of } });
    const asked = (of: number): EcsEvent => event('auth.exec', '/bin/x', { process: { pid: of } });
    const result = await backtest([told(1), asked(2), told(2), told(2)], deny);
    expect(result.rules).toMatchObject([{ rule: 'deny', now: 3, asIfAsked: 2 }]);
    expect(result.verdicts.denied).toMatchObject({ events: 3, asIfAsked: 2 });
    expect(result.asIfAsked).toEqual([{ trigger: 'auth.exec', events: 2 }]);
    const alone = await backtest([told(1), asked(2), told(2), told(2)], deny, { asAuth: false });
    expect(alone.verdicts.denied).toMatchObject({ events: 1, asIfAsked: 0 });
  });

  test('says of which rules it says nothing', async () => {
    const rules = setOf(
      rule('fires', named('x')) +
        rule('silent', named('y')) +
        rule('unseen', '{ fact: dns, path: $.question.name, operator: equal, value: a }', {
          on: 'dns.query',
        }),
    );
    const elsewhere = {
      ...rules.rules[0],
      name: 'elsewhere',
      platforms: ['macos'],
    } as RuleSet['rules'][number];
    const result = await backtest([event('notify.exec', '/bin/x')], {
      ...rules,
      rules: [...rules.rules, elsewhere],
    });
    expect(result.silent).toEqual(['silent']);
    expect(result.unseen).toEqual([{ rule: 'unseen', on: ['dns.query'] }]);
    expect(result.elsewhere).toEqual(['elsewhere']);
  });

  test('finds what json-rules-engine has to evaluate', async () => {
    const filter = '{ fact: process, path: "$.args[?(@ == \'-x\')]", operator: contains, value: -x }';
    const events = [['a', '-x'], ['a']].map((args) => event('notify.exec', '/bin/a', { process: { args } }));
    const result = await backtest(events, setOf(rule('refereed', filter)));
    expect(result.rules).toMatchObject([{ rule: 'refereed', now: 1 }]);
  });

  test.each(['linux', 'macos'] as const)(
    'of the demo on %s counts what each rule alone matches',
    async (platform) => {
      const batches = await lastValueFrom(
        replaySource({ files: [fromRoot(`demo/${platform}.picket`)] }).pipe(toArray()),
      );
      const recorded = batches.flatMap(({ events }) => events);
      const ruleSet = requireRuleSet(await loadRules([fromRoot(`rules/${platform}`)], { platform }));
      const options = { rules: ruleSet, asAuth: false, examples: 0 };
      const backtested = new Backtest(options);
      const alone = new Map<string, number>();
      const compiled = ruleSet.rules.map((one) => compileRules({ ...ruleSet, rules: [one] }, { platform }));
      for (const [index, { bytes, trigger }] of recorded.entries()) {
        await backtested.add({ bytes, trigger, file: '', number: index + 1 });
        const facts = objectFacts(decodeEvent(bytes));
        for (const rules of compiled)
          for (const { name } of rules.decide(trigger, facts).matched)
            alone.set(name, (alone.get(name) ?? 0) + 1);
      }
      const result = backtestResult(backtested, options, [], 0);
      expect(new Map(result.rules.map((one) => [one.rule, one.now]))).toEqual(alone);
      expect(alone.size).toBeGreaterThan(5);
    },
  );
});

describe('two sets', () => {
  test('are compared event by event: what fires in one alone is new or gone, under whatever name', async () => {
    const batches = await lastValueFrom(
      replaySource({ files: [fromRoot('demo/linux.picket')] }).pipe(toArray()),
    );
    const recorded = batches.flatMap(({ events }) => events).slice(0, 40);
    const shipped = requireRuleSet(await loadRules([fromRoot('rules/linux')], { platform: 'linux' }));
    const fates = fc.constantFrom('both', 'before', 'now', 'renamed');
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fates, { minLength: 60, maxLength: 60 }), async (chosen) => {
        const fateOf = (index: number): string => chosen[index % chosen.length] ?? 'both';
        const rulesOf = (side: 'before' | 'now'): RuleSet => ({
          ...shipped,
          rules: shipped.rules.flatMap((one, index) => {
            const fate = fateOf(index);
            if (fate === 'renamed') return [{ ...one, name: side === 'now' ? `${one.name}-2` : one.name }];
            return fate === 'both' || fate === side ? [one] : [];
          }),
        });
        const [rules, before] = [rulesOf('now'), rulesOf('before')];
        const options = { rules, before, asAuth: false, examples: 0 };
        const backtested = new Backtest(options);
        const all = compileRules(shipped, { platform: 'linux' });
        const expected = new Map<string, { newly: number; gone: number; now: number }>();
        for (const [index, { bytes, trigger }] of recorded.entries()) {
          await backtested.add({ bytes, trigger, file: '', number: index + 1 });
          for (const { name } of all.decide(trigger, objectFacts(decodeEvent(bytes))).matched) {
            const fate = fateOf(shipped.rules.findIndex((one) => one.name === name));
            const key = fate === 'renamed' ? `${name}-2` : name;
            const counts = expected.get(key) ?? { newly: 0, gone: 0, now: 0 };
            expected.set(key, counts);
            if (fate === 'now') counts.newly++;
            if (fate === 'before') counts.gone++;
            else counts.now++;
          }
        }
        const result = backtestResult(backtested, options, [], 0);
        compared += result.newlyFiring + result.noLongerFiring;
        const told = result.rules.map(
          ({ rule: name, newly, gone, now }) => [name, { newly, gone, now }] as const,
        );
        expect(new Map(told)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
    expect(compared).toBeGreaterThan(100);
  });
});

describe('the clock of rules', () => {
  test('takes the least of its rounds for each rule, and says who evaluates', async () => {
    const filter = '{ fact: process, path: "$.args[?(@ == 1)]", operator: exists, value: true }';
    const rules = setOf(
      rule('plain', named('x')) + rule('refereed', filter) + rule('other', named('x'), { on: 'notify.exit' }),
    );
    const bytes = encodeEvent(event('notify.exec', '/bin/x', { process: { args: ['1'] } }));
    const samples = [{ platform: 'linux', trigger: 'notify.exec', events: [bytes] } as const];
    let now = 0;
    // Each reading is later than the last by more: the first round that counts is the least.
    let step = 0;
    const clocked = await clockRules(rules, samples, {
      askedBy: () => undefined,
      now: () => {
        step += 1;
        now += step;
        return now;
      },
    });
    expect(clocked.map(({ rule: name, isRefereed, events }) => [name, isRefereed, events])).toEqual([
      ['refereed', true, 1],
      ['plain', false, 1],
    ]);
    // Readings 3 and 4 are the plain rule's in the first round after the warm-up: 4 ms for 256 evaluations.
    expect(clocked[1]?.nsPerEvent).toBe(Math.round((4 / 256) * 1e6));
  });
});
