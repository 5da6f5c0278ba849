import { firstValueFrom, of, throwError } from 'rxjs';
import type { RunHelpers } from 'rxjs/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { decodeEvent } from '../../src/events/decode-event.ts';
import { picket } from '../../src/events/proto/picket.js';
import { Ledger } from '../../src/observe/ledger.ts';
import { decide } from '../../src/operators/decide.ts';
import type { DecidedBatch, FlowBatch, FlowEvent } from '../../src/operators/flow.ts';
import { type CompiledRules, compileRules } from '../../src/rules/compile.ts';
import { parseRules, requireRuleSet } from '../../src/rules/load.ts';
import { damagedEvent, flowBatch, flowEvent, sequencesOf } from './event-fixtures.ts';
import { marbles } from './marbles.ts';

const RULES = `
- name: keep-tmp
  on: [notify.open]
  conditions: { all: [{ fact: file, path: $.path, operator: startsWith, value: /tmp/ }] }
  event: { type: forward }
- name: drop-noise
  on: [notify.open]
  priority: 10
  conditions: { all: [{ fact: file, path: $.path, operator: equal, value: /tmp/noise }] }
  event: { type: drop }
- name: shout
  on: [notify.open]
  severity: high
  conditions: { all: [{ fact: file, path: $.path, operator: endsWith, value: shadow }] }
  event: { type: alert, params: { message: somebody looks } }
- name: mark
  on: [notify.open]
  tags: [attack.t1003]
  conditions: { all: [{ fact: file, path: $.path, operator: includes, value: tagged }] }
  event: { type: tag }
- name: keys-are-opened
  on: [auth.open]
  tags: [attack.t1552]
  conditions: { all: [{ fact: file, path: $.path, operator: startsWith, value: /keys/ }] }
  event: { type: tag }
`;

const AUTH = picket.v1.EventKind.EVENT_KIND_AUTH;
const PICKET = picket.v1.EventKind.EVENT_KIND_PICKET;
const DENY = picket.v1.Verdict.VERDICT_DENY;

let ledger: Ledger;
let errors: unknown[];
let rules: CompiledRules;

beforeEach(() => {
  ledger = new Ledger();
  errors = [];
  const loaded = parseRules([{ file: 'test.yaml', text: RULES }], { platform: 'linux' });
  rules = compileRules(requireRuleSet(loaded), { platform: 'linux' });
});

function decideAll(
  events: readonly FlowEvent[],
  compiled = rules,
  more: Partial<FlowBatch> = {},
): DecidedBatch {
  let decided: DecidedBatch | undefined;
  of(flowBatch(events, more))
    .pipe(decide({ rules: () => compiled, ledger, onError: (error) => errors.push(error) }))
    .subscribe((batch) => {
      decided = batch;
    });
  if (decided === undefined) throw new Error('nothing was decided at once');
  return decided;
}

function decoded(event: FlowEvent | undefined) {
  if (event === undefined) throw new Error('no event');
  return decodeEvent(event.bytes);
}

