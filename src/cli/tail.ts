// `picket tail`: decoded events from NATS, as they come.
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { dirname } from 'node:path';
import { finished } from 'node:stream/promises';
import { Command, Option } from 'commander';
import { defaultConfig, loadConfig } from '../config/load.ts';
import { natsConnectionOptions } from '../config/nats-options.ts';
import type { Config } from '../config/schema.ts';
import { decodeEvent } from '../events/decode-event.ts';
import type { EcsEvent } from '../events/ecs-event.ts';
import { headerOf } from '../events/encoded-event.ts';
import { stringifyEvent } from '../events/stringify-event.ts';
import type { Trigger } from '../events/triggers.ts';
import { allTriggers } from '../rules/known-triggers.ts';
import { nearestName } from '../rules/nearest.ts';
import { formatEventLine } from './event-line.ts';
import { CommandError } from './failure.ts';
import { natsOption } from './nats-option.ts';
import { formatCount, painterFor, say, writeOut } from './output.ts';
import { writeRecording } from './recording-sink.ts';
import { parseNumber, parseTrigger } from './rules/options.ts';
import { openStreamReader, type StreamMessage, type StreamReader } from './stream-reader.ts';

const DEFAULT_SUBJECT = 'picket.events.>';

interface TailOptions {
  readonly config?: string;
  readonly nats?: readonly string[];
  readonly subject: string;
  readonly rule?: string;
  readonly trigger?: Trigger;
  readonly ndjson?: boolean;
  readonly record?: string;
  readonly fromStart?: boolean;
  readonly count?: number;
}

export function tailCommand(): Command {
  return new Command('tail')
    .description('Decoded events from NATS, as they come, until Ctrl-C.')
    .option('-c, --config <file>', 'configuration, for the servers, credentials and certificates')
    .addOption(natsOption('NATS servers (nats.servers, $NATS_URL)'))
    .option('--subject <subject>', 'what to read; alerts are at picket.alerts.>', DEFAULT_SUBJECT)
    .option('--rule <name>', 'only events that this rule matched')
    .addOption(
      new Option('--trigger <name>', 'only events of this trigger, e.g. auth.exec').argParser(
        parseEventTrigger,
      ),
    )
    .option('--from-start', 'all that the stream holds, then what comes')
    .option('--count <n>', 'end after so many events', parseNumber)
    .option('--ndjson', 'one JSON object a line')
    .option('--record <file>', 'write the events, encoded, to FILE (*.picket); picket replay reads it')
    .addHelpText(
      'after',
      '\nExit codes: 0 the end was asked for, 1 NATS can not be reached, the configuration is wrong or a message could not' +
        '\nbe read, 2 the command line is wrong, 3 picket failed.' +
        '\n\nExamples:\n  picket tail --trigger auth.exec\n  picket tail --from-start --ndjson | jq .process.executable',
    )
    .action(tail);
}

/** Picket's own too, and types that are newer than this code; a mistyped one would be an event that never comes. */
function parseEventTrigger(text: string): Trigger {
  const isNewer = /^(?:auth|notify)\.\w+$/.test(text) && nearestName(text, allTriggers()) === undefined;
  return isNewer || text === 'picket' ? (text as Trigger) : parseTrigger(text);
}

async function tail(options: TailOptions): Promise<void> {
  const config = await configOf(options);
  const reader = await openStreamReader({
    connection: await natsConnectionOptions(config),
    subject: options.subject,
    from: options.fromStart === true ? 'start' : 'now',
  });
  const recording = await openRecording(options.record, reader);
  const failed = recording === undefined ? undefined : finished(recording);
  failed?.catch(() => reader.close());
  const stop = (): void => void reader.close();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  say(`${options.subject} of stream ${reader.stream} at ${config.nats.servers.join(', ')}; Ctrl-C ends`);
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

async function configOf({ config: file, nats }: TailOptions): Promise<Config> {
  const config = file === undefined ? defaultConfig() : await loadConfig(file);
  const { NATS_URL } = process.env;
  const servers = nats ?? (file === undefined && NATS_URL ? [NATS_URL] : config.nats.servers);
  return { ...config, nats: { ...config.nats, servers: [...servers] } };
}

async function openRecording(
  file: string | undefined,
  reader: StreamReader,
): Promise<WriteStream | undefined> {
  if (file === undefined) return undefined;
  const stream = createWriteStream(file);
  try {
    await once(stream, 'open');
    return stream;
  } catch (cause) {
    await reader.close();
    const where = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? dirname(file) : file;
    throw new CommandError(`${where} can't take the recording`, 3, { cause });
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
