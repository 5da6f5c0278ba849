import Long from 'long';
import { describe, expect, test } from 'vitest';
import { headerOf } from '../../src/events/encoded-event.ts';
import { picket } from '../../src/events/proto/picket.js';
import type { FlowEvent } from '../../src/operators/flow.ts';
import { ruleSetNotice } from '../../src/probation/rule-set-notice.ts';
import { Notices } from '../../src/sources/notices.ts';

function add(notices: Notices): void {
  notices.add((createdNs) =>
    ruleSetNotice({
      createdNs,
      platform: 'linux',
      epoch: 3,
      state: 'shadowed',
      reason: 'because',
      rules: ['a'],
      programs: ['/bin/\udcff'],
    }),
  );
}

function sentTo(notices: Notices): { sent: Uint8Array[]; end: () => void } {
  const sent: Uint8Array[] = [];
  const subscription = notices.toSend.subscribe((event) => sent.push(event));
  return { sent, end: () => subscription.unsubscribe() };
}

/** As the bridge sends it back. */
function numbered(bytes: Uint8Array | undefined, sequence: number): FlowEvent {
  const number = picket.v1.Event.encode({ sequence: Long.fromNumber(sequence) }).finish();
  const whole = Buffer.concat([number, bytes ?? new Uint8Array()]);
  const { trigger, kind, action } = headerOf(whole);
  return { bytes: whole, sequence, trigger, kind, action };
}

describe('a notice', () => {
  test('is an event of kind PICKET with an alert, its text lossless', () => {
    const notices = new Notices();
    const { sent } = sentTo(notices);
    add(notices);
    const event = picket.v1.Event.decode(sent[0] ?? new Uint8Array());
    expect(event).toMatchObject({
      kind: picket.v1.EventKind.EVENT_KIND_PICKET,
      action: 'rule_set',
      platform: picket.v1.Platform.PLATFORM_LINUX,
      provider: 'picket-agent',
      ruleSet: { state: 'shadowed', reason: 'because', rules: ['a'] },
      alerts: [{ rule: 'picket-probation', severity: 'high', message: 'because' }],
    });
    expect(Number(event.ruleSet?.epoch)).toBe(3);
    expect([...(event.ruleSet?.programs?.[0] ?? [])]).toEqual([...Buffer.from('/bin/'), 0xff]);
    expect(Math.abs(Number(event.createdNs) / 1e6 - Date.now())).toBeLessThan(60_000);
  });

  test('is sent on each connection until it has come back', () => {
    const notices = new Notices();
    add(notices);
    const first = sentTo(notices);
    add(notices);
    expect(first.sent).toHaveLength(2);
    expect(notices.isRepeat(numbered(first.sent[0], 1))).toBe(false);
    first.end();
    const second = sentTo(notices);
    expect(second.sent).toEqual([first.sent[1]]);
  });

  test('that comes back twice is a repeat the second time; one of an agent before never is', () => {
    const notices = new Notices();
    add(notices);
    const { sent } = sentTo(notices);
    expect([1, 2, 3].map((sequence) => notices.isRepeat(numbered(sent[0], sequence)))).toEqual([
      false,
      true,
      true,
    ]);
    expect(new Notices().isRepeat(numbered(sent[0], 1))).toBe(false);
  });
});
