// Writes protobuf into one growing buffer that is used again. Hand-written because protobufjs's encoder takes
// objects of its own shape (a Long for each 64-bit integer), which would be made and thrown away for every event.
import { bytesOfText } from './text.ts';

export const WIRE = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const;

const SHORT_TEXT = 64; // below this a loop beats the call into native code

export class WireWriter {
  // A plain array: slicing a Buffer costs several times as much. The other two are views of the same memory.
  private buffer = new Uint8Array(16 * 1024);
  private native = Buffer.from(this.buffer.buffer);
  private view = new DataView(this.buffer.buffer);
  private position = 0;

  reset(): this {
    this.position = 0;
    return this;
  }

  /** A copy of what was written since reset(). */
  finish(): Uint8Array {
    return this.buffer.slice(0, this.position);
  }

  tag(number: number, wireType: number): void {
    if (number > 15 || this.position === this.buffer.length) this.varint(number * 8 + wireType);
    else this.buffer[this.position++] = number * 8 + wireType;
  }

  /** An unsigned integer up to 2^53. */
  varint(value: number): void {
    this.reserve(10);
    while (value > 0x7fffffff) {
      this.buffer[this.position++] = (value % 128) | 0x80;
      value = Math.floor(value / 128);
    }
    while (value > 127) {
      this.buffer[this.position++] = (value & 127) | 0x80;
      value >>>= 7;
    }
    this.buffer[this.position++] = value;
  }

  varint64(value: bigint): void {
    this.reserve(10);
    let low = Number(value & 0xffffffffn);
    let high = Number((value >> 32n) & 0xffffffffn);
    while (high !== 0 || low > 127) {
      this.buffer[this.position++] = (low & 127) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    this.buffer[this.position++] = low;
  }

  /** sint64 */
  zigzag(value: number | bigint): void {
    if (typeof value === 'number' && Math.abs(value) < 2 ** 51)
      this.varint(value >= 0 ? value * 2 : -value * 2 - 1);
    else this.varint64(BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n)));
  }

  fixed64(value: bigint): void {
    this.reserve(8);
    this.view.setBigUint64(this.position, value, true);
    this.position += 8;
  }

  double(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.position, value, true);
    this.position += 8;
  }

  bytes(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.position);
    this.position += bytes.length;
  }

  /** Length and bytes of a text. */
  text(text: string): void {
    const length = text.length;
    this.reserve(length * 3 + 10);
    if (length < SHORT_TEXT) {
      const { buffer } = this;
      let at = this.position + 1;
      let i = 0;
      for (; i < length; i++) {
        const code = text.charCodeAt(i);
        if (code > 0x7f) break;
        buffer[at++] = code;
      }
      if (i === length) {
        buffer[this.position] = length;
        this.position = at;
        return;
      }
    }
    if (!text.isWellFormed()) {
      this.bytes(bytesOfText(text));
      return;
    }
    const start = this.begin();
    this.position += this.native.write(text, this.position);
    this.end(start);
  }

  /**
   * A ValueMap's field of a short key and a short text, all ASCII, in one go: most of what is written is that. false:
   * it is not such a one, and nothing was written.
   */
  textMember(key: string, text: string): boolean {
    const total = key.length + text.length + 8;
    if (total > 0x7f) return false;
    this.reserve(total + 2);
    const { buffer } = this;
    let at = this.position;
    buffer[at] = 0x0a;
    buffer[at + 1] = total - 2;
    buffer[at + 2] = 0x0a;
    buffer[at + 3] = key.length;
    at = ascii(buffer, at + 4, key);
    if (at < 0) return false;
    buffer[at] = 0x12;
    buffer[at + 1] = text.length + 2;
    buffer[at + 2] = 0x32;
    buffer[at + 3] = text.length;
    at = ascii(buffer, at + 4, text);
    if (at < 0) return false;
    this.position = at;
    return true;
  }

  /** Likewise for a value of one tag and one small varint: null, a boolean, an integer. */
  varintMember(key: string, tag: number, value: number): boolean {
    if (key.length > 64 || value > 0x7fffffff) return false;
    this.reserve(key.length + 16);
    const { buffer } = this;
    const start = this.position;
    buffer[start] = 0x0a;
    buffer[start + 2] = 0x0a;
    buffer[start + 3] = key.length;
    let at = ascii(buffer, start + 4, key);
    if (at < 0) return false;
    buffer[at] = 0x12;
    buffer[at + 2] = tag;
    const lengthAt = at + 1;
    at += 3;
    for (; value > 127; value >>>= 7) buffer[at++] = (value & 127) | 0x80;
    buffer[at++] = value;
    buffer[lengthAt] = at - lengthAt - 1;
    buffer[start + 1] = at - start - 2;
    this.position = at;
    return true;
  }

  /** Starts something that its length precedes; one byte is kept free for it. */
  begin(): number {
    this.reserve(1);
    return this.position++;
  }

  end(start: number): void {
    const length = this.position - start - 1;
    if (length < 0x80) {
      this.buffer[start] = length;
      return;
    }
    const extra = length < 0x4000 ? 1 : length < 0x200000 ? 2 : length < 0x10000000 ? 3 : 4;
    this.reserve(extra);
    this.buffer.copyWithin(start + 1 + extra, start + 1, this.position);
    const end = this.position + extra;
    this.position = start;
    this.varint(length);
    this.position = end;
  }

  private reserve(bytes: number): void {
    if (this.position + bytes <= this.buffer.length) return;
    const larger = new Uint8Array(Math.max(this.buffer.length * 2, this.position + bytes));
    larger.set(this.buffer.subarray(0, this.position));
    this.buffer = larger;
    this.native = Buffer.from(larger.buffer);
    this.view = new DataView(larger.buffer);
  }
}

/** Writes a text of ASCII; answers where it ends, −1 if it is none. */
function ascii(buffer: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return -1;
    buffer[at++] = code;
  }
  return at;
}
