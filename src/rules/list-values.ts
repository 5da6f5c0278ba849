// What a named list may hold, by its type, and the form in which events have such values: a hash in capitals would
// never be met otherwise.

import { parseNetwork } from './cidr.ts';
import type { Scalar } from './conditions.ts';
import type { ListType } from './schema.ts';

interface TypeOfValue {
  readonly expected: string;
  /** The value as events have it; undefined: it is none of this type. */
  parse(text: string): Scalar | undefined;
}

const hex =
  (digits: number) =>
  (text: string): string | undefined =>
    text.length === digits && /^[0-9a-fA-F]+$/.test(text) ? text.toLowerCase() : undefined;

export const VALUE_TYPES: Readonly<Record<ListType, TypeOfValue>> = {
  text: { expected: 'text', parse: (text) => text },
  number: {
    expected: 'a whole number',
    parse: (text) =>
      /^-?\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined,
  },
  path: {
    expected: 'an absolute path, such as /usr/bin/true',
    parse: (text) => (text.startsWith('/') ? text : undefined),
  },
  domain: {
    expected: 'the name of a host, such as example.org',
    parse: (text) => (DOMAIN.test(text) ? text.toLowerCase().replace(/\.$/, '') : undefined),
  },
  cidr: {
    expected: 'CIDR notation or an address, such as 10.0.0.0/8 or 2001:db8::1',
    parse: (text) => (parseNetwork(text) === undefined ? undefined : text),
  },
  sha256: { expected: '64 hexadecimal digits', parse: hex(64) },
  cdhash: { expected: '40 hexadecimal digits', parse: hex(40) },
};

const DOMAIN =
  /^(?=.{1,254}$)[\p{L}\p{N}_](?:[\p{L}\p{N}_-]*[\p{L}\p{N}_])?(?:\.[\p{L}\p{N}_](?:[\p{L}\p{N}_-]*[\p{L}\p{N}_])?)*\.?$/u;
