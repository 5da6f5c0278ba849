// Facts straight from an event's bytes. Nothing is decoded before a rule asks for it: a message is scanned once, for
// where its fields begin, and each fact is read once. One reader serves any number of events, without allocating for
// any of that again.
import { decodeEvent, readScalar, WIRE_TYPE, zeroOf } from './decode-event.ts';
import { decodeValue, joined } from './decode-value.ts';
import {
  categoryOf,
  commandLine,
  directoryName,
  extensionOf,
  fileType,
  modeText,
  processName,
} from './derived-facts.ts';
import { type Facts, type FactValue, type Slot, slotOf } from './facts.ts';
import { findFields, lastOf, newScan, type Scan } from './message-scan.ts';
import { NODES, type SlotLocation, type WireNode } from './slot-locations.ts';
import { bytesOfText, textOfAscii, textOfRange } from './text.ts';
import { triggerOf } from './triggers.ts';
import { valueAt } from './value-path.ts';
import { WireReader } from './wire-reader.ts';
import type { WireField, WireMessage } from './wire-table.ts';

const EMPTY = new Uint8Array(0);
const ES_FIELD = 12;
/** Of a process. */
const ARGUMENTS = 4;
const SPACE = 0x20;

export class EncodedFacts implements Facts {
  private bytes: Uint8Array = EMPTY;
  private generation = 0;
  private readonly scans: Scan[] = NODES.map(newScan);
  private readonly values: FactValue[] = [];
  private readonly valueGenerations: number[] = [];
  private readonly reader = new WireReader();
  private readonly keys = new Map<Slot, readonly Uint8Array[]>();
  private scratch: Uint8Array = new Uint8Array(1024);
  private decoded: { readonly [key: string]: FactValue } | undefined;

  /** Turns to another event. Values that were handed out stay valid; the bytes must not change while they are read. */
  reset(bytes: Uint8Array): this {
    this.bytes = bytes;
    this.generation++;
    this.decoded = undefined;
    return this;
  }

  /** @throws MalformedEventError */
  get(slot: Slot): FactValue {
    if (this.valueGenerations[slot.index] === this.generation) return this.values[slot.index];
    const value = this.read(slot, slot.location);
    while (this.values.length <= slot.index) {
      this.values.push(undefined);
      this.valueGenerations.push(-1);
    }
    this.values[slot.index] = value;
    this.valueGenerations[slot.index] = this.generation;
    return value;
  }

  private read(slot: Slot, location: SlotLocation): FactValue {
    switch (location.type) {
      case 'field':
        return this.field(location.node, location.field);
      case 'derived':
        return this.derive(location.node, location.fact);
      case 'es':
        return this.es(slot, location.keys);
      case 'host':
        return undefined;
      case 'object':
        return this.whole(slot.path);
    }
  }

  private field(node: number, field: WireField): FactValue {
    const scan = this.scan(node);
    if (!scan.isPresent) return undefined;
    const message = (NODES[node] as WireNode).message;
    const position = lastOf(scan, field.number);
    if (field.repeated) return position < 0 ? undefined : this.gather(scan, field);
    let value: FactValue;
    if (position >= 0) {
      this.reader.over(scan.bytes, position, scan.end);
      value = readScalar(this.reader, field, field.presence === 'explicit');
    }
    if (field.kind === 'mode') return value === undefined ? undefined : modeText(value as number);
    if (value !== undefined || field.presence === 'nonzero' || field.presence === 'explicit') return value;
    return this.isZeroAValue(scan, message, field) ? zeroOf(field) : undefined;
  }

  private isZeroAValue(scan: Scan, message: WireMessage, field: WireField): boolean {
    if (typeof field.presence !== 'object') return true;
    const position = lastOf(scan, field.presence.with);
    if (position < 0) return false;
    const other = message.byNumber[field.presence.with];
    if (other === undefined || other.message !== undefined) return true;
    this.reader.over(scan.bytes, position, scan.end);
    return readScalar(this.reader, other, false) !== undefined;
  }

  /** From the fact of its own, where it has one, so that it is decoded once. */
  private text(node: number, number: number): string | undefined {
    const slot = ownSlot(node, number);
    const value = slot === undefined ? this.field(node, fieldOf(node, number)) : this.get(slot);
    return value as string | undefined;
  }

  private commandLine(node: number): string | undefined {
    const slot = ownSlot(node, ARGUMENTS);
    if (slot !== undefined && this.valueGenerations[slot.index] === this.generation)
      return commandLine(this.values[slot.index] as readonly string[] | undefined);
    const scan = this.scan(node);
    if (!scan.isPresent || lastOf(scan, ARGUMENTS) < 0) return undefined;
    // UTF-8 begins anew behind a space: joined and decoded is decoded and joined, without a text for each argument.
    const { reader } = this;
    const count = scan.counts[ARGUMENTS] as number;
    let length = 0;
    let highBits = 0;
    reader.over(scan.bytes, scan.firsts[ARGUMENTS] as number, scan.end);
    for (let i = 0; i < count; i++) {
      if (i > 0) this.seek(ARGUMENTS * 8 + 2);
      const size = reader.length();
      if (length + size >= this.scratch.length) this.enlarge(length + size + 1);
      if (i > 0) this.scratch[length++] = SPACE;
      highBits |= copy(scan.bytes, reader.position, size, this.scratch, length);
      length += size;
      reader.position += size;
    }
    return (highBits < 0x80 ? textOfAscii : textOfRange)(this.scratch, 0, length);
  }

