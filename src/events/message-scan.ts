// Where the fields of one message begin: found in one pass over its bytes, and told apart from those of the event before
// by a stamp, so that nothing is cleared.

import { WIRE_TYPE } from './decode-event.ts';
import type { WireNode } from './slot-locations.ts';
import type { WireReader } from './wire-reader.ts';

const EMPTY = new Uint8Array(0);

/** Where one message of the current event is, and where its fields begin. */
export interface Scan {
  /** Of the event that this describes. */
  generation: number;
  isPresent: boolean;
  bytes: Uint8Array;
  start: number;
  end: number;
  /** By field number: where its last value begins. */
  readonly positions: Int32Array;
  /** By field number: where its first value begins. */
  readonly firsts: Int32Array;
  /** By field number: how often it occurs. */
  readonly counts: Int32Array;
  /** By field number: the generation of all three. Doubles: they are never too small for a count of events. */
  readonly stamps: Float64Array;
  /** By field number: the wire type that its values have. */
  readonly wireTypes: Int8Array;
}

export function newScan(node: WireNode): Scan {
  const { byNumber } = node.message;
  const size = byNumber.length;
  const wireTypes = new Int8Array(size).fill(-1);
  for (const [number, field] of byNumber.entries())
    if (field !== undefined) wireTypes[number] = WIRE_TYPE[field.kind];
  return {
    generation: -1,
    isPresent: false,
    bytes: EMPTY,
    start: 0,
    end: 0,
    positions: new Int32Array(size),
    firsts: new Int32Array(size),
    counts: new Int32Array(size),
    stamps: new Float64Array(size).fill(-1),
    wireTypes,
  };
}

/** Where the last value of a field begins; −1: it has none. */
export function lastOf(scan: Scan, number: number): number {
  return scan.stamps[number] === scan.generation ? (scan.positions[number] as number) : -1;
}

/** Keys, numbers and lengths of one byte, as most are, are read here; the reader reads all others. */
export function findFields(reader: WireReader, scan: Scan, generation: number): void {
  const { bytes, end, positions, firsts, counts, stamps, wireTypes } = scan;
  let position = scan.start;
  while (position < end) {
    let key = bytes[position] as number;
    if (key >= 8 && key < 0x80) {
      position++;
    } else {
      key = reader.over(bytes, position, end).key();
      position = reader.position;
    }
    const number = key >>> 3;
    if (wireTypes[number] === (key & 7)) {
      positions[number] = position;
      if (stamps[number] === generation) {
        counts[number] = (counts[number] as number) + 1;
      } else {
        stamps[number] = generation;
        firsts[number] = position;
        counts[number] = 1;
      }
    }
    const first = position < end ? (bytes[position] as number) : 0x80;
    if (first < end - position && first < 0x80 && (key & 7) === 2) {
      position += 1 + first;
    } else if (first < 0x80 && (key & 7) === 0) {
      position++;
    } else {
      reader.over(bytes, position, end).skip(key);
      position = reader.position;
    }
  }
}
