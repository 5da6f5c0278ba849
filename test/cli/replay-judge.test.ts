import { describe, expect, test } from 'vitest';
import { type JudgeOptions, judgeBy } from '../../src/cli/replay-judge.ts';
import { decodeEvent } from '../../src/events/decode-event.ts';
import type { EcsEvent } from '../../src/events/ecs-event.ts';
import { encodeEvent } from '../../src/events/encode-event.ts';
import { headerOf } from '../../src/events/encoded-event.ts';
import type { Trigger } from '../../src/events/triggers.ts';
import type { FlowBatch } from '../../src/operators/flow.ts';
import { compileRules } from '../../src/rules/compile.ts';
import { parseRules } from '../../src/rules/load.ts';

const RULES = `
- name: deny-secrets
  on: [auth.open]
  conditions: { all: [{ fact: file, path: $.path, operator: startsWith, value: /secret/ }] }
  event: { type: deny }
- name: on-linux-only
  on: [notify.open]
  platforms: [linux]
  conditions: { all: [{ fact: file, path: $.path, operator: startsWith, value: / }] }
  event: { type: forward }
`;

function event(trigger: Trigger, path: string, more: Partial<EcsEvent> = {}): EcsEvent {
  return {
    event: { action: 'open' },
    host: { os: { type: 'linux' } },
    file: { path },
    picket: { trigger },
    ...more,
  };
}

async function judge(
  events: readonly EcsEvent[],
  options: JudgeOptions = {},
): Promise<readonly (EcsEvent['picket'] | undefined)[]> {
  const { ruleSet, problems } = parseRules([{ file: 'rules.yaml', text: RULES }]);
  expect(problems).toEqual([]);
  const batch: FlowBatch = {
    events: events.map((ecs, index) => {
      const bytes = encodeEvent(ecs);
      const { trigger, kind, action } = headerOf(bytes);
      return { bytes, trigger, kind, action, sequence: index + 1 };
    }),
    losses: [],
    malformed: 0,
    bridgeInstance: 'replay',
  };
  const judged = await judgeBy((platform) => compileRules(ruleSet, { platform }), options)(batch);
  return judged.events.map(({ bytes }) => decodeEvent(bytes).picket);
}

describe('a replayed event', () => {
  test('comes out with the decision that the agent would have come to, matched or not', async () => {
    const said = await judge([
      event('auth.open', '/secret/a'),
      event('auth.open', '/public/a'),
      event('notify.open', '/x'),
      event('notify.open', 'x'),
    ]);
    expect(said.map((picket) => [picket?.decision, picket?.rules ?? []])).toEqual([
      ['deny', ['deny-secrets']],
      ['allow', []],
      ['forward', ['on-linux-only']],
      ['drop', []],
    ]);
  });

  test('is judged by the rules of its own platform', async () => {
    const [said] = await judge([event('notify.open', '/x', { host: { os: { type: 'macos' } } })]);
    expect(said?.decision).toBe('drop');
  });

  test('loses what rules said of it when it was recorded, and keeps what the kernel was told', async () => {
    const [said] = await judge([
      event('auth.open', '/public/a', {
        picket: {
          trigger: 'auth.open',
          decision: 'deny',
          rules: ['an-old-rule'],
          tags: ['old'],
          auth: { verdict: 'deny', level: 'agent' },
        },
      }),
    ]);
    expect(said).toMatchObject({ decision: 'allow', auth: { verdict: 'deny' } });
    expect(said?.rules ?? []).toEqual([]);
    expect(said?.tags ?? []).toEqual([]);
  });
});

describe('told events, judged as if they had been asked about', () => {
  const judgeAsAuth = async (...events: readonly EcsEvent[]) => {
    const would: string[] = [];
    const said = await judge(events, {
      asAuth: true,
      onWould: ({ rule, verdict, isAsIfAsked }) => would.push(`${rule} ${verdict} ${isAsIfAsked}`),
    });
    return { said, would };
  };

  test('keep their own decision; what auth rules would answer stands with the verdicts of shadow mode', async () => {
    const { said, would } = await judgeAsAuth(
      event('notify.open', '/secret/a'),
      event('notify.open', '/public/a'),
    );
    expect(said.map((picket) => [picket?.decision, picket?.shadow ?? []])).toEqual([
      ['forward', [{ rule: 'deny-secrets', verdict: 'deny' }]],
      ['forward', []],
    ]);
    expect(would).toEqual(['deny-secrets deny true']);
  });

  test('are not judged again where the question itself was recorded', async () => {
    const process = { pid: 7 };
    const { said, would } = await judgeAsAuth(
      event('auth.open', '/secret/a', { process }),
      event('notify.open', '/secret/a', { process }),
      event('notify.open', '/secret/a', { process }),
    );
    expect(said.map((picket) => picket?.shadow?.length ?? 0)).toEqual([0, 0, 1]);
    expect(would).toHaveLength(1);
  });

  test('are left alone where nobody asks for it', async () => {
    const [said] = await judge([event('notify.open', '/secret/a')]);
    expect(said?.shadow ?? []).toEqual([]);
  });
});
