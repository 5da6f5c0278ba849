// picket.v1.Value: JSON without its losses, for what ECS has no name for. Read whole, or one path of it.
import type { FactValue } from './facts.ts';
import { textOfRange } from './text.ts';
import { MalformedEventError, WireReader } from './wire-reader.ts';
import { WIRE, type WireWriter } from './wire-writer.ts';

/** Of JSON: each level is up to three messages, and decoders in other languages stop at 100 of those. */
const MAX_VALUE_NESTING = 30;

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

/** Decodes the Value in `bytes[start, end)`; undefined: none of its kinds is set. */
export function decodeValue(bytes: Uint8Array, start: number, end: number, depth = 0): FactValue {
  if (depth > MAX_VALUE_NESTING) throw new MalformedEventError('nested too deep', start);
  const reader = new WireReader().over(bytes, start, end);
  let value: FactValue;
  let nested = 0; // 7 or 8 while the last member set is that one: its repetitions merge
  for (let key = reader.key(); key !== 0; key = reader.key()) {
    switch (key) {
      case 1 * 8:
        reader.varint32();
        value = null;
        break;
      case 2 * 8:
        value = reader.boolean();
        break;
      case 3 * 8:
        value = reader.signed();
        break;
      case 4 * 8:
        value = reader.unsigned();
        break;
      case 5 * 8 + 1:
        value = reader.double();
        break;
      case 6 * 8 + 2: {
        const length = reader.length();
        value = textOfRange(bytes, reader.position, reader.position + length);
        reader.position += length;
        break;
      }
      case 7 * 8 + 2: {
        const length = reader.length();
        const list: FactValue[] = nested === 7 ? (value as FactValue[]) : [];
        decodeList(bytes, reader.position, reader.position + length, list, depth);
        value = list;
        reader.position += length;
        break;
      }
      case 8 * 8 + 2: {
        const length = reader.length();
        const map: { [key: string]: FactValue } = nested === 8 ? (value as { [key: string]: FactValue }) : {};
        decodeMap(bytes, reader.position, reader.position + length, map, depth);
        value = map;
        reader.position += length;
        break;
      }
      default:
        reader.skip(key);
        continue;
    }
    nested = key >>> 3;
  }
  return value;
}

function decodeList(bytes: Uint8Array, start: number, end: number, list: FactValue[], depth: number): void {
  const reader = new WireReader().over(bytes, start, end);
  for (let key = reader.key(); key !== 0; key = reader.key()) {
    if (key !== 1 * 8 + 2) {
      reader.skip(key);
      continue;
    }
    const length = reader.length();
    list.push(decodeValue(bytes, reader.position, reader.position + length, depth + 1));
    reader.position += length;
  }
}

function decodeMap(
  bytes: Uint8Array,
  start: number,
  end: number,
  map: { [key: string]: FactValue },
  depth: number,
): void {
  const reader = new WireReader().over(bytes, start, end);
  for (let key = reader.key(); key !== 0; key = reader.key()) {
    if (key !== 1 * 8 + 2) {
      reader.skip(key);
      continue;
    }
    const length = reader.length();
    decodeField(bytes, reader.position, reader.position + length, map, depth);
    reader.position += length;
  }
}

function decodeField(
  bytes: Uint8Array,
  start: number,
  end: number,
  map: { [key: string]: FactValue },
  depth: number,
): void {
  const reader = new WireReader().over(bytes, start, end);
  let name = '';
  let source = bytes;
  let from = -1;
  let to = -1;
  for (let key = reader.key(); key !== 0; key = reader.key()) {
    if (key !== 1 * 8 + 2 && key !== 2 * 8 + 2) {
      reader.skip(key);
      continue;
    }
    const length = reader.length();
    const at = reader.position;
    reader.position += length;
    if (key === 1 * 8 + 2) {
      name = keyOfRange(bytes, at, at + length);
    } else if (from < 0) {
      from = at;
      to = at + length;
    } else {
      source = joined(source.subarray(from, to), bytes, at, length);
      from = 0;
      to = source.length;
    }
  }
  const value = from < 0 ? undefined : decodeValue(source, from, to, depth + 1);
  // Defined, not assigned: a key named __proto__ is data like any other.
  if (name === '__proto__')
    Object.defineProperty(map, name, { value, enumerable: true, configurable: true, writable: true });
  else map[name] = value;
}

// Keys are few and come again and again; making each anew would be half of the work.
const knownKeys: ({ readonly bytes: Uint8Array; readonly text: string } | undefined)[] = [];
const KNOWN_KEYS = 1024; // a power of two

