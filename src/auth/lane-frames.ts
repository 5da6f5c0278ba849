// What the bridge writes into the request FIFO: 4-byte little-endian length, then one LaneToAgent. Frames are found
// and decoded in the buffer they were read into; nothing is copied and, once warm, nothing is allocated.

/** The longest frame taken. The bridge keeps to PIPE_BUF (4,096) so that its writes are atomic; more is no frame. */
export const maxLaneFrame = 65_536;

/** The request FIFO holds something that is no frame of ours: the lane ends and the connection is closed. */
export class FrameError extends Error {
  readonly reason: 'over_long' | 'malformed';
  readonly frameLength: number;

  constructor(reason: 'over_long' | 'malformed', frameLength: number, detail: string) {
    super(
      `the bridge sent a frame of ${frameLength} bytes on the auth lane that ${detail}; the connection is closed`,
    );
    this.name = 'FrameError';
    this.reason = reason;
    this.frameLength = frameLength;
  }
}

export const messageKind = { request: 1, policySwitch: 2, ping: 3 } as const;

/** More messages than this in one read go out in several batches. */
export const maxMessages = 512;

/** Messages of one read, in order, as parallel arrays into `bytes`. Reused for every read: valid until the next. */
export interface LaneBatch {
  readonly bytes: Uint8Array;
  count: number;
  readonly kinds: Uint8Array;
  /** Offset of the frame, its length included. */
  readonly frameStart: Uint32Array;
  /** Offset in `bytes` of a request's eight id bytes; 0: absent, the id is zero (no id can stand before its frame). */
  readonly idAt: Uint32Array;
  readonly eventStart: Uint32Array;
  readonly eventEnd: Uint32Array;
  /** A request's or switch's epoch, a ping's number. */
  readonly numbers: Float64Array;
  readonly budgetsUs: Uint32Array;
  /** performance.now() when the read returned. */
  readAtMs: number;
}

/** read(2) into `buffer` from `offset`, at most `length` bytes; 0 is end of file. */
export type Read = (buffer: Uint8Array, offset: number, length: number) => number;

/** Splits what was read into frames and decodes them. One instance a worker; a partial frame stays for the next read. */
export class LaneReader {
  readonly #bytes: Uint8Array;
  readonly #batch: LaneBatch;
  #start = 0;
  #end = 0;
  #at = 0;

