// The events of one file for the rule author's tools: what `picket replay` reads, and events in ECS names beside it,
// as replay and tail print them, one a line or one that fills the file.
import type { Readable } from 'node:stream';
import type { EcsEvent } from '../events/ecs-event.ts';
import { encodeEvent } from '../events/encode-event.ts';
import { headerOf } from '../events/encoded-event.ts';
import { parseEslogger } from '../events/eslogger.ts';
import { isJson, type Json } from '../events/eslogger-file.ts';
import type { FactValue } from '../events/facts.ts';
import { parseLossless } from '../events/lossless-json.ts';
import { textOfBytes } from '../events/text.ts';
import { actionOfTrigger, type Platform, type Trigger } from '../events/triggers.ts';
import { isSystemError, reasonOf } from '../system-error.ts';
import { linesOf, openFile } from './lines.ts';
import { RecordingError, readRecording } from './recording.ts';
import { detectFormat } from './replay-format.ts';

export interface FileEvent {
  /** Encoded. */
  readonly bytes: Uint8Array;
  readonly trigger: Trigger;
  /** Its number in the file, from 1; lines that are no events count. */
  readonly number: number;
  /** As it was written, where it was written in ECS names. */
  readonly written?: EcsEvent | undefined;
}

export interface EventFileOptions {
  /** What the events are taken for, whatever they say themselves. */
  readonly trigger?: Trigger | undefined;
  /** Of events that do not say it. */
  readonly otherwise?: Trigger | undefined;
  /** Of events that do not say it. */
  readonly platform?: Platform | undefined;
  /** What `-` is. */
  readonly stdin?: Readable;
  /** Input that is no event; the rest goes on. */
  readonly onFault: (fault: EventFault) => void;
}

export interface EventFault {
  /** Line of the file, or event of a recording, from 1; 0: the file itself. */
  readonly position: number;
  readonly reason: string;
  /** The system did not let it be read. */
  readonly isUnreadable?: boolean;
}

/** An event written over several lines is read whole, up to this. */
const MAX_WHOLE_BYTES = 16 * 1024 * 1024;

export async function* eventsOfFile(file: string, options: EventFileOptions): AsyncGenerator<FileEvent> {
  const open = openFile(file, options.stdin);
  try {
    const { format, chunks } = await detectFormat(open.chunks, undefined);
    yield* format === 'picket' ? recorded(chunks, options) : written(chunks, options);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const position = error instanceof RecordingError ? error.event : 0;
    options.onFault({ position, reason: reasonOf(error), isUnreadable: isSystemError(error) });
  } finally {
    open.close();
  }
}

async function* recorded(
  chunks: AsyncIterable<Uint8Array>,
  options: EventFileOptions,
): AsyncGenerator<FileEvent> {
  let number = 0;
  for await (const frames of readRecording(chunks)) {
    for (const frame of frames) {
      number++;
      try {
        const bytes = retold(frame, options.trigger);
        yield { bytes, trigger: headerOf(bytes).trigger, number };
      } catch (error) {
        options.onFault({ position: number, reason: (error as Error).message });
      }
    }
  }
}

async function* written(
  chunks: AsyncIterable<Uint8Array>,
  options: EventFileOptions,
): AsyncGenerator<FileEvent> {
  let number = 0;
  let isFirst = true;
  const lines = texts(chunks, options);
  for (let next = await lines.next(); !next.done; next = await lines.next()) {
    if (!isFirst || !isBegun(next.value.text)) {
      isFirst = false;
      yield* parsed(next.value, ++number, options);
      continue;
    }
    // One event over several lines, or a list of events: all of it, then.
    const all = await gathered(next.value, lines);
    const whole = all.map((line) => line.text).join('\n');
    const value = parseOrUndefined(whole);
    if (value === undefined) {
      for (const line of all) yield* parsed(line, ++number, options);
      return;
    }
    for (const one of Array.isArray(value) ? (value as readonly FactValue[]) : [value]) {
      yield* eventOf(one, JSON.stringify(one, bigintAsText), ++number, next.value.position, options);
    }
  }
}

