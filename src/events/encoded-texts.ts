// Texts where they stand in an event's bytes, shown without a string: what is looked up and not found needs none.

import type { ArgumentLine } from './argument-line.ts';
import type { EventScan } from './event-scan.ts';
import { lastOf, type Scan } from './message-scan.ts';
import { isAscii } from './text.ts';
import { PROCESS_NAME, type TextPlace, type TextVisitor } from './text-place.ts';

const SLASH = 0x2f;
const DOT = 0x2e;

export class EncodedTexts {
  private readonly scans: EventScan;
  private readonly line: ArgumentLine;
  // Two digits to a number: half as many are written.
  private pairs = new Uint16Array(64);
  private digits = new Uint8Array(this.pairs.buffer);
  /** The text at hand. */
  private bytes: Uint8Array = this.digits;
  private start = 0;
  private end = 0;

  constructor(scans: EventScan, line: ArgumentLine) {
    this.scans = scans;
    this.line = line;
  }

  /**
   * Shows every text of the fact, if it has any. false: one is not ASCII, and not all were shown.
   * @throws MalformedEventError
   */
  visit({ node, number, form }: TextPlace, visitor: TextVisitor): boolean {
    const scan = this.scans.of(node);
    if (!scan.isPresent) return true;
    if (form === 'each') return this.visitEach(scan, number, visitor);
    if (form === 'args') {
      if (lastOf(scan, number) < 0) return true;
      const line = this.line.join(scan, this.scans.reader);
      if (line.isAscii) visitor.visit(line.bytes, 0, line.length);
      return line.isAscii;
    }
    const isThere = this.find(scan, number) && this.narrow(form);
    if (!isThere && (form !== 'process' || !this.find(scan, PROCESS_NAME))) return true;
    if (!isAscii(this.bytes, this.start, this.end)) return false;
    visitor.visit(this.bytes, this.start, this.end);
    return true;
  }

  private visitEach(scan: Scan, number: number, visitor: TextVisitor): boolean {
    if (lastOf(scan, number) < 0) return true;
    const { reader } = this.scans;
    const count = scan.counts[number] as number;
    let position = scan.firsts[number] as number;
    for (let i = 0; i < count; i++) {
      reader.over(scan.bytes, position, scan.end);
      if (i > 0) reader.seek(number * 8 + 2);
      const length = reader.length();
      const start = reader.position;
      position = start + length;
      if (!isAscii(scan.bytes, start, position)) return false;
      visitor.visit(scan.bytes, start, position);
    }
    return true;
  }

  /** An empty text is none, where a field has one value. */
  private find(scan: Scan, number: number): boolean {
    const position = lastOf(scan, number);
    if (position < 0) return false;
    const reader = this.scans.reader.over(scan.bytes, position, scan.end);
    const length = reader.length();
    this.bytes = scan.bytes;
    this.start = reader.position;
    this.end = this.start + length;
    return length > 0;
  }

  /** From the text at hand to the piece of it that is wanted; false: it has none. */
  private narrow(form: TextPlace['form']): boolean {
    const { bytes, start, end } = this;
    switch (form) {
      case 'hex':
        this.writeHex();
        return true;
      case 'process':
      case 'base':
        this.start = behindSlash(bytes, start, end);
        return this.start < end;
      case 'directory': {
        const slash = behindSlash(bytes, start, end) - 1;
        this.end = slash === start ? slash + 1 : slash;
        return slash >= start;
      }
      case 'extension': {
        const name = behindSlash(bytes, start, end);
        let dot = end - 1;
        while (dot > name && bytes[dot] !== DOT) dot--;
        this.start = dot + 1;
        return dot > name && dot < end - 1;
      }
      default:
        return true;
    }
  }

  private writeHex(): void {
    const { bytes, start, end } = this;
    const size = end - start;
    if (size > this.pairs.length) {
      this.pairs = new Uint16Array(2 * size);
      this.digits = new Uint8Array(this.pairs.buffer);
    }
    for (let i = 0; i < size; i++) this.pairs[i] = HEX_PAIRS[bytes[start + i] as number] as number;
    this.bytes = this.digits;
    this.start = 0;
    this.end = 2 * size;
  }
}

/** Where the last name of a path begins. */
function behindSlash(bytes: Uint8Array, start: number, end: number): number {
  let at = end;
  while (at > start && bytes[at - 1] !== SLASH) at--;
  return at;
}

/** By byte: its two digits, as this machine orders the bytes of a number. */
const HEX_PAIRS = new Uint16Array(
  Uint8Array.from(
    Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0')).join(''),
    (digit) => digit.charCodeAt(0),
  ).buffer,
);
