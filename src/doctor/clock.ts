// Events carry the time of this machine. The NATS server's clock is the second opinion: it stamps each consumer that
// it creates, so a short-lived one tells its time without writing to the stream.
import { AckPolicy, jetstreamManager } from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import { type Check, type Finding, not, ok } from './check.ts';

const TOLERATED_SKEW_MS = 1_000;
const CONSUMER_LIVES_MS = 5_000;

export const checkClock: Check = async (context) => {
  const monotonic = judgeMonotonic();
  const connection = await context.nats();
  if (connection instanceof Error || connection.info?.jetstream !== true) {
    return [
      ...monotonic,
      ...not(
        'unseen',
        'clock',
        'no second clock to compare with',
        'start NATS with JetStream and run doctor again',
      ),
    ];
  }
  try {
    return [...monotonic, ...judgeSkew(await measureSkewMs(connection, context.eventsSubject))];
  } catch {
    return [
      ...monotonic,
      ...not('unseen', 'clock', 'the server did not tell its time (no stream yet?)', 'picket stream setup'),
    ];
  }
};

function judgeMonotonic(): readonly Finding[] {
  let earlier = process.hrtime.bigint();
  for (let read = 0; read < 1_000; read++) {
    const time = process.hrtime.bigint();
    if (time < earlier)
      return not(
        'fail',
        'clock',
        'the monotonic clock ran backwards',
        'change the clock source of this machine',
      );
    earlier = time;
  }
  return [];
}

function judgeSkew(skew: { readonly aheadMs: number; readonly uncertainMs: number }): readonly Finding[] {
  const measured = `${Math.abs(skew.aheadMs).toFixed(0)} ms (±${skew.uncertainMs.toFixed(0)}) ${skew.aheadMs < 0 ? 'behind' : 'ahead of'} the NATS server`;
  if (Math.abs(skew.aheadMs) - skew.uncertainMs <= TOLERATED_SKEW_MS)
    return ok('clock', `monotonic, ${measured}`);
  return not('warn', 'clock', measured, 'set the clocks by NTP (chrony, systemd-timesyncd)');
}

async function measureSkewMs(connection: NatsConnection, subject: string) {
  const manager = await jetstreamManager(connection);
  const stream = await manager.streams.find(subject);
  const before = Date.now();
  const info = await manager.consumers.add(stream, {
    ack_policy: AckPolicy.None,
    mem_storage: true,
    inactive_threshold: nanos(CONSUMER_LIVES_MS),
  });
  const after = Date.now();
  await manager.consumers.delete(stream, info.name);
  return { aheadMs: (before + after) / 2 - Date.parse(info.created), uncertainMs: (after - before) / 2 };
}
