// Reads protobuf in place. Bytes come from another process or a file: every length is checked, nothing is believed.

/** The bytes are no message. `offset` counts from the start of the event's bytes. */
export class MalformedEventError extends Error {
  override readonly name = 'MalformedEventError';
  readonly offset: number;

  constructor(what: string, offset: number) {
    super(`malformed event: ${what} at byte ${offset}`);
    this.offset = offset;
  }
}

/** Other languages' decoders stop at 100 nested messages; so do we. */
const MAX_NESTING = 100;

// Shared: a typed array of its own for each reader would cost more than the reading.
const NO_BYTES = new Uint8Array(0);

export class WireReader {
  bytes: Uint8Array = NO_BYTES;
  position = 0;
  end = 0;

  over(bytes: Uint8Array, start: number, end: number): this {
    this.bytes = bytes;
    this.position = start;
    this.end = end;
    return this;
  }

  /** The low 32 bits of a varint, unsigned. */
  varint32(): number {
    const { bytes, end } = this;
    let position = this.position;
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (position >= end) throw new MalformedEventError('cut off in a number', position);
      const byte = bytes[position++] as number;
      if (shift < 32) value |= (byte & 127) << shift;
      if (byte < 0x80) {
        this.position = position;
        return value >>> 0;
      }
    }
    throw new MalformedEventError('a number of more than ten bytes', position);
  }

  varint64(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.position >= this.end) throw new MalformedEventError('cut off in a number', this.position);
      const byte = this.bytes[this.position++] as number;
      value |= BigInt(byte & 127) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new MalformedEventError('a number of more than ten bytes', this.position);
  }

  /** uint64: a bigint where a number would round. */
  unsigned(): number | bigint {
    const start = this.position;
    if (start < this.end) {
      // Most are one byte long.
      const byte = this.bytes[start] as number;
      if (byte < 0x80) {
        this.position = start + 1;
        return byte;
      }
    }
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 7; i++) {
      if (this.position >= this.end) throw new MalformedEventError('cut off in a number', this.position);
      const byte = this.bytes[this.position++] as number;
      value += (byte & 127) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
    this.position = start;
    return exact(this.varint64());
  }

  /** sint64 */
  signed(): number | bigint {
    const start = this.position;
    const raw = this.unsigned();
    if (typeof raw === 'number') return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
    this.position = start;
    const whole = this.varint64();
    return exact((whole >> 1n) ^ -(whole & 1n));
  }

  boolean(): boolean {
    return this.varint64() !== 0n;
  }

  fixed64(): bigint {
    const at = this.advance(8);
    const { bytes } = this;
    const low = word(bytes, at);
    const high = word(bytes, at + 4);
    return (BigInt(high) << 32n) | BigInt(low);
  }

  double(): number {
    const at = this.advance(8);
    return new DataView(this.bytes.buffer, this.bytes.byteOffset + at, 8).getFloat64(0, true);
  }

  /** Reads a length and checks that as much follows; the position stays at the first byte of it. */
  length(): number {
    const start = this.position;
    const byte = start < this.end ? (this.bytes[start] as number) : 0x80;
    if (byte < 0x80 && byte < this.end - start) {
      this.position = start + 1;
      return byte;
    }
    const length = this.unsigned();
    if (typeof length === 'bigint' || length > this.end - this.position) {
      throw new MalformedEventError('a length beyond the end', start);
    }
    return length;
  }

  /** A field's key; 0 at the end. */
  key(): number {
    if (this.position >= this.end) return 0;
    const start = this.position;
    const byte = this.bytes[start] as number;
    if (byte < 0x80 && byte >= 8) {
      this.position = start + 1;
      return byte;
    }
    const key = this.unsigned();
    if (typeof key === 'bigint' || key > 0xffffffff || key < 8)
      throw new MalformedEventError('no field number', start);
    return key;
  }

  /** Goes past the value of a field of this key. */
  skip(key: number): void {
    switch (key & 7) {
      case 0:
        this.varint32();
        return;
      case 1:
        this.advance(8);
        return;
      case 2: {
        const length = this.length();
        this.position += length;
        return;
      }
      case 3:
        this.skipGroup();
        return;
      case 5:
        this.advance(4);
        return;
      default:
        throw new MalformedEventError(`wire type ${key & 7}`, this.position);
    }
  }

  /** Goes on to the value of the next field of this key, which there is. */
  seek(wanted: number): void {
    for (let key = this.key(); key !== wanted; key = this.key()) this.skip(key);
  }

  private skipGroup(): void {
    for (let depth = 1; depth > 0; ) {
      const key = this.key();
      if (key === 0) throw new MalformedEventError('cut off in a group', this.position);
      if (key % 8 === 3) depth++;
      else if (key % 8 === 4) depth--;
      else this.skip(key);
      if (depth > MAX_NESTING) throw new MalformedEventError('nested too deep', this.position);
    }
  }

  private advance(bytes: number): number {
    const at = this.position;
    if (at + bytes > this.end) throw new MalformedEventError('cut off in a value', at);
    this.position = at + bytes;
    return at;
  }
}

function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function word(bytes: Uint8Array, at: number): number {
  const [a, b, c, d] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]] as [
    number,
    number,
    number,
    number,
  ];
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
}
