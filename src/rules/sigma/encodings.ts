// What a text becomes in base64, alone or somewhere inside a longer one, and in UTF-16.

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

// A text that begins `offset` bytes into a group of three shares its first characters with what stands before it, and
// its last ones with what follows: how many, depends on where it begins and where it ends. Counted in bytes.
const CUT_FROM = [0, 2, 3];
const CUT_TO = [undefined, -3, -2];

/** The three forms of which one stands in the base64 of any text that has these bytes in it. */
export function base64AtEachOffset(bytes: Uint8Array): readonly string[] {
  return [0, 1, 2].map((offset) =>
    base64(Buffer.concat([Buffer.alloc(offset, 0x20), bytes])).slice(
      CUT_FROM[offset],
      CUT_TO[(bytes.length + offset) % 3],
    ),
  );
}

export function utf16le(text: string): Uint8Array {
  return Buffer.from(text, 'utf16le');
}

export function utf16be(text: string): Uint8Array {
  return Buffer.from(text, 'utf16le').swap16();
}

/** Little-endian after a byte order mark. */
export function utf16(text: string): Uint8Array {
  return Buffer.concat([Uint8Array.of(0xff, 0xfe), utf16le(text)]);
}
