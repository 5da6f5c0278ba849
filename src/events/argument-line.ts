// The arguments of a process as one text, joined as bytes: UTF-8 begins anew behind a space, so joined and decoded is
// decoded and joined, without a text for each argument.

import type { Scan } from './message-scan.ts';
import { textOfAscii, textOfRange } from './text.ts';
import { ARGUMENTS } from './text-place.ts';
import type { WireReader } from './wire-reader.ts';

const SPACE = 0x20;

export class ArgumentLine {
  /** The joined bytes are the first `length`. */
  bytes: Uint8Array = new Uint8Array(1024);
  length = 0;
  isAscii = true;

  /** @param scan of a process that has arguments */
  join(scan: Scan, reader: WireReader): this {
    const count = scan.counts[ARGUMENTS] as number;
    let length = 0;
    let highBits = 0;
    reader.over(scan.bytes, scan.firsts[ARGUMENTS] as number, scan.end);
    for (let i = 0; i < count; i++) {
      if (i > 0) reader.seek(ARGUMENTS * 8 + 2);
      const size = reader.length();
      if (length + size >= this.bytes.length) this.enlarge(length + size + 1);
      if (i > 0) this.bytes[length++] = SPACE;
      highBits |= copy(scan.bytes, reader.position, size, this.bytes, length);
      length += size;
      reader.position += size;
    }
    this.length = length;
    this.isAscii = highBits < 0x80;
    return this;
  }

  text(): string {
    return (this.isAscii ? textOfAscii : textOfRange)(this.bytes, 0, this.length);
  }

  private enlarge(size: number): void {
    const larger = new Uint8Array(2 * size);
    larger.set(this.bytes);
    this.bytes = larger;
  }
}

/** Returns the bits that any of the bytes has. */
function copy(from: Uint8Array, start: number, length: number, to: Uint8Array, at: number): number {
  let bits = 0;
  for (let i = 0; i < length; i++) {
    const byte = from[start + i] as number;
    to[at + i] = byte;
    bits |= byte;
  }
  return bits;
}
