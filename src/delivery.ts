// The second half of the agent, from the queue to JetStream: two lanes, events and alerts, each with a spool of its own.

import type { Logger } from 'pino';
import { BehaviorSubject } from 'rxjs';
import type { Config } from './config/schema.ts';
import type { LaneBooks, Ledger } from './observe/ledger.ts';
import type { PipelineParts } from './pipeline.ts';
import { MemorySpool } from './sinks/memory-spool.ts';
import { publish, subjectToken } from './sinks/nats.ts';
import type { NatsLink } from './sinks/nats-link.ts';
import type { Backoff } from './sources/backoff.ts';
import type { IntakeLimits } from './sources/intake.ts';

export type DeliveryParts = Pick<
  PipelineParts,
  'prioritise' | 'batch' | 'alertBatch' | 'publish' | 'publishAlerts'
>;

/** Alerts go out almost at once: a person may wait for them. */
const ALERT_AGE_MS = 20;
const ALERT_EVENTS = 256;
const ALERT_SPOOL_EVENTS = 65_536;
/** Events on their way between the parts that have bounds of their own: one read of the socket, one batch. */
const SLACK_EVENTS = 16_384;
const SLACK_BYTES = 8 * 1024 * 1024;

export function deliveryParts(config: Config, link: NatsLink, ledger: Ledger, log: Logger): DeliveryParts {
  const hasRoom = new BehaviorSubject(true);
  const { queue, spool, batch } = config;
  const lane = (kind: 'events' | 'alerts', books: LaneBooks, maxBytes: number, maxEvents: number) =>
    publish({
      subject: laneSubject(kind, config),
      stream: config.nats.stream,
      link,
      spool: new MemorySpool({
        agent: config.agent.name,
        compression: config.nats.compression,
        maxBytes,
        maxEvents,
      }),
      books,
      maxInFlight: config.nats.max_in_flight,
      maxInFlightBytes: config.nats.max_in_flight_bytes,
      acknowledgementTimeoutMs: config.nats.ack_timeout_ms,
      duplicateWindowMs: config.nats.duplicate_window_ms,
      backoff: natsBackoff(config),
      log,
      onDuplicate: () => {
        ledger.duplicateAcknowledgements++;
      },
      ...(kind === 'events' ? { onRoom: (room: boolean) => hasRoom.next(room) } : {}),
    });
  return {
    prioritise: {
      maxEvents: queue.max_events,
      maxBytes: queue.max_bytes,
      policy: queue.policy,
      ready: hasRoom,
      ledger,
    },
    batch: {
      maxBytes: batch.max_bytes,
      maxEvents: batch.max_events,
      maxAgeMs: batch.max_age_ms,
      books: ledger.events,
    },
    alertBatch: {
      maxBytes: batch.max_bytes,
      maxEvents: ALERT_EVENTS,
      maxAgeMs: ALERT_AGE_MS,
      books: ledger.alertLane,
    },
    publish: lane('events', ledger.events, spool.max_bytes, spool.max_events),
    publishAlerts: lane('alerts', ledger.alertLane, spool.alerts_max_bytes, ALERT_SPOOL_EVENTS),
  };
}

function laneSubject(kind: 'events' | 'alerts', { agent }: Config): string {
  return `picket.${kind}.${subjectToken(agent.group)}.${subjectToken(agent.name)}`;
}

export function natsBackoff({ nats }: Config): Backoff {
  return { firstMs: nats.retry_first_ms, maxMs: nats.retry_max_ms };
}

/**
 * What the bridge may have sent that is not settled. Under `block` that is what the queue and the spool hold; under
 * `shed` a little more, so that the queue overflows and gives way before credit runs out.
 */
export function intakeLimits({ queue, spool }: Config): IntakeLimits {
  const factor = queue.policy === 'shed' ? 1 : 0;
  return {
    maxEvents: queue.max_events + spool.max_events + factor * (ALERT_SPOOL_EVENTS + SLACK_EVENTS),
    maxBytes: queue.max_bytes + spool.max_bytes + factor * (spool.alerts_max_bytes + SLACK_BYTES),
  };
}
