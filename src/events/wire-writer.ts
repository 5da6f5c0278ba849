// Writes protobuf into one growing buffer that is used again. Hand-written because protobufjs's encoder takes
// objects of its own shape (a Long for each 64-bit integer), which would be made and thrown away for every event.
import { bytesOfText } from './text.ts';

export const WIRE = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const;

const SHORT_TEXT = 64; // below this a loop beats the call into native code

export class WireWriter {
  private buffer = Buffer.allocUnsafeSlow(16 * 1024);
  private position = 0;

  reset(): this {
    this.position = 0;
    return this;
  }

  /** A copy of what was written since reset(). */
  finish(): Uint8Array {
    return Uint8Array.prototype.slice.call(this.buffer, 0, this.position);
  }

  tag(number: number, wireType: number): void {
    this.varint(number * 8 + wireType);
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
    this.buffer.writeBigUInt64LE(value, this.position);
    this.position += 8;
  }

  double(value: number): void {
    this.reserve(8);
    this.buffer.writeDoubleLE(value, this.position);
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
    this.position += this.buffer.write(text, this.position);
    this.end(start);
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
    const larger = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.position + bytes));
    this.buffer.copy(larger, 0, 0, this.position);
    this.buffer = larger;
  }
}