describe('decide', () => {
  test('forwards what a rule forwards, with the rule in the bytes, and filters the rest', () => {
    const kept = flowEvent(1, { path: '/tmp/x' });
    const other = flowEvent(2, { path: '/etc/hosts' });
    const batch = decideAll([kept, other]);
    expect(sequencesOf(batch)).toEqual([1]);
    expect(batch.events[0]?.decision).toMatchObject({ verdict: 'forward', rules: ['keep-tmp'] });
    expect(picket.v1.Event.decode(batch.events[0]?.bytes ?? new Uint8Array())).toMatchObject({
      rules: ['keep-tmp'],
      decision: 'forward',
    });
    expect(decoded(batch.events[0])).toMatchObject({ file: { path: '/tmp/x' } });
    expect(ledger.filtered).toBe(1);
    expect([kept.origin.open, other.origin.open]).toEqual([1, 0]);
  });

  test('a rule reads the host, which stands beside the events', () => {
    const text =
      '- { name: here, on: [notify.open], conditions: { all: [ { fact: host, path: $.name, operator: equal, value: web-1 }, { fact: host, path: $.os.type, operator: equal, value: linux }, { fact: host, path: $.os.kernel, operator: exists, value: false } ] }, event: { type: forward } }';
    const compiled = compileRules(requireRuleSet(parseRules([{ file: 'r.yaml', text }])), {
      platform: 'linux',
    });
    expect(decideAll([flowEvent(1)], compiled, { host: { name: 'web-1' } }).events).toHaveLength(1);
    expect(decideAll([flowEvent(2)], compiled, { host: { name: 'web-2' } }).events).toEqual([]);
    expect(decideAll([flowEvent(3)], compiled).events).toEqual([]);
  });

  test('the higher priority decides: a drop over a forward', () => {
    expect(decideAll([flowEvent(1, { path: '/tmp/noise' })]).events).toEqual([]);
    expect(ledger.filtered).toBe(1);
  });

  test('an alert carries its whole event in its own lane and does not forward it', () => {
    const event = flowEvent(1, { path: '/etc/shadow' });
    const batch = decideAll([event]);
    expect(batch.events).toEqual([]);
    expect(sequencesOf({ events: batch.alerts })).toEqual([1]);
    expect(decoded(batch.alerts[0])).toMatchObject({ file: { path: '/etc/shadow' } });
    expect(ledger).toMatchObject({ filtered: 1, alerts: 1 });
    expect(event.origin.open, 'the alert is still under way').toBe(1);
  });

  test('an event that is forwarded and alerts is in both lanes', () => {
    const event = flowEvent(1, { path: '/tmp/shadow' });
    const batch = decideAll([event]);
    expect([batch.events.length, batch.alerts.length]).toEqual([1, 1]);
    expect(event.origin.open).toBe(2);
  });

  test('a tag alone forwards nothing', () => {
    expect(decideAll([flowEvent(1, { path: '/etc/tagged' })]).events).toEqual([]);
  });

  test('an audit that the auth lane judged is taken at its word and forwarded unchanged', () => {
    const event = flowEvent(1, { kind: AUTH, auth: { verdict: DENY, annotated: true, rule: 'other' } });
    const batch = decideAll([event]);
    expect(batch.events[0]?.bytes).toBe(event.bytes);
    expect(batch.events[0]?.decision?.verdict).toBe('deny');
  });

  test('alerts of the auth lane reach the alert lane', () => {
    const alerts = [{ rule: 'r', severity: 'high', message: 'm' }];
    const event = flowEvent(1, { kind: AUTH, auth: { annotated: true }, alerts });
    expect(decideAll([event]).alerts).toHaveLength(1);
  });

  test('an audit of a default is forwarded though no rule matches, with what the kernel was told', () => {
    const event = flowEvent(1, { kind: AUTH, auth: { verdict: DENY, annotated: false } });
    const [kept] = decideAll([event]).events;
    expect(picket.v1.Event.decode(kept?.bytes ?? new Uint8Array()).decision).toBe('deny');
  });

  test('an audit that the lane left to be reviewed is forwarded only if a rule matches after all', () => {
    const { ANSWER_LEVEL_AGENT: level } = picket.v1.AnswerLevel;
    const auth = { verdict: picket.v1.Verdict.VERDICT_ALLOW, level, annotated: false };
    const matching = flowEvent(1, { kind: AUTH, path: '/keys/a', auth });
    const other = flowEvent(2, { kind: AUTH, path: '/srv/a', auth });
    expect(sequencesOf(decideAll([matching, other]))).toEqual([1]);
    expect(ledger.filtered).toBe(1);
  });

  test('events about Picket itself always go on', () => {
    expect(decideAll([flowEvent(1, { kind: PICKET, action: 'unwatched' })]).events).toHaveLength(1);
  });

  test('an event that cannot be judged goes on unjudged, and the error is told', () => {
    const broken: CompiledRules = {
      ...rules,
      needsReferee: () => false,
      needsReview: () => false,
      decide: () => {
        throw new Error('broken');
      },
    };
    expect(sequencesOf(decideAll([flowEvent(1)], broken))).toEqual([1]);
    expect(errors).toHaveLength(1);
  });

  test('an event that is damaged inside goes on unjudged, whoever would have to judge it', async () => {
    const text = `
- name: refereed
  on: [notify.open]
  conditions: { all: [{ fact: process, path: '$.args[?(@ == "x")]', operator: contains, value: x }, { fact: file, path: $.path, operator: startsWith, value: /tmp }] }
  event: { type: forward }
`;
    const loaded = parseRules([{ file: 'test.yaml', text }], { platform: 'linux' });
    const refereed = compileRules(requireRuleSet(loaded), { platform: 'linux' });
    for (const compiled of [rules, refereed]) {
      const batch = await firstValueFrom(
        of(flowBatch([damagedEvent(1)])).pipe(
          decide({ rules: () => compiled, ledger, onError: (error) => errors.push(error) }),
        ),
      );
      expect(sequencesOf(batch)).toEqual([1]);
    }
    expect(errors).toHaveLength(2);
    expect(ledger.deciding).toBe(0);
  });

  test('a batch with an event for the referee waits, and the batches behind it do, too', async () => {
    const referee = Promise.withResolvers<ReturnType<CompiledRules['decide']>>();
    const slow: CompiledRules = {
      triggers: () => rules.triggers(),
      isCacheable: () => false,
      decide: (trigger, facts) => rules.decide(trigger, facts),
      hashesWanted: () => 0,
      hashesToReport: () => 0,
      needsReferee: (trigger) => trigger === 'notify.exec',
      needsReview: () => false,
      decideAsync: () => referee.promise,
    };
    const batches: number[][] = [];
    const done = new Promise<void>((resolve) => {
      of(
        flowBatch([flowEvent(1, { path: '/tmp/a' }), flowEvent(2, { action: 'exec' })]),
        flowBatch([flowEvent(3, { path: '/tmp/b' })]),
      )
        .pipe(decide({ rules: () => slow, ledger, onError: (error) => errors.push(error) }))
        .subscribe({ next: (batch) => batches.push(sequencesOf(batch)), complete: resolve });
    });
    expect(batches).toEqual([]);
    // All of them: those decided in a batch that waits, and those in batches behind it, have not gone on.
    expect(ledger.deciding).toBe(3);
    referee.reject(new Error('the referee failed'));
    await done;
    expect(batches).toEqual([[1, 2], [3]]);
    expect(ledger.deciding).toBe(0);
    expect(errors).toHaveLength(1);
  });

  test('an alert that the bridge raised goes to the alert lane, whatever the rules say', () => {
    const alerts = [{ rule: 'picket-unasked', severity: 'high', message: 'a program ran unasked' }];
    const events = [
      flowEvent(1, { kind: PICKET, action: 'overload', alerts }),
      flowEvent(2, { action: 'exec', alerts }),
      flowEvent(3, { kind: AUTH, alerts, auth: { verdict: DENY } }),
      flowEvent(4, { action: 'exec' }),
    ];
    const batch = decideAll(events);
    expect(sequencesOf({ events: batch.alerts })).toEqual([1, 2, 3]);
    // An alert carries its whole event and does not forward it; of Picket's own events all are.
    expect(sequencesOf(batch)).toEqual([1, 3]);
    expect(ledger).toMatchObject({ alerts: 3, filtered: 2, deciding: 0 });
  });

  test('passes completion and errors, and lets go of its source', () => {
    const operator = decide({ rules: () => rules, ledger, onError: () => undefined });
    const run = (picture: (helpers: RunHelpers) => void): void => marbles<FlowBatch>(sequencesOf, picture);
    const values = { a: flowBatch([flowEvent(1, { path: '/tmp/a' })]) };
    run(({ cold, expectObservable, expectSubscriptions }) => {
      expectObservable(cold('a-|', values).pipe(operator)).toBe('x-|', { x: [1] });
      expectObservable(cold('a-#', values).pipe(operator)).toBe('x-#', { x: [1] });
      const source = cold('a---', values);
      expectObservable(source.pipe(operator), '--!').toBe('x--', { x: [1] });
      expectSubscriptions(source.subscriptions).toBe('^-!');
    });
    throwError(() => new Error('world'))
      .pipe(operator)
      .subscribe({ error: (error) => expect(error.message).toBe('world') });
  });
});
