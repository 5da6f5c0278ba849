// Where the messages of one event's bytes are, and their fields: found when they are first asked for, once an event. It
// serves any number of events, one after another, without allocating for any of that again.

import { joined } from './decode-value.ts';
import { findFields, lastOf, newScan, type Scan } from './message-scan.ts';
import { NODES, type WireNode } from './slot-locations.ts';
import { WireReader } from './wire-reader.ts';

const EMPTY = new Uint8Array(0);

export class EventScan {
  /** The event is `bytes[start, end)`. */
  bytes: Uint8Array = EMPTY;
  start = 0;
  end = 0;
  /** Of the event: what was found for another one is out of date. */
  generation = 0;
  /** Whoever reads what was found may use it; it keeps nothing. */
  readonly reader = new WireReader();
  private readonly scans: Scan[] = NODES.map(newScan);

  reset(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.generation++;
  }

  /** @throws MalformedEventError */
  of(node: number): Scan {
    const scan = this.scans[node] as Scan;
    return scan.generation === this.generation ? scan : this.renewed(scan, node);
  }

  /** A message that was appended to: its payloads one after another are the merged message. */
  payload(scan: Scan, number: number): Uint8Array {
    const { reader } = this;
    let all: Uint8Array = EMPTY;
    reader.over(scan.bytes, scan.start, scan.end);
    for (let key = reader.key(); key !== 0; key = reader.key()) {
      if (key !== number * 8 + 2) {
        reader.skip(key);
        continue;
      }
      const length = reader.length();
      all = joined(all, scan.bytes, reader.position, length);
      reader.position += length;
    }
    return all;
  }

  private renewed(scan: Scan, node: number): Scan {
    const { parent, number } = NODES[node] as WireNode;
    scan.isPresent = parent < 0 || this.enter(scan, this.of(parent), number);
    if (parent < 0) {
      scan.bytes = this.bytes;
      scan.start = this.start;
      scan.end = this.end;
    }
    if (scan.isPresent) findFields(this.reader, scan, this.generation);
    scan.generation = this.generation;
    return scan;
  }

  private enter(scan: Scan, around: Scan, number: number): boolean {
    const position = around.isPresent ? lastOf(around, number) : -1;
    if (position < 0) return false;
    if ((around.counts[number] as number) > 1) {
      scan.bytes = this.payload(around, number);
      scan.start = 0;
      scan.end = scan.bytes.length;
      return true;
    }
    this.reader.over(around.bytes, position, around.end);
    const length = this.reader.length();
    scan.bytes = around.bytes;
    scan.start = this.reader.position;
    scan.end = scan.start + length;
    return true;
  }
}
