import { describe, expect, test } from 'vitest';
import { decodeEvent } from '../../src/events/decode-event.ts';
import type { EcsEvent } from '../../src/events/ecs-event.ts';
import { encodeEvent } from '../../src/events/encode-event.ts';
import { EncodedFacts } from '../../src/events/encoded-facts.ts';
import { ES_EVENT_TYPES } from '../../src/events/es-event-types.ts';
import { parseEslogger } from '../../src/events/eslogger.ts';
import type { Platform, Trigger } from '../../src/events/triggers.ts';
import { checkRules } from '../../src/rules/check/check.ts';
import { compileRules } from '../../src/rules/compile.ts';
import { knownTriggers } from '../../src/rules/known-triggers.ts';
import { parseRules } from '../../src/rules/load.ts';
import {
  type NewRule,
  NewRuleError,
  problemsOf,
  ruleFromEvent,
  ruleFromTemplate,
} from '../../src/rules/new-rule.ts';
import { genericTemplate, RULE_TEMPLATES } from '../../src/rules/rule-templates.ts';
import { PLATFORMS } from '../../src/rules/schema.ts';
import { Coverage, percentOf } from '../../src/rules/test-coverage.ts';
import { testRules } from '../../src/rules/testing.ts';
import { esloggerSample, MESSAGE_VERSIONS, printLine } from '../data/eslogger-samples.ts';

/** What is wrong with a new rule; empty: nothing at all. */
async function faultsOf(rule: NewRule): Promise<string[]> {
  const loaded = parseRules([{ file: 'new.yaml', text: rule.text }]);
  const coverage = new Coverage(loaded.ruleSet, loaded.places);
  const results = await testRules(loaded.ruleSet, { coverage });
  const percent = percentOf(coverage.report(), true);
  return [
    ...[...loaded.problems, ...checkRules(loaded)].map(({ code, message }) => `${code}: ${message}`),
    ...results.filter(({ status }) => status !== 'passed').map(({ test: name }) => `failed: ${name}`),
    ...(percent === 100 ? [] : [`coverage ${percent}`]),
    ...(loaded.ruleSet.rules.map(({ name }) => name).join() === rule.name ? [] : ['no rule']),
  ];
}

function matches(rule: NewRule, event: EcsEvent, platform: Platform): boolean {
  const { ruleSet } = parseRules([{ file: 'new.yaml', text: rule.text }]);
  const facts = new EncodedFacts().reset(
    encodeEvent({ ...event, picket: { ...event.picket, trigger: rule.trigger } }),
  );
  return compileRules(ruleSet, { platform }).decide(rule.trigger, facts).matched.length === 1;
}

describe('a rule from a template', () => {
  test.each(RULE_TEMPLATES.map((template) => [template.name, template] as const))(
    '(%s) is right as it stands, and its tests try each condition both ways',
    async (_, template) => {
      for (const platform of [undefined, ...PLATFORMS]) {
        if (platform !== undefined && !knownTriggers(platform).has(template.trigger)) continue;
        expect(await faultsOf(ruleFromTemplate(template, { platform }))).toEqual([]);
      }
    },
  );

  test('is there for every trigger of every platform whose events say who did something', async () => {
    const without: string[] = [];
    for (const platform of PLATFORMS) {
      for (const trigger of knownTriggers(platform)) {
        const template =
          RULE_TEMPLATES.find((one) => one.trigger === trigger) ?? genericTemplate(trigger, platform);
        if (template === undefined) without.push(`${platform} ${trigger}`);
        else
          expect(await faultsOf(ruleFromTemplate(template, { platform, type: typeFor(trigger) }))).toEqual(
            [],
          );
      }
    }
    expect(without).toEqual([]);
  });

  test('begins in shadow mode where it denies', () => {
    const template = RULE_TEMPLATES.find(({ name }) => name === 'deny-exec');
    expect(template && ruleFromTemplate(template, {}).text).toContain('mode: shadow');
  });

  test('is refused where its type can’t follow on its trigger', () => {
    const template = RULE_TEMPLATES.find(({ name }) => name === 'dns');
    if (template === undefined) throw new Error('no template');
    expect(() => ruleFromTemplate(template, { type: 'deny' })).toThrow(NewRuleError);
  });
});

const typeFor = (trigger: Trigger): 'deny' | 'alert' => (trigger.startsWith('auth.') ? 'deny' : 'alert');

