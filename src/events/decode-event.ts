// An encoded picket.v1.Event as an ECS object, derived facts included, by the wire table. Fields that the table does
// not know are skipped: they travel on in the bytes.

import { parseAuditRecord } from './audit-record.ts';
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
import type { EcsEvent } from './ecs-event.ts';
import type { FactValue } from './facts.ts';
import { textOfRange } from './text.ts';
import { textOfNs } from './times.ts';
import { triggerOf } from './triggers.ts';
import { MalformedEventError, WireReader } from './wire-reader.ts';
import { EVENT, type WireField, type WireMessage } from './wire-table.ts';

type Plain = { [key: string]: FactValue };

const MAX_DEPTH = 32; // of processes within processes

/** What a scalar's wire type must be; a field of another one is unknown, as protobuf has it. */
export const WIRE_TYPE: Readonly<Record<WireField['kind'], number>> = {
  text: 2,
  string: 2,
  uint32: 0,
  uint64: 0,
  sint32: 0,
  boolean: 0,
  id: 0,
  id64: 0,
  fixedId: 1,
  time: 1,
  hex: 2,
  mode: 0,
  enum: 0,
  kind: 0,
  value: 2,
  message: 2,
};

/** @throws MalformedEventError */
export function decodeEvent(bytes: Uint8Array): EcsEvent {
  const event: Plain = {};
  // Not written as `kind` is read, since the trigger needs the action, too.
  const raw: Plain = {};
  readMessage(bytes, 0, bytes.length, EVENT, event, raw, 0);
  const kind = (raw.kind as number | undefined) ?? 0;
  const meta = plainAt(event, 'event');
  const action = (meta.action as string | undefined) ?? '';
  meta.kind = 'event';
  const category = categoryOf(kind, action);
  if (category !== undefined) meta.category = category;
  const log = typeof event.message === 'string' ? parseAuditRecord(event.message) : undefined;
  if (log !== undefined) event.auditd = { log };
  const { picket: _last, ...rest } = event;
  const picket = { trigger: triggerOf(kind, action), ...(event.picket as Plain | undefined) };
  return { event: meta, ...rest, picket } as EcsEvent;
}

function readMessage(
  bytes: Uint8Array,
  start: number,
  end: number,
  message: WireMessage,
  target: Plain,
  raw: Plain,
  depth: number,
): void {
  if (depth > MAX_DEPTH) throw new MalformedEventError('nested too deep', start);
  const reader = new WireReader().over(bytes, start, end);
  const payloads = new Map<WireField, Uint8Array>();
  for (let key = reader.key(); key !== 0; key = reader.key()) {
    const field = message.byNumber[key >>> 3];
    if (field === undefined || WIRE_TYPE[field.kind] !== (key & 7)) {
      reader.skip(key);
      continue;
    }
    if (field.kind === 'value' || (field.message !== undefined && !field.repeated)) {
      const length = reader.length();
      const from = reader.position;
      reader.position += length;
      const before = payloads.get(field);
      payloads.set(
        field,
        before === undefined ? bytes.subarray(from, from + length) : joined(before, bytes, from, length),
      );
    } else if (field.message !== undefined) {
      const length = reader.length();
      const item: Plain = {};
      readMessage(bytes, reader.position, reader.position + length, field.message, item, {}, depth + 1);
      append(target, field.path, item);
      reader.position += length;
    } else if (field.kind === 'kind') {
      raw.kind = reader.varint32() | 0;
    } else {
      const value = readScalar(reader, field, field.presence === 'explicit' || field.repeated);
      if (field.repeated) append(target, field.path, value);
      else place(target, field.path, value, raw, field);
    }
  }
  for (const [field, payload] of payloads) {
    if (field.message === undefined) {
      const value = decodeValue(payload, 0, payload.length);
      if (value !== undefined) place(target, field.path, value, raw, field);
    } else {
      const inner: Plain = {};
      readMessage(payload, 0, payload.length, field.message, inner, {}, depth + 1);
      place(target, field.path, inner, raw, field);
    }
  }
  finish(message, target, raw);
}

