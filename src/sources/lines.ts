// Bytes of a file, unpacked, and cut into lines. Bounded: a chunk and one line at a time, however large the file.
import { createReadStream } from 'node:fs';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';

/** 16 MiB: the longest exec event (1 MiB of arguments, escaped) is far below. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

const CHUNK_BYTES = 256 * 1024;
const GZIP = [0x1f, 0x8b];
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd];
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without its end. undefined: it is over the bound, and was skipped. */
  readonly bytes: Uint8Array | undefined;
  /** Of the line, the skipped ones too. */
  readonly length: number;
}

export interface OpenFile {
  /** Unpacked. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Read so far from the file as it is, packed or not. */
  readonly readBytes: () => number;
  /** Ends a reading that may be waiting for more. */
  readonly close: () => void;
}

/** Opens a file, or stdin by the name `-`. What is packed (gzip, zstd) is known by its first bytes, not its name. */
export function openFile(name: string, stdin: Readable = process.stdin): OpenFile {
  let readBytes = 0;
  const raw = name === '-' ? stdin : createReadStream(name, { highWaterMark: CHUNK_BYTES });
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of raw) {
      readBytes += (chunk as Uint8Array).length;
      yield chunk as Uint8Array;
    }
  }
  return { chunks: unpack(counted()), readBytes: () => readBytes, close: () => raw.destroy() };
}

async function* unpack(chunks: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  const head: Uint8Array[] = [];
  let length = 0;
  let next = await chunks.next();
  while (!next.done) {
    head.push(next.value);
    length += next.value.length;
    if (length >= ZSTD.length) break;
    next = await chunks.next();
  }
  const start = Buffer.concat(head);
  async function* all(): AsyncGenerator<Uint8Array> {
    yield start;
    yield* chunks;
  }
  const unpacker = startsWith(start, GZIP)
    ? createGunzip({ chunkSize: CHUNK_BYTES })
    : startsWith(start, ZSTD)
      ? createZstdDecompress({ chunkSize: CHUNK_BYTES })
      : undefined;
  if (unpacker === undefined) {
    yield* all();
    return;
  }
  // Its errors come out of the iteration below; the callback only keeps them from being thrown.
  pipeline(all(), unpacker, () => {});
  yield* unpacker;
}

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, i) => bytes[i] === byte);
}

/** The lines of a stream; those of one chunk are yielded together, so that nothing is awaited for each. */
export async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number = MAX_LINE_BYTES,
): AsyncGenerator<readonly Line[]> {
  let parts: Uint8Array[] = [];
  let length = 0;
  let number = 1;
  const take = (last: Uint8Array): Line => {
    const whole = length + last.length;
    let bytes: Uint8Array | undefined;
    if (whole <= maxBytes) bytes = parts.length === 0 ? last : Buffer.concat([...parts, last]);
    parts = [];
    length = 0;
    const end = bytes !== undefined && bytes.at(-1) === CARRIAGE_RETURN ? bytes.length - 1 : undefined;
    return { number: number++, bytes: end === undefined ? bytes : bytes?.subarray(0, end), length: whole };
  };
  for await (const chunk of chunks) {
    const lines: Line[] = [];
    let from = 0;
    for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, from)) {
      lines.push(take(chunk.subarray(from, at)));
      from = at + 1;
    }
    const left = chunk.length - from;
    if (left > 0) {
      // Over the bound its bytes are let go; only its length is kept.
      if (length + left <= maxBytes) parts.push(chunk.subarray(from));
      else parts = [];
      length += left;
    }
    if (lines.length > 0) yield lines;
  }
  if (length > 0) yield [take(new Uint8Array(0))];
}