describe('a rule from an event', () => {
  test('of any Endpoint Security type is right, matches that event, and tries each condition both ways', async () => {
    let conditions = 0;
    for (const { number } of ES_EVENT_TYPES) {
      // The message versions take turns.
      const version = MESSAGE_VERSIONS[number % MESSAGE_VERSIONS.length] ?? 1;
      const event = decodeEvent(encodeEvent(parseEslogger(printLine(esloggerSample(number, version)))));
      const trigger = event.picket?.trigger ?? 'notify.';
      const rule = ruleFromEvent(event, trigger, 'macos', {});
      expect([trigger, await faultsOf(rule)]).toEqual([trigger, []]);
      expect([trigger, matches(rule, event, 'macos')]).toEqual([trigger, true]);
      conditions += rule.text.match(/- \{ fact:/g)?.length ?? 0;
    }
    expect(conditions).toBeGreaterThan(2 * ES_EVENT_TYPES.length);
  });

  const SAMPLES: readonly (readonly [Trigger, EcsEvent])[] = [
    [
      'dns.query',
      {
        dns: { type: 'query', question: { name: 'x.example.org', type: 'TXT' } },
        process: { executable: '/usr/bin/dig' },
      },
    ],
    ['dns.answer', { dns: { question: { name: 'x.example.org' }, response_code: 'NXDOMAIN' } }],
    ['flow', { destination: { ip: '198.51.100.7', port: 4444 }, network: { transport: 'tcp' } }],
    ['log', { message: 'ada : 3 incorrect password attempts ; TTY=pts/0', log: { logger: 'sudo' } }],
    ['picket', { picket: { enforcement: { state: 'off', uid: 0 } } }],
    [
      'auth.exec',
      {
        file: { path: '/tmp/a-b.c/x' },
        process: { executable: '/tmp/a-b.c/x', previous: { executable: '/bin/sh' } },
      },
    ],
    [
      'auth.open',
      { file: { path: '/home/ada/.ssh/id_rsa' }, process: { executable: '/usr/bin/scp', pid: 7 } },
    ],
    [
      'notify.exec',
      {
        process: {
          executable: '/usr/bin/nc',
          args: ['nc', '-l', '-p', '4444', '--exec', 'it\'s, "odd": #{x}'],
        },
      },
    ],
    [
      'notify.rename',
      { file: { path: '/srv/a', target_path: '/srv/b: c' }, process: { executable: '/bin/mv' } },
    ],
    ['notify.exit', { process: { executable: '/bin/true', exit_code: 0 } }],
  ];

  test.each(SAMPLES)(
    'of %s is right, matches that event, and tries each condition both ways',
    async (trigger, sample) => {
      const event: EcsEvent = {
        ...sample,
        host: { os: { type: 'linux' } },
        picket: { ...sample.picket, trigger },
      };
      const rule = ruleFromEvent(decodeEvent(encodeEvent(event)), trigger, 'linux', {});
      expect(await faultsOf(rule)).toEqual([]);
      const { ruleSet } = parseRules([{ file: 'new.yaml', text: rule.text }]);
      const facts = new EncodedFacts().reset(encodeEvent(event));
      expect(compileRules(ruleSet, { platform: 'linux' }).decide(trigger, facts).matched).toHaveLength(1);
    },
  );

  test('leaves out what will be another next time: users, process ids, temporary names', () => {
    const event: EcsEvent = {
      process: {
        executable: '/tmp/install-8f3a/run',
        pid: 71,
        parent: { executable: '/home/ada/bin/start' },
      },
    };
    const { text, name } = ruleFromEvent(decodeEvent(encodeEvent(event)), 'notify.exec', 'linux', {});
    expect(name).toBe('linux-exec-run');
    const conditions = text.slice(text.indexOf('conditions:'), text.indexOf('event:'));
    expect(conditions).toContain('operator: startsWith, value: /tmp/ }');
    expect(conditions).toContain('operator: endsWith, value: /bin/start }');
    expect(conditions).not.toMatch(/ada|71|8f3a/);
  });

  test('takes the trigger that makes no program wait where it only tells', () => {
    const event: EcsEvent = { file: { path: '/etc/shadow' }, process: { executable: '/bin/cat' } };
    expect(ruleFromEvent(event, 'auth.open', 'linux', { type: 'alert' })).toMatchObject({
      trigger: 'notify.open',
      type: 'alert',
    });
    expect(ruleFromEvent(event, 'auth.open', 'linux', {})).toMatchObject({
      trigger: 'auth.open',
      type: 'deny',
    });
  });

  test('is refused where nothing in the event would be the same next time', () => {
    expect(() => ruleFromEvent({ process: { pid: 1 } }, 'notify.exit', 'linux', {})).toThrow(
      /nothing in this event/,
    );
  });

  test('whose name is kept for the agent’s own alerts is told so', async () => {
    const event: EcsEvent = { process: { executable: '/bin/x' } };
    const [problem] = await problemsOf(ruleFromEvent(event, 'notify.exec', 'linux', { name: 'picket-x' }));
    expect(problem?.code).toBe('reserved-name');
  });
});