  constructor(capacity = 4 * maxLaneFrame) {
    this.#bytes = new Uint8Array(capacity);
    this.#batch = {
      bytes: this.#bytes,
      count: 0,
      kinds: new Uint8Array(maxMessages),
      frameStart: new Uint32Array(maxMessages),
      idAt: new Uint32Array(maxMessages),
      eventStart: new Uint32Array(maxMessages),
      eventEnd: new Uint32Array(maxMessages),
      numbers: new Float64Array(maxMessages),
      budgetsUs: new Uint32Array(maxMessages),
      readAtMs: 0,
    };
  }

  /** Bytes that are not yet decoded: at end of file, those of a partial frame. */
  get pendingBytes(): number {
    return this.#end - this.#start;
  }

  /** Reads once; the number of bytes, 0 at end of file. */
  fill(read: Read): number {
    if (this.#start > 0) {
      this.#bytes.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    const length = read(this.#bytes, this.#end, this.#bytes.length - this.#end);
    this.#end += length;
    this.#batch.readAtMs = performance.now();
    return length;
  }

  /** Puts `bytes` behind what is pending: those that the worker before had read. */
  accept(bytes: Uint8Array): void {
    this.fill((buffer, offset) => {
      buffer.set(bytes, offset);
      return bytes.length;
    });
  }

  /** Back to a `frameStart` of the last batch: it and what follows counts as not yet decoded. */
  rewind(frameStart: number): void {
    this.#start = frameStart;
  }

  /** Copies what is not yet decoded into `target`, for the worker that reads on. Returns the number of bytes. */
  takeOver(target: Uint8Array): number {
    const length = this.pendingBytes;
    target.set(this.#bytes.subarray(this.#start, this.#end));
    this.#start = this.#end;
    return length;
  }

  /**
   * The complete messages in the buffer, or undefined when it holds none. A batch ends with a policy switch: what
   * follows belongs to the next worker. A frame that is bad ends the batch before it and is thrown by the next call.
   */
  next(): LaneBatch | undefined {
    const batch = this.#batch;
    batch.count = 0;
    while (batch.count < maxMessages && this.#end - this.#start >= 4) {
      const length = this.#frameLength();
      if (length > maxLaneFrame) {
        if (batch.count > 0) return batch;
        throw new FrameError('over_long', length, `is longer than ${maxLaneFrame} bytes`);
      }
      const frameStart = this.#start + 4;
      if (this.#end - frameStart < length) break;
      let kind: number;
      try {
        kind = this.#decode(frameStart, frameStart + length);
      } catch (error) {
        if (batch.count > 0) return batch;
        throw error;
      }
      this.#start = frameStart + length;
      if (kind === 0) continue; // a member newer than this code
      batch.kinds[batch.count] = kind;
      batch.frameStart[batch.count] = frameStart - 4;
      batch.count += 1;
      if (kind === messageKind.policySwitch) break;
    }
    return batch.count > 0 ? batch : undefined;
  }

  #frameLength(): number {
    const bytes = this.#bytes;
    const at = this.#start;
    const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
    return low + (bytes[at + 3] ?? 0) * 0x1000000;
  }

  /** One LaneToAgent into the batch's next place; its kind, or 0 for none that we know. */
  #decode(start: number, end: number): number {
    const frameLength = end - start;
    let kind = 0;
    this.#at = start;
    while (this.#at < end) {
      const tag = this.#varint(end, frameLength);
      const field = Math.floor(tag / 8);
      if (tag % 8 === 2 && field >= messageKind.request && field <= messageKind.ping) {
        const innerEnd = this.#lengthDelimited(end, frameLength);
        if (field !== kind) this.#clearPlace();
        kind = field;
        this.#decodeMember(kind, innerEnd, frameLength);
      } else {
        this.#skip(tag % 8, end, frameLength);
      }
    }
    return kind;
  }

  #clearPlace(): void {
    const batch = this.#batch;
    const place = batch.count;
    batch.idAt[place] = 0;
    batch.eventStart[place] = 0;
    batch.eventEnd[place] = 0;
    batch.numbers[place] = 0;
    batch.budgetsUs[place] = 0;
  }

  #decodeMember(kind: number, end: number, frameLength: number): void {
    const batch = this.#batch;
    const place = batch.count;
    while (this.#at < end) {
      const tag = this.#varint(end, frameLength);
      if (kind !== messageKind.request) {
        if (tag === 0x08) batch.numbers[place] = this.#varint(end, frameLength);
        else this.#skip(tag % 8, end, frameLength);
        continue;
      }
      switch (tag) {
        case 0x09: // id, fixed64
          batch.idAt[place] = this.#at;
          this.#advance(8, end, frameLength);
          break;
        case 0x10: // epoch
          batch.numbers[place] = this.#varint(end, frameLength);
          break;
        case 0x18: // budget_us
          batch.budgetsUs[place] = this.#varint(end, frameLength);
          break;
        case 0x22: {
          // event
          const eventEnd = this.#lengthDelimited(end, frameLength);
          batch.eventStart[place] = this.#at;
          batch.eventEnd[place] = eventEnd;
          this.#at = eventEnd;
          break;
        }
        default:
          this.#skip(tag % 8, end, frameLength);
      }
    }
  }

  #lengthDelimited(end: number, frameLength: number): number {
    const length = this.#varint(end, frameLength);
    if (length > end - this.#at) throw new FrameError('malformed', frameLength, 'is cut inside a field');
    return this.#at + length;
  }

  #skip(wireType: number, end: number, frameLength: number): void {
    if (wireType === 0) this.#varint(end, frameLength);
    else if (wireType === 1) this.#advance(8, end, frameLength);
    else if (wireType === 2) this.#at = this.#lengthDelimited(end, frameLength);
    else if (wireType === 5) this.#advance(4, end, frameLength);
    else throw new FrameError('malformed', frameLength, `has a field of wire type ${wireType}`);
  }

  #advance(length: number, end: number, frameLength: number): void {
    if (length > end - this.#at) throw new FrameError('malformed', frameLength, 'is cut inside a field');
    this.#at += length;
  }

  #varint(end: number, frameLength: number): number {
    const bytes = this.#bytes;
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count += 1) {
      if (this.#at >= end) throw new FrameError('malformed', frameLength, 'is cut inside a number');
      const byte = bytes[this.#at] ?? 0;
      this.#at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) {
          throw new FrameError('malformed', frameLength, 'has a number above 2^53 - 1');
        }
        return value;
      }
      scale *= 128;
    }
    throw new FrameError('malformed', frameLength, 'has a number of more than ten bytes');
  }
}
