import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatEventLine } from '../../src/cli/event-line.ts';
import type { EcsEvent } from '../../src/events/ecs-event.ts';

const plain = (_paint: unknown, text: string): string => text;

describe('the line of an event', () => {
  test('says what was asked, the answer, who, which rule and how fast', () => {
    const event: EcsEvent = {
      event: { action: 'open', created: '2026-03-02T09:15:00.250000000Z' },
      process: { executable: '/usr/bin/cat', pid: 7, user: { name: 'ada' } },
      file: { path: '/srv/secret' },
      picket: {
        trigger: 'auth.open',
        rules: ['no-secrets'],
        auth: {
          verdict: 'deny',
          level: 'agent',
          budget_us: 100_000,
          answered_us: 43,
          bridge_us: 20,
          queue_us: 19,
          lane_us: 4,
        },
      },
    };
    expect(formatEventLine(event, plain)).toMatch(
      /^\d\d:\d\d:00\.250 auth\.open +deny +\/srv\/secret by cat\[7\] ada \[no-secrets\] 43 µs \(bridge 20 µs, queue 19 µs, lane 4\.0 µs\) of 100\.0 ms by agent$/,
    );
  });

  test('says of what the bridge answered by itself only how long that took', () => {
    const event: EcsEvent = {
      picket: {
        trigger: 'auth.open',
        auth: { verdict: 'deny', level: 'static', answered_us: 23, bridge_us: 23 },
      },
    };
    expect(formatEventLine(event, plain)).toMatch(/ 23 µs by static$/);
  });

  test('never holds a control character, whatever the kernel said', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (path, name) => {
        const event: EcsEvent = {
          event: { action: 'open' },
          process: { executable: `/bin/${name}`, pid: 1, user: { name } },
          file: { path, target_path: name },
          picket: {
            trigger: 'notify.open',
            rules: [name],
            alerts: [{ rule: name, severity: name, message: path }],
          },
        };
        // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there
        expect(formatEventLine(event, plain)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
      }),
    );
  });

  test('an event without anything is a line, too', () => {
    expect(formatEventLine({}, plain)).toContain('?');
  });
});