  private enlarge(size: number): void {
    const larger = new Uint8Array(2 * size);
    larger.set(this.scratch);
    this.scratch = larger;
  }

  /** Goes on to the next value of a field that has one. */
  private seek(wanted: number): void {
    const { reader } = this;
    for (let key = reader.key(); key !== wanted; key = reader.key()) reader.skip(key);
  }

  private derive(node: number, fact: (SlotLocation & { type: 'derived' })['fact']): FactValue {
    switch (fact) {
      case 'process.name':
        return processName(this.text(node, 1), undefined) ?? this.text(node, 21);
      case 'process.command_line':
        return this.commandLine(node);
      case 'file.name': {
        const path = this.text(node, 1);
        return path === undefined ? undefined : processName(path, undefined);
      }
      case 'file.extension': {
        const path = this.text(node, 1);
        return path === undefined ? undefined : extensionOf(path);
      }
      case 'file.directory': {
        const path = this.text(node, 1);
        return path === undefined ? undefined : directoryName(path);
      }
      case 'file.type': {
        const mode = this.number(node, 7);
        return mode === 0 ? undefined : fileType(mode);
      }
      case 'event.kind':
        return 'event';
      case 'event.category':
        return categoryOf(this.number(0, 3) | 0, this.text(0, 4) ?? '');
      case 'picket.trigger':
        return triggerOf(this.number(0, 3) | 0, this.text(0, 4) ?? '');
    }
  }

  /** A varint as it stands on the wire; 0 if it is missing. */
  private number(node: number, number: number): number {
    const scan = this.scan(node);
    const position = scan.isPresent ? lastOf(scan, number) : -1;
    return position < 0 ? 0 : this.reader.over(scan.bytes, position, scan.end).varint32();
  }

  private es(slot: Slot, names: readonly string[]): FactValue {
    const scan = this.scan(0);
    const position = lastOf(scan, ES_FIELD);
    if (position < 0) return undefined;
    let { bytes } = scan;
    let from: number;
    let to: number;
    if ((scan.counts[ES_FIELD] as number) > 1) {
      bytes = this.payload(scan, ES_FIELD);
      from = 0;
      to = bytes.length;
    } else {
      this.reader.over(bytes, position, scan.end);
      const length = this.reader.length();
      from = this.reader.position;
      to = from + length;
    }
    if (names.length === 0) return decodeValue(bytes, from, to);
    let keys = this.keys.get(slot);
    if (keys === undefined) {
      keys = names.map(bytesOfText);
      this.keys.set(slot, keys);
    }
    return valueAt(bytes, from, to, keys);
  }

  private whole(path: readonly string[]): FactValue {
    this.decoded ??= decodeEvent(this.bytes) as { readonly [key: string]: FactValue };
    let value: FactValue = this.decoded;
    for (const key of path) {
      if (typeof value !== 'object' || value === null) return undefined;
      value = (value as { readonly [key: string]: FactValue })[key];
    }
    return value;
  }

  private gather(scan: Scan, field: WireField): FactValue {
    const list: FactValue[] = [];
    const { reader } = this;
    const count = scan.counts[field.number] as number;
    const key = field.number * 8 + WIRE_TYPE[field.kind];
    reader.over(scan.bytes, scan.firsts[field.number] as number, scan.end);
    for (let i = 0; i < count; i++) {
      if (i > 0) this.seek(key);
      list.push(readScalar(reader, field, true));
    }
    return list;
  }

  private scan(node: number): Scan {
    const scan = this.scans[node] as Scan;
    if (scan.generation === this.generation) return scan;
    const { parent, number } = NODES[node] as WireNode;
    scan.isPresent = parent < 0 || this.enter(scan, this.scan(parent), number);
    if (parent < 0) {
      scan.bytes = this.bytes;
      scan.start = 0;
      scan.end = this.bytes.length;
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

  /** A message that was appended to: its payloads one after another are the merged message. */
  private payload(scan: Scan, number: number): Uint8Array {
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

function fieldOf(node: number, number: number): WireField {
  return (NODES[node] as WireNode).message.byNumber[number] as WireField;
}

// By node and number; null: there is none.
const ownSlots: (Slot | undefined | null)[][] = NODES.map(() => []);

/** The fact that is the field and nothing else. */
function ownSlot(node: number, number: number): Slot | undefined {
  const slots = ownSlots[node] as (Slot | undefined | null)[];
  const known = slots[number];
  if (known !== undefined) return known ?? undefined;
  const { name } = NODES[node] as WireNode;
  const path = fieldOf(node, number).path.join('.');
  const slot = slotOf(name === '' ? path : `${name}.${path}`);
  const isOwn = slot?.location.type === 'field' && slot.location.field.number === number;
  slots[number] = isOwn ? slot : null;
  return isOwn ? slot : undefined;
}
