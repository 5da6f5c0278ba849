// Frames of the bridge protocol on a byte stream: a 4-byte little-endian length, then one message. A stream may be cut
// anywhere; the bytes of a frame are copied only where it spans chunks.

const HEADER_BYTES = 4;

export class FrameError extends Error {
  readonly length: number;
  readonly maxBytes: number;

  constructor(length: number, maxBytes: number) {
    super(
      `a frame of ${length} bytes announced, ${maxBytes} are allowed: the peer speaks another protocol or lost its place`,
    );
    this.name = 'FrameError';
    this.length = length;
    this.maxBytes = maxBytes;
  }
}

export function encodeFrame(message: Uint8Array): Uint8Array {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + message.length);
  frame.writeUInt32LE(message.length, 0);
  frame.set(message, HEADER_BYTES);
  return frame;
}

export class FrameSplitter {
  readonly #maxBytes: number;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  /** What must be there before the next step is worth a look: a header or a whole frame. */
  #wanted = HEADER_BYTES;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The frames that this chunk completes, without their lengths. Throws FrameError, after which the stream is lost. */
  push(chunk: Uint8Array): Uint8Array[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#wanted) return [];
    const [first] = this.#chunks;
    const bytes = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const frames: Uint8Array[] = [];
    let offset = 0;
    this.#wanted = HEADER_BYTES;
    while (bytes.length - offset >= HEADER_BYTES) {
      const length = view.getUint32(offset, true);
      if (length > this.#maxBytes) throw new FrameError(length, this.#maxBytes);
      const end = offset + HEADER_BYTES + length;
      if (end > bytes.length) {
        this.#wanted = HEADER_BYTES + length;
        break;
      }
      frames.push(bytes.subarray(offset + HEADER_BYTES, end));
      offset = end;
    }
    this.#chunks = offset === bytes.length ? [] : [bytes.subarray(offset)];
    this.#bytes = bytes.length - offset;
    return frames;
  }
}
