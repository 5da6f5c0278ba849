// Recorded events as a source: files of JSON lines (eslogger's, or events in ECS names), or of Picket's own recordings, in
// the order given. It reads
// on only when what it gave is done with, so a file of gigabytes passes through bounded memory.
import type { Readable } from 'node:stream';
import { Observable } from 'rxjs';
import { encodeEvent } from '../events/encode-event.ts';
import { headerOf } from '../events/encoded-event.ts';
import { EsloggerLineError } from '../events/eslogger.ts';
import type { Loss } from '../events/event-batch.ts';
import { textOfBytes } from '../events/text.ts';
import { kindOfTrigger } from '../events/triggers.ts';
import type { FlowBatch, FlowEvent, Origin } from '../operators/flow.ts';
import { reasonOf } from '../system-error.ts';
import { type Line, linesOf, openFile } from './lines.ts';
import { MAX_RECORDED_BYTES, RecordingError, readRecording } from './recording.ts';
import { detectFormat, type ReplayFormat } from './replay-format.ts';
import { ReplayWindow } from './replay-window.ts';
import { TextEvents } from './text-event.ts';

export type { ReplayFormat } from './replay-format.ts';

/** Input that is no event; the rest goes on. */
export interface ReplayFault {
  readonly file: string;
  /** Line, or number of the event in a recording; from 1. 0: the file as a whole. */
  readonly position: number;
  readonly reason: string;
}

interface ReplayProgress {
  readonly file: string;
  /** Of the file as it stands, packed or not. */
  readonly readBytes: number;
  readonly events: number;
  readonly faults: number;
}

export interface ReplayOptions {
  /** `-` is stdin. */
  readonly files: readonly string[];
  /** Not given: recognised by each file's first bytes. */
  readonly format?: ReplayFormat;
  readonly onFault?: (fault: ReplayFault) => void;
  /** After each chunk that was read. */
  readonly onProgress?: (progress: ReplayProgress) => void;
  readonly signal?: AbortSignal;
  /**
   * Events given and not yet settled, at most. Each event then has an origin, and whoever is downstream must settle
   * it. Not given: events owe nobody, which is enough where downstream is synchronous.
   */
  readonly maxUnsettled?: number;
  /** What `-` is; process.stdin. */
  readonly stdin?: Readable;
}

const BATCH_EVENTS = 256;
const INSTANCE = 'replay';

/** Cold. A file that can't be read is a fault, as a line is; unsubscription and `signal` close what is open. */
export function replaySource(options: ReplayOptions): Observable<FlowBatch> {
  return new Observable((subscriber) => {
    const window = options.maxUnsettled === undefined ? undefined : new ReplayWindow(options.maxUnsettled);
    const reading: Reading = { isStopped: false, close: undefined };
    const batches = replay(options, reading, window?.origin);
    const stop = (): void => {
      reading.isStopped = true;
      reading.close?.();
      window?.close();
    };
    const abort = (): void => {
      stop();
      subscriber.complete();
    };
    const { signal } = options;
    if (signal?.aborted) {
      subscriber.complete();
      return undefined;
    }
    signal?.addEventListener('abort', abort);
    const run = async (): Promise<void> => {
      for await (const batch of batches) {
        if (reading.isStopped) break;
        window?.take(batch.events.length);
        subscriber.next(batch);
        if (window !== undefined) await window.room();
        if (reading.isStopped) break;
      }
    };
    run().then(
      () => subscriber.complete(),
      (error: unknown) => subscriber.error(error),
    );
    return () => {
      signal?.removeEventListener('abort', abort);
      stop();
    };
  });
}

/** What the teardown needs of the file that is open. */
interface Reading {
  isStopped: boolean;
  close: (() => void) | undefined;
}

/** What a replay has come to, across its files. */
interface Tally {
  sequence: number;
  faults: number;
}

