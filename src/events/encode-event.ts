// An ECS object as an encoded picket.v1.Event, by the wire table. Derived facts are not written.
import { baseName, modeOf } from './derived-facts.ts';
import type { EcsEvent } from './ecs-event.ts';
import { encodeValue } from './encode-value.ts';
import type { FactValue } from './facts.ts';
import { nsOfText } from './times.ts';
import { actionOfTrigger, kindOfTrigger, type Trigger } from './triggers.ts';
import { EVENT, type WireField, type WireMessage } from './wire-table.ts';
import { WIRE, WireWriter } from './wire-writer.ts';

type Plain = { readonly [key: string]: FactValue };

/** A value that has no place on the wire: a number as a path, a time that is none. */
export class UnencodableEventError extends Error {
  override readonly name = 'UnencodableEventError';
  readonly fact: string;

  constructor(fact: string, value: unknown) {
    super(
      `cannot encode ${fact}: ${String(value)} is no ${fact === '' ? 'event' : 'value that it can have'}`,
    );
    this.fact = fact;
  }
}

const writer = new WireWriter();

/** @throws UnencodableEventError */
export function encodeEvent(event: EcsEvent): Uint8Array {
  writer.reset();
  const trigger = event.picket?.trigger;
  const action = trigger === undefined ? undefined : actionOfTrigger(trigger);
  if (action !== undefined && event.event?.action === undefined) {
    writeMessage({ ...event, event: { ...event.event, action } } as unknown as Plain, EVENT);
  } else {
    writeMessage(event as Plain, EVENT);
  }
  return writer.finish();
}

function writeMessage(object: Plain, message: WireMessage): void {
  for (const field of message.fields) {
    const first = object[field.path[0] as string];
    const value = first === undefined || field.path.length === 1 ? first : valueAt(object, field.path);
    if (value === undefined || value === null) {
      if (field.kind === 'mode') writeMode(field, undefined, object);
      continue;
    }
    if (field.kind === 'mode') writeMode(field, value, object);
    else if (field.number === 21 && field.path[0] === 'name') writeName(field, value, object);
    else if (!field.repeated) writeField(field, value);
    else if (Array.isArray(value)) for (const each of value) writeField(field, each, true);
    else throw new UnencodableEventError(field.path.join('.'), value);
  }
}

function valueAt(object: Plain, path: readonly string[]): FactValue {
  let value: FactValue = object[path[0] as string];
  for (let i = 1; i < path.length; i++) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Plain)[path[i] as string];
  }
  return value;
}

function writeField(field: WireField, value: FactValue, evenZero = field.presence === 'explicit'): void {
  switch (field.kind) {
    case 'text':
    case 'string':
      if (typeof value !== 'string') throw new UnencodableEventError(field.path.join('.'), value);
      if (value === '' && !evenZero) return;
      writer.tag(field.number, WIRE.bytes);
      writer.text(field.kind === 'string' ? value.toWellFormed() : value);
      return;
    case 'boolean':
      if (typeof value !== 'boolean') throw new UnencodableEventError(field.path.join('.'), value);
      if (value) writeVarint(field.number, 1);
      return;
    case 'uint32':
      writeUnsigned(field, value, 0xffffffff, evenZero);
      return;
    case 'uint64':
      writeUnsigned(field, value, 0xffffffffffffffffn, evenZero);
      return;
    case 'id':
      writeUnsigned(field, digits(field, value), 0xffffffff, evenZero);
      return;
    case 'id64':
      writeUnsigned(field, digits(field, value), 0xffffffffffffffffn, evenZero);
      return;
    case 'sint32':
      if (typeof value !== 'number' || (value | 0) !== value)
        throw new UnencodableEventError(field.path.join('.'), value);
      writer.tag(field.number, WIRE.varint);
      writer.zigzag(value);
      return;
    case 'time': {
      const ns = typeof value === 'string' ? nsOfText(value) : undefined;
      if (ns === undefined || ns >= 1n << 64n) throw new UnencodableEventError(field.path.join('.'), value);
      if (ns !== 0n) writeFixed(field.number, ns);
      return;
    }
    case 'fixedId':
      if (typeof value !== 'string' || !/^[0-9a-f]{1,16}$/.test(value)) {
        throw new UnencodableEventError(field.path.join('.'), value);
      }
      writeFixed(field.number, BigInt(`0x${value}`));
      return;
    case 'hex':
      if (typeof value !== 'string' || !/^(?:[0-9a-f]{2})*$/.test(value)) {
        throw new UnencodableEventError(field.path.join('.'), value);
      }
      if (value === '') return;
      writer.tag(field.number, WIRE.bytes);
      writer.bytes(Buffer.from(value, 'hex'));
      return;
    case 'enum': {
      const named = field.names.indexOf(String(value));
      const number = named >= 0 ? named : Number(value);
      writeUnsigned(field, number, 0xffffffff, false);
      return;
    }
    case 'kind':
      writeVarint(field.number, kindOfTrigger(String(value) as Trigger));
      return;
    case 'value':
      writer.tag(field.number, WIRE.bytes);
      encodeValue(writer, value);
      return;
    case 'message': {
      if (typeof value !== 'object' || value === null || field.message === undefined) {
        throw new UnencodableEventError(field.path.join('.'), value);
      }
      writer.tag(field.number, WIRE.bytes);
      const start = writer.begin();
      writeMessage(value as Plain, field.message);
      writer.end(start);
      return;
    }
  }
}

function writeUnsigned(field: WireField, value: FactValue, max: number | bigint, evenZero: boolean): void {
  const isWhole = typeof value === 'bigint' || Number.isSafeInteger(value);
  if (!isWhole || (value as number | bigint) < 0 || (value as number | bigint) > max) {
    throw new UnencodableEventError(field.path.join('.'), value);
  }
  if (!evenZero && Number(value) === 0) return;
  writer.tag(field.number, WIRE.varint);
  if (typeof value === 'bigint') writer.varint64(value);
  else writer.varint(value as number);
}

function digits(field: WireField, value: FactValue): number | bigint {
  if (typeof value !== 'string' || !/^\d{1,20}$/.test(value))
    throw new UnencodableEventError(field.path.join('.'), value);
  return value.length < 16 ? Number(value) : BigInt(value);
}

function writeVarint(number: number, value: number): void {
  writer.tag(number, WIRE.varint);
  writer.varint(value);
}

function writeFixed(number: number, value: bigint): void {
  writer.tag(number, WIRE.fixed64);
  writer.fixed64(value);
}

/** st_mode is one number on the wire and two facts in ECS. */
function writeMode(field: WireField, mode: FactValue, file: Plain): void {
  const bits = modeOf(mode, file.type);
  if (bits !== 0) writeVarint(field.number, bits);
}

/** Only a name that the executable does not give already. */
function writeName(field: WireField, name: FactValue, process: Plain): void {
  const { executable } = process;
  if (typeof executable === 'string' && baseName(executable) === name) return;
  writeField(field, name);
}
