// Facts straight from an event's bytes. Nothing is decoded before a rule asks for it: a message is scanned once, for
// where its fields begin, and each fact is read once. One reader serves any number of events, without allocating for
// any of that again.
import { ArgumentLine } from './argument-line.ts';
import { type AuditRecord, parseAuditRecord } from './audit-record.ts';
import { decodeEvent, readScalar, WIRE_TYPE, zeroOf } from './decode-event.ts';
import { decodeValue } from './decode-value.ts';
import {
  categoryOf,
  commandLine,
  directoryName,
  extensionOf,
  fileType,
  modeText,
  processName,
} from './derived-facts.ts';
import { EncodedTexts } from './encoded-texts.ts';
import { EventScan } from './event-scan.ts';
import { type Facts, type FactValue, type Slot, slotOf } from './facts.ts';
import { lastOf, type Scan } from './message-scan.ts';
import { NODES, type SlotLocation, type WireNode } from './slot-locations.ts';
import { bytesOfText } from './text.ts';
import { ARGUMENTS, PROCESS_NAME, type TextPlace, type TextVisitor } from './text-place.ts';
import { triggerOf } from './triggers.ts';
import { valueAt } from './value-path.ts';
import type { WireField, WireMessage } from './wire-table.ts';

const ES_FIELD = 12;
const MESSAGE_FIELD = 13;

export class EncodedFacts implements Facts {
  private generation = 0;
  private readonly scans = new EventScan();
  private readonly reader = this.scans.reader;
  private readonly line = new ArgumentLine();
  private readonly texts = new EncodedTexts(this.scans, this.line);
  private readonly values: FactValue[] = [];
  private readonly valueGenerations: number[] = [];
  private readonly keys = new Map<Slot, readonly Uint8Array[]>();
  private decoded: { readonly [key: string]: FactValue } | undefined;
  private record: AuditRecord | undefined;
  private recordGeneration = -1;

  /**
   * Turns to another event, which is `bytes[start, end)`. Values that were handed out stay valid; the bytes must not
   * change while they are read.
   */
  reset(bytes: Uint8Array, start = 0, end = bytes.length): this {
    this.scans.reset(bytes, start, end);
    this.generation = this.scans.generation;
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

  visitTexts(place: TextPlace, visitor: TextVisitor): boolean {
    return this.texts.visit(place, visitor);
  }

  private read(slot: Slot, location: SlotLocation): FactValue {
    switch (location.type) {
      case 'field':
        return this.field(location.node, location.field);
      case 'derived':
        return this.derive(location.node, location.fact);
      case 'es':
        return this.es(slot, location.keys);
      case 'audit':
        return this.audit(location.field);
      case 'host':
        return undefined;
      case 'object':
        return this.whole(slot.path);
    }
  }

  private field(node: number, field: WireField): FactValue {
    const scan = this.scans.of(node);
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
    const scan = this.scans.of(node);
    if (!scan.isPresent || lastOf(scan, ARGUMENTS) < 0) return undefined;
    return this.line.join(scan, this.reader).text();
  }

  private derive(node: number, fact: (SlotLocation & { type: 'derived' })['fact']): FactValue {
    switch (fact) {
      case 'process.name':
        return processName(this.text(node, 1), undefined) ?? this.text(node, PROCESS_NAME);
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
    const scan = this.scans.of(node);
    const position = scan.isPresent ? lastOf(scan, number) : -1;
    return position < 0 ? 0 : this.reader.over(scan.bytes, position, scan.end).varint32();
  }

  private es(slot: Slot, names: readonly string[]): FactValue {
    const scan = this.scans.of(0);
    const position = lastOf(scan, ES_FIELD);
    if (position < 0) return undefined;
    let { bytes } = scan;
    let from: number;
    let to: number;
    if ((scan.counts[ES_FIELD] as number) > 1) {
      bytes = this.scans.payload(scan, ES_FIELD);
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

  private audit(field: string | undefined): FactValue {
    if (this.recordGeneration !== this.generation) {
      const message = this.text(0, MESSAGE_FIELD);
      this.record = message === undefined ? undefined : parseAuditRecord(message);
      this.recordGeneration = this.generation;
    }
    const { record } = this;
    if (record === undefined || field === undefined) return record;
    return Object.hasOwn(record, field) ? record[field] : undefined;
  }

  private whole(path: readonly string[]): FactValue {
    const { bytes, start, end } = this.scans;
    this.decoded ??= decodeEvent(bytes.subarray(start, end)) as { readonly [key: string]: FactValue };
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
      if (i > 0) reader.seek(key);
      list.push(readScalar(reader, field, true));
    }
    return list;
  }
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