/** Fills in zeros that are values, and what is derived. */
function finish(message: WireMessage, target: Plain, raw: Plain): void {
  for (const field of message.fields) {
    if (field.presence === 'nonzero' || field.presence === 'explicit') continue;
    if (field.presence !== 'always') {
      const other = message.byNumber[field.presence.with];
      const isPresent =
        other?.kind === 'mode'
          ? raw.mode !== undefined
          : other !== undefined && target[other.path[0] as string] !== undefined;
      if (!isPresent) continue;
    }
    const object = field.path.length > 1 ? plainAt(target, field.path[0] as string) : target;
    object[field.path.at(-1) as string] ??= zeroOf(field);
  }
  if (message.name === 'Process') {
    define(
      target,
      'name',
      processName(target.executable as string | undefined, target.name as string | undefined),
    );
    define(target, 'command_line', commandLine(target.args as readonly string[] | undefined));
  } else if (message.name === 'File') {
    const path = target.path as string | undefined;
    if (path !== undefined) {
      define(target, 'name', processName(path, undefined));
      define(target, 'extension', extensionOf(path));
      define(target, 'directory', directoryName(path));
    }
    if (raw.mode !== undefined) {
      define(target, 'mode', modeText(raw.mode as number));
      define(target, 'type', fileType(raw.mode as number));
    }
  }
}

/** The zero that stands for itself. */
export function zeroOf(field: WireField): FactValue {
  if (field.kind === 'boolean') return false;
  return field.kind === 'id' || field.kind === 'id64' ? '0' : 0;
}

/** Reads one scalar; undefined: a zero that means missing. The reader stands at its value, lengths included. */
export function readScalar(reader: WireReader, field: WireField, evenZero: boolean): FactValue {
  switch (field.kind) {
    case 'text':
    case 'string': {
      const length = reader.length();
      const from = reader.position;
      reader.position += length;
      return length === 0 && !evenZero ? undefined : textOfRange(reader.bytes, from, from + length);
    }
    case 'hex': {
      const length = reader.length();
      const from = reader.position;
      reader.position += length;
      return length === 0 ? undefined : Buffer.prototype.hexSlice.call(reader.bytes, from, from + length);
    }
    case 'boolean':
      return reader.boolean() ? true : undefined;
    case 'uint32':
    case 'mode': {
      const value = reader.varint32();
      return value === 0 && !evenZero ? undefined : value;
    }
    case 'id': {
      const value = reader.varint32();
      return value === 0 && !evenZero ? undefined : String(value);
    }
    case 'uint64': {
      const value = reader.unsigned();
      return value === 0 && !evenZero ? undefined : value;
    }
    case 'id64': {
      const value = reader.unsigned();
      return value === 0 && !evenZero ? undefined : String(value);
    }
    case 'sint32': {
      const value = reader.varint32();
      return ((value >>> 1) ^ -(value & 1)) | 0;
    }
    case 'enum': {
      const value = reader.varint32();
      return value === 0 ? undefined : (field.names[value] ?? String(value));
    }
    case 'time': {
      const ns = reader.fixed64();
      return ns === 0n ? undefined : textOfNs(ns);
    }
    case 'fixedId': {
      const id = reader.fixed64();
      return id === 0n ? undefined : id.toString(16).padStart(16, '0');
    }
    default:
      return undefined;
  }
}

/** The last value wins, and a zero that means missing takes an earlier one away. */
function place(target: Plain, path: readonly string[], value: FactValue, raw: Plain, field: WireField): void {
  if (field.kind === 'mode') {
    raw.mode = value;
    return;
  }
  if (value === undefined) {
    const object = path.length === 1 ? target : innermost(target, path, false);
    if (object !== undefined) delete object[path.at(-1) as string];
    return;
  }
  const object = path.length === 1 ? target : innermost(target, path, true);
  if (object !== undefined) object[path.at(-1) as string] = value;
}

function append(target: Plain, path: readonly string[], value: FactValue): void {
  const object = path.length === 1 ? target : innermost(target, path, true);
  const key = path.at(-1) as string;
  if (object === undefined) return;
  if (object[key] === undefined) object[key] = [value];
  else (object[key] as FactValue[]).push(value);
}

function innermost(target: Plain, path: readonly string[], make: boolean): Plain | undefined {
  let object = target;
  for (let i = 0; i < path.length - 1; i++) {
    const key = path[i] as string;
    if (object[key] === undefined && !make) return undefined;
    object = plainAt(object, key);
  }
  return object;
}

function plainAt(object: Plain, key: string): Plain {
  const found = object[key];
  if (found !== undefined) return found as Plain;
  const made: Plain = {};
  object[key] = made;
  return made;
}

function define(target: Plain, key: string, value: FactValue): void {
  if (value === undefined) delete target[key];
  else target[key] = value;
}
