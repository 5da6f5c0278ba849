// `picket tail`: decoded events from NATS, as they come.
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { Command, InvalidArgumentError } from 'commander';
import { refuseCredentials } from '../config/nats-options.ts';
import { decodeEvent } from '../events/decode-event.ts';
import type { EcsEvent } from '../events/ecs-event.ts';
import { headerOf } from '../events/encoded-event.ts';
import { stringifyEvent } from '../events/stringify-event.ts';
import { formatEventLine } from './event-line.ts';
import { formatCount, painterFor, say, writeOut } from './output.ts';
import { writeRecording } from './recording-sink.ts';
import { openStreamReader, type StreamMessage } from './stream-reader.ts';

const DEFAULT_SERVER = 'nats://127.0.0.1:4222';
const DEFAULT_SUBJECT = 'picket.events.>';

interface TailOptions {
  readonly nats: string;
  readonly subject: string;
  readonly rule?: string;
  readonly trigger?: string;
  readonly ndjson?: boolean;
  readonly record?: string;
  readonly fromStart?: boolean;
  readonly count?: number;
}

export function tailCommand(): Command {
  return new Command('tail')
    .description('Decoded events from NATS, as they come, until Ctrl-C.')
    .option('--nats <url>', 'the server', process.env.NATS_URL ?? DEFAULT_SERVER)
    .option('--subject <subject>', 'what to read; alerts are at picket.alerts.>', DEFAULT_SUBJECT)
    .option('--rule <name>', 'only events that this rule matched')
    .option('--trigger <trigger>', 'only events of this trigger, e.g. auth.exec')
    .option('--from-start', 'all that the stream holds, then what comes')
    .option('--count <n>', 'end after so many events', parseCount)
    .option('--ndjson', 'one JSON object a line')
    .option('--record <file>', 'write the events, encoded, to FILE (*.picket); picket replay reads it')
    .addHelpText(
      'after',
      '\nExamples:\n  picket tail --trigger auth.exec\n  picket tail --from-start --ndjson | jq .process.executable',
    )
    .action(tail);
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1)
    throw new InvalidArgumentError('a whole number from 1 is expected');
  return count;
}

async function tail(options: TailOptions): Promise<void> {
  refuseCredentials([options.nats]);
  const reader = await openStreamReader({
    connection: { servers: options.nats },
    subject: options.subject,
    from: options.fromStart === true ? 'start' : 'now',
  });
  const recording = options.record === undefined ? undefined : createWriteStream(options.record);
  const failed = recording === undefined ? undefined : finished(recording);
  failed?.catch(() => reader.close());
  const stop = (): void => void reader.close();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  say(`${options.subject} of stream ${reader.stream} at ${options.nats}; Ctrl-C ends`);
  const counts = { events: 0, damaged: 0 };
  try {
    for await (const message of reader.messages) {
      const remaining = (options.count ?? Number.POSITIVE_INFINITY) - counts.events;
      const events = eventsOf(message, options, counts).slice(0, remaining);
      counts.events += events.length;
      if (recording !== undefined) await writeRecording(recording, events);
      else await writeOut(formatEvents(events, options));
      if (events.length === remaining) break;
    }
  } finally {
    await reader.close();
    recording?.end();
  }
  await failed;
  if (options.record !== undefined) say(`${formatCount(counts.events)} events in ${options.record}`);
  if (counts.damaged > 0) {
    say(`${formatCount(counts.damaged)} messages could not be read`);
    process.exitCode = 1;
  }
}

/** The events of a message that were asked for, still encoded. What a reader must know besides goes to stderr. */
function eventsOf(
  message: StreamMessage,
  options: TailOptions,
  counts: { damaged: number },
): readonly Uint8Array[] {
  const { batch } = message;
  if (batch instanceof Error) {
    counts.damaged++;
    say(`message ${message.streamSequence} of ${message.subject}: ${batch.message}`);
    return [];
  }
  for (const loss of batch.losses) {
    say(
      `${batch.host || batch.agent}: events lost: ${loss.count ?? 'unknown'} ${loss.action ?? ''} (${loss.cause})`,
    );
  }
  return batch.events.filter((bytes) => isWanted(bytes, options));
}

function isWanted(bytes: Uint8Array, { trigger, rule }: TailOptions): boolean {
  if (trigger !== undefined && headerOf(bytes).trigger !== trigger) return false;
  return rule === undefined || (decodeEvent(bytes).picket?.rules ?? []).includes(rule);
}

function formatEvents(events: readonly Uint8Array[], { ndjson }: TailOptions): string {
  const paint = painterFor(process.stdout);
  const format = (event: EcsEvent): string =>
    ndjson === true ? stringifyEvent(event) : formatEventLine(event, paint);
  return events.map((bytes) => `${format(decodeEvent(bytes))}\n`).join('');
}
