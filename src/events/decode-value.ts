// Reads picket.v1.Value: JSON without its losses, for what ECS has no name for.
import type { FactValue } from './facts.ts';
import { textOfRange } from './text.ts';
import { MalformedEventError, WireReader } from './wire-reader.ts';

/** Of JSON: each level is up to three messages, and decoders in other languages stop at 100 of those. */
export const MAX_VALUE_NESTING = 30;

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

/** Whether `bytes` has `name` at a position. */
export function isEqual(bytes: Uint8Array, at: number, length: number, name: Uint8Array): boolean {
  if (length !== name.length) return false;
  for (let i = 0; i < length; i++) if (bytes[at + i] !== name[i]) return false;
  return true;
}
