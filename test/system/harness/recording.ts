// A recording made by a generator that knows what it made: numbered events, evenly spaced in time.
import { writeFileSync } from 'node:fs';
import Long from 'long';
import { picket } from '../../../src/events/proto/picket.js';

export interface Generated {
  readonly count: number;
  /** The numbers of the events that the rules of `generatorRules` forward, and of those that raise an alert. */
  readonly forwarded: readonly number[];
  readonly alerted: readonly number[];
}

const START_NS = 1_700_000_000_000_000_000n;

/** Every second event is wanted, every hundredth of those is an alert besides. */
export function writeRecording(file: string, count: number, spacingUs: number): Generated {
  const frames: Uint8Array[] = [];
  const forwarded: number[] = [];
  const alerted: number[] = [];
  for (let number = 1; number <= count; number++) {
    const isWanted = number % 2 === 0;
    const isAlert = number % 200 === 0;
    if (isWanted) forwarded.push(number);
    if (isAlert) alerted.push(number);
    const message = picket.v1.Event.encode({
      createdNs: Long.fromString(String(START_NS + BigInt(number * spacingUs) * 1000n), true),
      kind: picket.v1.EventKind.EVENT_KIND_NOTIFY,
      action: 'open',
      platform: picket.v1.Platform.PLATFORM_LINUX,
      provider: 'generator',
      process: { executable: Buffer.from('/usr/bin/generator'), pid: number },
      file: { path: Buffer.from(`/${isWanted ? 'wanted' : 'other'}/${isAlert ? 'alert' : 'file'}`) },
    }).finish();
    const length = Buffer.alloc(4);
    length.writeUInt32LE(message.length);
    frames.push(length, message);
  }
  writeFileSync(file, Buffer.concat(frames));
  return { count, forwarded, alerted };
}

export function generatorRules(): unknown[] {
  const on = ['notify.open'];
  const where = (operator: string, value: string) => ({
    all: [{ fact: 'file', path: '$.path', operator, value }],
  });
  return [
    { name: 'wanted', on, conditions: where('startsWith', '/wanted/'), event: { type: 'forward' } },
    {
      name: 'alert',
      on,
      severity: 'high',
      conditions: where('endsWith', '/alert'),
      event: { type: 'alert', params: { message: 'one of a hundred' } },
    },
  ];
}
