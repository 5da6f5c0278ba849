import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesOfText, displayText, textOfBytes, textOfRange } from '../../src/events/text.ts';

/** Bytes that are often nearly UTF-8: pieces of it, cut and mixed. */
const nearlyUtf8 = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 4 }).map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
      fc
        .constantFrom('c0af', 'eda080', 'edb280', 'f4908080', 'f8888080', 'e282', 'ff')
        .map((hex) => Buffer.from(hex, 'hex')),
    ),
    { maxLength: 8 },
  )
  .map((parts) => new Uint8Array(Buffer.concat(parts)));

describe('text of bytes', () => {
  it('comes back as the same bytes, whatever they are', () => {
    fc.assert(
      fc.property(nearlyUtf8, (bytes) => {
        expect([...bytesOfText(textOfBytes(bytes))]).toEqual([...bytes]);
      }),
      { numRuns: 1000 },
    );
  });

  it('is the text itself where the bytes are UTF-8', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        fc.pre(text.isWellFormed());
        expect(textOfBytes(Buffer.from(text))).toBe(text);
        expect(Buffer.from(bytesOfText(text)).toString()).toBe(text);
      }),
    );
  });

  it('escapes each byte that is no part of UTF-8 as PEP 383 does', () => {
    expect(textOfBytes(Buffer.from('2f66ff6f', 'hex'))).toBe('/f\udcffo');
    // Python: b'\xed\xa0\x80\xc0\xaf\xe2\x82'.decode(errors='surrogateescape')
    expect(textOfBytes(Buffer.from('eda080c0afe282', 'hex'))).toBe(
      '\udced\udca0\udc80\udcc0\udcaf\udce2\udc82',
    );
  });

  it('of a range needs nothing around it', () => {
    fc.assert(
      fc.property(nearlyUtf8, nearlyUtf8, nearlyUtf8, (before, bytes, after) => {
        const all = Buffer.concat([before, bytes, after]);
        expect(textOfRange(all, before.length, before.length + bytes.length)).toBe(textOfBytes(bytes));
      }),
    );
  });

  it('is shown without control characters, bidirectional marks or escaped bytes', () => {
    expect(displayText('a\u001b[31m\n\u202eb\udcff😀ü')).toBe('a\\x1b[31m\\x0a\\u202eb\\xff😀ü');
    fc.assert(
      fc.property(nearlyUtf8, (bytes) => {
        const shown = displayText(textOfBytes(bytes));
        expect(shown).not.toMatch(/\p{Cc}/u);
        expect(shown.isWellFormed()).toBe(true);
      }),
    );
  });
});
