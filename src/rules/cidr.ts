// Networks in CIDR notation, IPv4 and IPv6, compared on numbers. IPv4-mapped IPv6 addresses count as their IPv4 form,
// for kernels report either.

import { isIPv4, isIPv6 } from 'node:net';

interface Network {
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
  const words = parseAddress(address);
  if (words === undefined || (words.length === 8) !== network.isV6) return false;
  let left = network.bits;
  for (let i = 0; left > 0; i++, left -= 16) {
    const shift = left >= 16 ? 0 : 16 - left;
    if ((words[i] ?? 0) >> shift !== (network.words[i] ?? 0) >> shift) return false;
  }
  return true;
}

/** 16-bit words: two for IPv4, eight for IPv6. */
function parseAddress(text: string): number[] | undefined {
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