async function* replay(
  options: ReplayOptions,
  reading: Reading,
  origin: Origin | undefined,
): AsyncGenerator<FlowBatch> {
  const tally: Tally = { sequence: 0, faults: 0 };
  for (const file of options.files) {
    const faults: ReplayFault[] = [];
    const fault = (position: number, reason: string): void => {
      tally.faults++;
      const found = { file, position, reason };
      faults.push(found);
      options.onFault?.(found);
    };
    try {
      const open = openFile(file, options.stdin);
      reading.close = open.close;
      const { format, chunks } = await detectFormat(open.chunks, options.format);
      const groups = format === 'picket' ? recordedEvents(chunks, fault) : textEvents(chunks, tally, fault);
      for await (const events of groups) {
        for (let from = 0; from < events.length || faults.length > 0; from += BATCH_EVENTS) {
          yield batchOf(events.slice(from, from + BATCH_EVENTS), faults.splice(0), tally, origin);
        }
        options.onProgress?.({
          file,
          readBytes: open.readBytes(),
          events: tally.sequence,
          faults: tally.faults,
        });
      }
    } catch (error) {
      if (reading.isStopped) return;
      if (!(error instanceof Error)) throw error;
      fault(error instanceof RecordingError ? error.event : 0, reasonFor(error));
    }
    if (faults.length > 0) yield batchOf([], faults.splice(0), tally, origin);
  }
  yield { ...batchOf([], [], tally, origin), endOfSource: true };
}

function reasonFor(error: Error): string {
  const isCut = 'code' in error && error.code === 'Z_BUF_ERROR';
  return isCut ? 'the packed file ends too early: what is missing was not read' : reasonOf(error);
}

type ReplayedEvent = Omit<FlowEvent, 'sequence' | 'origin'>;
type Report = (position: number, reason: string) => void;

async function* textEvents(
  chunks: AsyncIterable<Uint8Array>,
  tally: Tally,
  fault: Report,
): AsyncGenerator<readonly ReplayedEvent[]> {
  const texts = new TextEvents();
  for await (const lines of linesOf(chunks)) {
    const events: ReplayedEvent[] = [];
    for (const line of lines) {
      const event = textEvent(line, texts, tally.sequence + events.length + 1, fault);
      if (event !== undefined) events.push(event);
    }
    yield events;
  }
}

function textEvent(
  line: Line,
  texts: TextEvents,
  sequence: number,
  fault: Report,
): ReplayedEvent | undefined {
  const { bytes, number } = line;
  if (bytes === undefined) {
    fault(number, `a line of ${line.length} bytes: too long to be an event, skipped`);
    return undefined;
  }
  const text = textOfBytes(bytes);
  if (text.trim() === '') return undefined;
  try {
    const event = texts.parse(text);
    const encoded = encodeEvent({ ...event, event: { ...event.event, sequence } });
    if (encoded.length > MAX_RECORDED_BYTES) {
      fault(number, `an event of ${encoded.length} bytes: more than the ${MAX_RECORDED_BYTES} of a frame`);
      return undefined;
    }
    const trigger = event.picket?.trigger ?? 'notify.';
    return { bytes: encoded, trigger, kind: kindOfTrigger(trigger), action: event.event?.action ?? '' };
  } catch (error) {
    // Anything that one line can cause stays with that line.
    fault(
      number,
      error instanceof EsloggerLineError ? error.message : `can't be encoded: ${(error as Error).message}`,
    );
    return undefined;
  }
}

async function* recordedEvents(
  chunks: AsyncIterable<Uint8Array>,
  fault: Report,
): AsyncGenerator<readonly ReplayedEvent[]> {
  let number = 0;
  for await (const frames of readRecording(chunks)) {
    const events: ReplayedEvent[] = [];
    for (const bytes of frames) {
      number++;
      try {
        const { trigger, kind, action } = headerOf(bytes);
        events.push({ bytes, trigger, kind, action });
      } catch (error) {
        fault(number, (error as Error).message);
      }
    }
    yield events;
  }
}

function batchOf(
  events: readonly ReplayedEvent[],
  faults: readonly ReplayFault[],
  tally: Tally,
  origin: Origin | undefined,
): FlowBatch {
  return {
    events: events.map((event): FlowEvent => {
      const sequence = ++tally.sequence;
      return origin === undefined ? { ...event, sequence } : { ...event, sequence, origin };
    }),
    losses: faults.length === 0 ? [] : [malformed(faults.length)],
    malformed: faults.length,
    bridgeInstance: INSTANCE,
  };
}

function malformed(count: number): Loss {
  return {
    cause: 'malformed',
    kind: 0,
    action: '',
    count,
    firstSequence: 0,
    lastSequence: 0,
    fromNs: 0n,
    toNs: 0n,
  };
}
