// Events for the tests of operators: encoded as the bridge would, with an account of how often each was settled.
import Long from 'long';
import { headerOf } from '../../src/events/encoded-event.ts';
import type { Loss } from '../../src/events/event-batch.ts';
import { picket } from '../../src/events/proto/picket.js';
import type { FlowBatch, FlowEvent, Origin } from '../../src/operators/flow.ts';

export class CountingOrigin implements Origin {
  open = 1;

  hold(): void {
    this.open++;
  }

  settle(): void {
    this.open--;
  }
}

export interface EventFields {
  readonly kind?: number;
  readonly action?: string;
  readonly executable?: string;
  readonly path?: string;
  readonly auth?: picket.v1.IAuthOutcome;
  readonly alerts?: picket.v1.IAlert[];
  readonly padding?: number;
  readonly createdMs?: number;
}

export function encodedEvent(sequence: number, fields: EventFields = {}): Uint8Array {
  return picket.v1.Event.encode({
    sequence: Long.fromNumber(sequence, true),
    ...(fields.createdMs === undefined
      ? {}
      : { createdNs: Long.fromNumber(fields.createdMs).mul(1_000_000) }),
    kind: fields.kind ?? picket.v1.EventKind.EVENT_KIND_NOTIFY,
    action: fields.action ?? 'open',
    platform: picket.v1.Platform.PLATFORM_LINUX,
    process: { executable: Buffer.from(fields.executable ?? '/usr/bin/true'), pid: 7 },
    file: { path: Buffer.from(fields.path ?? '/etc/hosts') },
    ...(fields.padding === undefined ? {} : { message: Buffer.alloc(fields.padding, 'x') }),
    ...(fields.auth ? { auth: fields.auth } : {}),
    ...(fields.alerts ? { alerts: fields.alerts } : {}),
  }).finish();
}

export function flowEvent(
  sequence: number,
  fields: EventFields = {},
): FlowEvent & { origin: CountingOrigin } {
  const bytes = encodedEvent(sequence, fields);
  const { trigger, kind, action } = headerOf(bytes);
  return { bytes, sequence, trigger, kind, action, origin: new CountingOrigin() };
}

/** The header is readable; the file is cut inside its path. */
export function damagedEvent(sequence: number, fields: EventFields = {}): FlowEvent {
  const event = flowEvent(sequence, fields);
  const cutFile = Uint8Array.of((9 << 3) | 2, 2, (1 << 3) | 2, 100);
  return { ...event, bytes: Buffer.concat([event.bytes, cutFile]) };
}

export function flowBatch(events: readonly FlowEvent[], more: Partial<FlowBatch> = {}): FlowBatch {
  return { events, losses: [], malformed: 0, bridgeInstance: 'b1', ...more };
}

export function loss(count: number): Loss {
  return {
    cause: 'queue_full',
    kind: 2,
    action: 'open',
    count,
    firstSequence: 0,
    lastSequence: 0,
    fromNs: 1n,
    toNs: 2n,
  };
}

export function sequencesOf(batch: { readonly events: readonly FlowEvent[] }): number[] {
  return batch.events.map(({ sequence }) => sequence);
}