function keyOfRange(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  if (length === 0 || length > 40) return textOfRange(bytes, start, end);
  let hash = length;
  for (let i = start; i < end; i++) hash = (hash * 31 + (bytes[i] as number)) | 0;
  const slot = hash & (KNOWN_KEYS - 1);
  const known = knownKeys[slot];
  if (known !== undefined && isEqual(bytes, start, length, known.bytes)) return known.text;
  const text = textOfRange(bytes, start, end);
  knownKeys[slot] = { bytes: bytes.slice(start, end), text };
  return text;
}

/** Payloads of one message one after another are the merged message. */
export function joined(first: Uint8Array, bytes: Uint8Array, from: number, length: number): Uint8Array {
  const all = new Uint8Array(first.length + length);
  all.set(first);
  all.set(bytes.subarray(from, from + length), first.length);
  return all;
}

/** One path of a Value, without decoding what stands beside it. Lists are values, not steps of a path. */
export function valueAt(
  bytes: Uint8Array,
  start: number,
  end: number,
  keys: readonly Uint8Array[],
): FactValue {
  let from = start;
  let to = end;
  for (let i = 0; i < keys.length; i++) {
    const map = soleMap(bytes, from, to);
    if (map === 'several') return walk(decodeValue(bytes, from, to, i), keys, i);
    if (map === 'none') return undefined;
    const found = findKey(bytes, keys[i] as Uint8Array);
    if (found === 'several') return walk(decodeValue(bytes, from, to, i), keys, i);
    if (found === 'none') return undefined;
    from = rangeStart;
    to = rangeEnd;
  }
  return decodeValue(bytes, from, to, keys.length);
}

type Found = 'one' | 'none' | 'several';

let rangeStart = 0;
let rangeEnd = 0;
const outer = new WireReader();
const inner = new WireReader();

/** The range of a Value's map, when it says that it is one, and once. */
function soleMap(bytes: Uint8Array, start: number, end: number): Found {
  outer.over(bytes, start, end);
  let found: Found = 'none';
  for (let key = outer.key(); key !== 0; key = outer.key()) {
    if (key !== 8 * 8 + 2) {
      outer.skip(key);
      if (key >>> 3 < 8) found = found === 'none' ? 'none' : 'several';
      continue;
    }
    const length = outer.length();
    rangeStart = outer.position;
    rangeEnd = rangeStart + length;
    outer.position = rangeEnd;
    found = found === 'none' ? 'one' : 'several';
  }
  return found;
}

/** The range of the value that a map has last for a key, searched in the range that soleMap found. */
function findKey(bytes: Uint8Array, name: Uint8Array): Found {
  outer.over(bytes, rangeStart, rangeEnd);
  let found: Found = 'none';
  for (let key = outer.key(); key !== 0; key = outer.key()) {
    if (key !== 1 * 8 + 2) {
      outer.skip(key);
      continue;
    }
    const length = outer.length();
    const fieldStart = outer.position;
    outer.position += length;
    inner.over(bytes, fieldStart, outer.position);
    let names = 0;
    let values = 0;
    let isMatch = name.length === 0;
    let valueStart = 0;
    let valueEnd = 0;
    for (let member = inner.key(); member !== 0; member = inner.key()) {
      if (member === 1 * 8 + 2) {
        const size = inner.length();
        isMatch = isEqual(bytes, inner.position, size, name);
        inner.position += size;
        names++;
      } else if (member === 2 * 8 + 2) {
        const size = inner.length();
        valueStart = inner.position;
        valueEnd = valueStart + size;
        inner.position = valueEnd;
        values++;
      } else {
        inner.skip(member);
      }
    }
    if (names > 1 || (isMatch && values !== 1)) return 'several';
    if (!isMatch) continue;
    found = 'one';
    rangeStart = valueStart;
    rangeEnd = valueEnd;
  }
  return found;
}

function isEqual(bytes: Uint8Array, at: number, length: number, name: Uint8Array): boolean {
  if (length !== name.length) return false;
  for (let i = 0; i < length; i++) if (bytes[at + i] !== name[i]) return false;
  return true;
}

function walk(value: FactValue, keys: readonly Uint8Array[], from: number): FactValue {
  for (let i = from; i < keys.length; i++) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    const name = textOfRange(keys[i] as Uint8Array, 0, (keys[i] as Uint8Array).length);
    if (!Object.hasOwn(value, name)) return undefined;
    value = (value as { readonly [key: string]: FactValue })[name];
  }
  return value;
}
