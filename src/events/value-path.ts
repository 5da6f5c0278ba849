// Reads one path of a picket.v1.Value in place: a rule asks for a leaf of `es`, and the rest is not decoded for it.
import { decodeValue, isEqual } from './decode-value.ts';
import type { FactValue } from './facts.ts';
import { textOfRange } from './text.ts';
import { WireReader } from './wire-reader.ts';

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

function walk(value: FactValue, keys: readonly Uint8Array[], from: number): FactValue {
  for (let i = from; i < keys.length; i++) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    const name = textOfRange(keys[i] as Uint8Array, 0, (keys[i] as Uint8Array).length);
    if (!Object.hasOwn(value, name)) return undefined;
    value = (value as { readonly [key: string]: FactValue })[name];
  }
  return value;
}
