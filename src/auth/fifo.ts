// The pair of FIFOs that the bridge hands out in its Welcome, and blocking reads and writes on them.
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/**
 * An anchor is neither side of the FIFO (Linux's O_PATH, which Node has no name for): through it the FIFO is opened, and
 * its waiting opener let go, even when the bridge has unlinked the name meanwhile. Elsewhere it is a reader for a moment.
 */
const anchorFlags =
  process.platform === 'linux'
    ? 0o10000000 | constants.O_NOFOLLOW
    : constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

export interface FifoPair {
  readonly requests: FileHandle;
  readonly verdicts: FileHandle;
}

/** A FIFO of the bridge's Welcome could not be opened. */
export class FifoError extends Error {
  readonly path: string;

  constructor(path: string, detail: string, options?: ErrorOptions) {
    super(`cannot open the auth lane's FIFO ${path}: ${detail}`, options);
    this.name = 'FifoError';
    this.path = path;
  }
}

/**
 * Opens the request FIFO for reading only (a second writer, ourselves, would hide the end of file) and the verdict FIFO
 * for writing only. Both block until the bridge has its ends open, on a thread of the pool, for `timeoutMs` at most.
 */
export async function openFifos(
  requestFifo: string | Buffer,
  verdictFifo: string | Buffer,
  timeoutMs: number,
): Promise<FifoPair> {
  const requests = await openFifo(requestFifo, constants.O_RDONLY, timeoutMs);
  try {
    return { requests, verdicts: await openFifo(verdictFifo, constants.O_WRONLY, timeoutMs) };
  } catch (error) {
    await requests.close();
    throw error;
  }
}

async function openFifo(path: string | Buffer, flags: number, timeoutMs: number): Promise<FileHandle> {
  let anchor: number | undefined;
  let otherSide: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    anchor = openSync(path, anchorFlags);
    if (!fstatSync(anchor).isFIFO()) throw new FifoError(String(path), 'it is no FIFO');
    const name = process.platform === 'linux' ? `/proc/self/fd/${anchor}` : path;
    // A blocked open(2) can't be cancelled, but any opening of the other side lets it go; O_RDWR is both sides and
    // never waits. Synchronous, for the threads of the pool may all be waiting in open(2).
    timer = setTimeout(() => {
      otherSide = openSync(name, constants.O_RDWR | constants.O_NONBLOCK);
    }, timeoutMs);
    const handle = await open(name, flags);
    if (otherSide === undefined) return handle;
    await handle.close();
    throw new FifoError(String(path), `the bridge did not open its end in ${timeoutMs} ms`);
  } catch (error) {
    if (error instanceof FifoError) throw error;
    throw new FifoError(String(path), error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
    for (const fd of [anchor, otherSide]) if (fd !== undefined) closeSync(fd);
  }
}

/** Blocks; 0 at end of file. A signal may interrupt read(2): libuv does not try again by itself. */
export function readFifo(fd: number, buffer: Uint8Array, offset: number, length: number): number {
  for (;;) {
    try {
      return readSync(fd, buffer, offset, length, null);
    } catch (error) {
      if (!isInterrupted(error)) throw error;
    }
  }
}

/** Writes all of `bytes` up to `length`. */
export function writeFifo(fd: number, bytes: Uint8Array, length: number): void {
  for (let written = 0; written < length; ) {
    try {
      written += writeSync(fd, bytes, written, length - written, null);
    } catch (error) {
      if (!isInterrupted(error)) throw error;
    }
  }
}

/** The bridge has closed its end of the verdict FIFO. */
export function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE';
}

function isInterrupted(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EINTR';
}
