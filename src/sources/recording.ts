// A recording (*.picket): encoded events one after another, each behind a 4-byte little-endian length.
import { encodeFrame } from './frames.ts';

/** As in the bridge protocol. */
export const MAX_RECORDED_BYTES = 1024 * 1024;

const HEADER_BYTES = 4;

/** The recording cannot be read on from here: without a length there is no next event. */
export class RecordingError extends Error {
  override readonly name = 'RecordingError';
  /** Of the event, from 1. */
  readonly event: number;
  /** In the unpacked file. */
  readonly offset: number;

  constructor(what: string, event: number, offset: number) {
    super(`event ${event}, at byte ${offset}: ${what}`);
    this.event = event;
    this.offset = offset;
  }
}

/** One event as it stands in a recording. */
export function recordedEvent(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0 || bytes.length > MAX_RECORDED_BYTES) {
    throw new RangeError(
      `an event of ${bytes.length} bytes can't be recorded: 1 to ${MAX_RECORDED_BYTES} can`,
    );
  }
  return encodeFrame(bytes);
}

/**
 * The events of a recording; those of one chunk are yielded together, each a copy of its own.
 * @throws RecordingError after all events before the fault
 */
export async function* readRecording(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly Uint8Array[]> {
  let rest: Uint8Array = new Uint8Array(0);
  let offset = 0;
  let count = 0;
  for await (const chunk of chunks) {
    const bytes: Uint8Array = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const events: Uint8Array[] = [];
    let at = 0;
    let fault: RecordingError | undefined;
    while (bytes.length - at >= HEADER_BYTES) {
      const length = new DataView(bytes.buffer, bytes.byteOffset + at, HEADER_BYTES).getUint32(0, true);
      if (length === 0 || length > MAX_RECORDED_BYTES) {
        fault = new RecordingError(
          `no event is ${length} bytes long; is this a recording?`,
          count + 1,
          offset + at,
        );
        break;
      }
      const end = at + HEADER_BYTES + length;
      if (end > bytes.length) break;
      events.push(bytes.slice(at + HEADER_BYTES, end));
      count++;
      at = end;
    }
    if (events.length > 0) yield events;
    if (fault !== undefined) throw fault;
    rest = bytes.subarray(at);
    offset += at;
  }
  if (rest.length > 0) throw new RecordingError('the recording ends within it', count + 1, offset);
}
