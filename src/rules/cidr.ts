// Networks in CIDR notation, IPv4 and IPv6, compared on numbers. IPv4-mapped IPv6 addresses count as their IPv4 form,
// for kernels report either.

import { isIPv4, isIPv6 } from 'node:net';

export interface Network {
  readonly words: readonly number[];
  readonly bits: number;
  readonly isV6: boolean;
}

/** `10.0.0.0/8`, `fe80::/10`, or a single address; undefined when it is neither. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  const words = parseAddress(address);
  if (words === undefined) return undefined;
  const isV6 = words.length === 8;
  if (slash < 0) return { words, bits: words.length * 16, isV6 };
  const length = text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(length)) return undefined;
  // `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
  const bits = Number(length) - (!isV6 && address.includes(':') ? 96 : 0);
  return bits < 0 || bits > words.length * 16 ? undefined : { words, bits, isV6 };
}

export function isInNetwork(address: string, network: Network): boolean {
  const length = readAddress(address, scratch);
  if (length === 0 || (length !== V4_WORDS) !== network.isV6) return false;
  let left = network.bits;
  for (let i = 0; left > 0; i++, left -= 16) {
    const shift = left >= 16 ? 0 : 16 - left;
    if ((scratch[i] ?? 0) >> shift !== (network.words[i] ?? 0) >> shift) return false;
  }
  return true;
}

export const V4_WORDS = 2;
const scratch = new Uint16Array(8);

/** Writes an address's 16-bit words; returns how many: two of IPv4, eight of IPv6, 0 if it is none. */
export function readAddress(text: string, into: Uint16Array): number {
  // As almost every address is written; without an allocation.
  const plain = text.includes(':') ? readPlainV6(text, into) : readV4(text, into);
  if (plain !== undefined) return plain;
  const words = parseAddress(text);
  if (words === undefined) return 0;
  into.set(words);
  return words.length;
}

function readV4(text: string, into: Uint16Array): number {
  let part = 0;
  let value = -1;
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : DOT;
    if (code === DOT) {
      if (value < 0 || part > 3) return 0;
      if ((part & 1) === 0) into[part >> 1] = value << 8;
      else into[part >> 1] = (into[part >> 1] as number) | value;
      part++;
      value = -1;
    } else {
      const digit = code - ZERO;
      // 010 is refused: it is 8 to some and 10 to others.
      if (digit < 0 || digit > 9 || value === 0) return 0;
      value = value < 0 ? digit : value * 10 + digit;
      if (value > 255) return 0;
    }
  }
  return part === 4 ? V4_WORDS : 0;
}

const DOT = 46;
const ZERO = 48;
const COLON = 58;

/** undefined: not only groups of digits; a zone, or an IPv4 address at its end. */
function readPlainV6(text: string, into: Uint16Array): number | undefined {
  let count = 0;
  let gap = -1;
  let digits = 0;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code !== COLON) {
      const digit = hexDigit(code);
      if (digit < 0) return undefined;
      if (++digits > 4 || count === 8) return 0;
      value = value * 16 + digit;
      continue;
    }
    if (digits > 0) {
      into[count++] = value;
      digits = 0;
      value = 0;
      // One colon at the end ends no group.
      if (i === text.length - 1) return 0;
      if (text.charCodeAt(i + 1) !== COLON) continue;
      i++;
    } else if (i > 0 || text.charCodeAt(++i) !== COLON) return 0;
    if (gap >= 0) return 0;
    gap = count;
  }
  if (digits > 0) into[count++] = value;
  if (gap < 0 ? count !== 8 : count > 7) return 0;
  if (gap >= 0) {
    const moved = count - gap;
    into.copyWithin(8 - moved, gap, count);
    into.fill(0, gap, 8 - moved);
  }
  if (into[5] !== 0xffff) return 8;
  for (let i = 0; i < 5; i++) if (into[i] !== 0) return 8;
  into.copyWithin(0, 6, 8);
  return V4_WORDS;
}

function hexDigit(code: number): number {
  const digit = code - ZERO;
  if (digit >= 0 && digit <= 9) return digit;
  const letter = (code | 32) - 97;
  return letter >= 0 && letter < 6 ? letter + 10 : -1;
}

/** Any address that Node knows as one: 16-bit words, two for IPv4, eight for IPv6. */
export function parseAddress(text: string): number[] | undefined {
  if (isIPv4(text)) return wordsOfV4(text);
  if (!isIPv6(text)) return undefined;
  const zone = text.indexOf('%');
  const bare = zone < 0 ? text : text.slice(0, zone);
  const dotted = bare.includes('.') ? bare.slice(bare.lastIndexOf(':') + 1) : '';
  const head = dotted === '' ? bare : bare.slice(0, -dotted.length);
  const [front = '', back] = head.split('::');
  const tail = dotted === '' ? [] : wordsOfV4(dotted);
  const before = wordsOfGroups(front);
  const after = [...wordsOfGroups(back ?? ''), ...tail];
  const words = back === undefined ? [...before, ...tail] : pad(before, after);
  const isMapped = words[5] === 0xffff && words.slice(0, 5).every((word) => word === 0);
  return isMapped ? words.slice(6) : words;
}

function wordsOfV4(text: string): number[] {
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number);
  return [a * 256 + b, c * 256 + d];
}

function wordsOfGroups(text: string): number[] {
  return text
    .split(':')
    .filter((group) => group !== '')
    .map((group) => Number.parseInt(group, 16));
}

function pad(before: readonly number[], after: readonly number[]): number[] {
  return [...before, ...new Array<number>(Math.max(0, 8 - before.length - after.length)).fill(0), ...after];
}