interface TextLine {
  readonly text: string;
  readonly position: number;
}

async function* texts(
  chunks: AsyncIterable<Uint8Array>,
  { onFault }: EventFileOptions,
): AsyncGenerator<TextLine> {
  for await (const lines of linesOf(chunks)) {
    for (const { bytes, number: position, length } of lines) {
      if (bytes === undefined)
        onFault({ position, reason: `a line of ${length} bytes: too long to be an event` });
      else {
        const text = textOfBytes(bytes);
        if (text.trim() !== '') yield { text, position };
      }
    }
  }
}

/** The line alone is no event, and could go on. */
function isBegun(text: string): boolean {
  const value = parseOrUndefined(text);
  return value === undefined ? /^\s*[[{]/.test(text) : Array.isArray(value);
}

function parseOrUndefined(text: string): FactValue | undefined {
  try {
    return parseLossless(text);
  } catch {
    return undefined;
  }
}

async function gathered(first: TextLine, lines: AsyncGenerator<TextLine>): Promise<readonly TextLine[]> {
  const all = [first];
  let length = first.text.length;
  for (let next = await lines.next(); !next.done; next = await lines.next()) {
    length += next.value.text.length;
    if (length > MAX_WHOLE_BYTES) {
      throw new Error(
        `line ${first.position} is no event, nor the beginning of one of ${MAX_WHOLE_BYTES} bytes`,
      );
    }
    all.push(next.value);
  }
  return all;
}

function* parsed(
  { text, position }: TextLine,
  number: number,
  options: EventFileOptions,
): Generator<FileEvent> {
  let value: FactValue;
  try {
    value = parseLossless(text);
  } catch (error) {
    options.onFault({ position, reason: `no JSON: ${(error as Error).message}` });
    return;
  }
  yield* eventOf(value, text, number, position, options);
}

const bigintAsText = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}` : value);

function* eventOf(
  value: FactValue,
  text: string,
  number: number,
  position: number,
  options: EventFileOptions,
): Generator<FileEvent> {
  try {
    if (!isJson(value)) throw new Error('JSON, but no event: an event is an object');
    const ecs = asEcs(value, options);
    const event = ecs ?? parseEslogger(text);
    const bytes = retold(encodeEvent(event), options.trigger);
    yield { bytes, trigger: headerOf(bytes).trigger, number, written: ecs };
  } catch (error) {
    options.onFault({ position, reason: (error as Error).message });
  }
}

/** undefined: it is eslogger's. */
function asEcs(value: Json, { trigger, otherwise, platform }: EventFileOptions): EcsEvent | undefined {
  const ofPicket = isJson(value.picket) ? value.picket.trigger : undefined;
  const isEcs =
    typeof ofPicket === 'string' ||
    (isJson(value.event) ? typeof value.event.action === 'string' : value.event === undefined);
  if (!isEcs) return undefined;
  const stated = trigger ?? ofPicket ?? otherwise;
  if (typeof stated !== 'string') {
    throw new Error(
      'the event does not say what it is: `picket: { trigger: … }` is missing; --trigger says it',
    );
  }
  const host = isJson(value.host) ? value.host : {};
  const os = isJson(host.os) ? host.os : {};
  const type = os.type ?? platform;
  return {
    ...value,
    ...(type === undefined ? {} : { host: { ...host, os: { ...os, type } } }),
    picket: { ...(isJson(value.picket) ? value.picket : {}), trigger: stated },
  } as EcsEvent;
}

/** The same event under another trigger: of two values of a field, protobuf takes the later. */
function retold(bytes: Uint8Array, trigger: Trigger | undefined): Uint8Array {
  if (trigger === undefined) return bytes;
  const action = actionOfTrigger(trigger);
  const header = encodeEvent({ picket: { trigger }, ...(action === undefined ? {} : { event: { action } }) });
  return Buffer.concat([bytes, header]);
}
