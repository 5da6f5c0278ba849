// Writes picket.v1.Value: JSON without its losses, for what ECS has no name for.
import { MAX_VALUE_NESTING } from './decode-value.ts';
import type { FactValue } from './facts.ts';
import { WIRE, type WireWriter } from './wire-writer.ts';

/** More nested than every decoder takes. */
export class NestedTooDeepError extends Error {
  override readonly name = 'NestedTooDeepError';

  constructor() {
    super(
      `a value is nested more than ${MAX_VALUE_NESTING} levels deep; other decoders would refuse the event`,
    );
  }
}

const MAX_SIGNED = (1n << 63n) - 1n;
const MAX_UNSIGNED = (1n << 64n) - 1n;

/** Writes length and message. An integer beyond 64 bits is written as the text of its digits. */
export function encodeValue(writer: WireWriter, value: FactValue, depth = 0): void {
  if (depth > MAX_VALUE_NESTING) throw new NestedTooDeepError();
  const start = writer.begin();
  switch (typeof value) {
    case 'string':
      writer.tag(6, WIRE.bytes);
      writer.text(value);
      break;
    case 'number':
      if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
        writer.tag(3, WIRE.varint);
        writer.zigzag(value);
      } else {
        writer.tag(5, WIRE.fixed64);
        writer.double(value);
      }
      break;
    case 'boolean':
      writer.tag(2, WIRE.varint);
      writer.varint(value ? 1 : 0);
      break;
    case 'bigint':
      encodeBigint(writer, value);
      break;
    default:
      if (value === null || value === undefined) {
        writer.tag(1, WIRE.varint);
        writer.varint(1);
      } else {
        encodeNested(writer, value as readonly FactValue[] | { readonly [key: string]: FactValue }, depth);
      }
  }
  writer.end(start);
}

function encodeBigint(writer: WireWriter, value: bigint): void {
  if (value > MAX_UNSIGNED || value < -MAX_SIGNED - 1n) {
    writer.tag(6, WIRE.bytes);
    writer.text(String(value));
  } else if (value > MAX_SIGNED) {
    writer.tag(4, WIRE.varint);
    writer.varint64(value);
  } else {
    writer.tag(3, WIRE.varint);
    writer.zigzag(value);
  }
}

function encodeNested(
  writer: WireWriter,
  value: readonly FactValue[] | { readonly [key: string]: FactValue },
  depth: number,
): void {
  const isList = Array.isArray(value);
  writer.tag(isList ? 7 : 8, WIRE.bytes);
  const body = writer.begin();
  if (isList) {
    for (const each of value) {
      writer.tag(1, WIRE.bytes);
      encodeValue(writer, each, depth + 1);
    }
  } else {
    const map = value as { readonly [key: string]: FactValue };
    for (const key of Object.keys(map)) {
      const member = map[key];
      if (member === undefined || writeShortMember(writer, key, member)) continue;
      writer.tag(1, WIRE.bytes);
      const field = writer.begin();
      writer.tag(1, WIRE.bytes);
      writer.text(key);
      writer.tag(2, WIRE.bytes);
      encodeValue(writer, member, depth + 1);
      writer.end(field);
    }
  }
  writer.end(body);
}

function writeShortMember(writer: WireWriter, key: string, value: FactValue): boolean {
  switch (typeof value) {
    case 'string':
      return writer.textMember(key, value);
    case 'number':
      return (
        Number.isInteger(value) &&
        value > 0 &&
        value < 0x3fffffff &&
        writer.varintMember(key, 3 * 8, value * 2)
      );
    case 'boolean':
      return writer.varintMember(key, 2 * 8, value ? 1 : 0);
    default:
      return value === null && writer.varintMember(key, 1 * 8, 1);
  }
}
