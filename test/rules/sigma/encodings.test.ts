import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { base64AtEachOffset, utf16, utf16be, utf16le } from '../../../src/rules/sigma/encodings.ts';
import { parseTextPattern, plainText } from '../../../src/rules/sigma/text-pattern.ts';
import { MAX_DASHES, withEachDash } from '../../../src/rules/sigma/windows-dash.ts';

const bytes = fc.uint8Array({ maxLength: 12 });

describe('base64 somewhere in a text', () => {
  test('is found whatever stands before and after, by one of three forms', () => {
    const needle = fc.oneof(fc.string({ minLength: 3 }), fc.string({ unit: 'grapheme', minLength: 3 }));
    fc.assert(
      fc.property(needle, bytes, bytes, (text, before, after) => {
        const value = Buffer.from(text);
        const whole = Buffer.concat([before, value, after]).toString('base64');
        const forms = base64AtEachOffset(value);
        expect(forms).toHaveLength(3);
        expect(forms.some((form) => whole.includes(form))).toBe(true);
        // And by the form for its own offset.
        expect(whole).toContain(forms[before.length % 3]);
      }),
      { numRuns: 2_000 },
    );
  });

  test('keeps as many characters as depend on the value alone', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 20 }), (value) => {
        for (const [offset, form] of base64AtEachOffset(value).entries()) {
          // The first and last character that mix in bits of a neighbour are left out, no others.
          const bits = value.length * 8;
          const skipped = [0, 4, 2][offset] ?? 0;
          expect(form.length).toBe(Math.floor((bits - skipped) / 6));
        }
      }),
    );
  });

  test('is as pySigma has it', () => {
    expect(base64AtEachOffset(Buffer.from('foobar'))).toEqual(['Zm9vYmFy', 'Zvb2Jhc', 'mb29iYX']);
    expect(base64AtEachOffset(Buffer.from('http'))).toEqual(['aHR0c', 'h0dH', 'odHRw']);
  });
});

describe('UTF-16', () => {
  test('has the byte orders that its names say', () => {
    expect(Buffer.from(utf16le('cmd')).toString('hex')).toBe('63006d006400');
    expect(Buffer.from(utf16be('cmd')).toString('hex')).toBe('0063006d0064');
    expect(Buffer.from(utf16('cmd')).toString('hex')).toBe('fffe63006d006400');
  });

  test('leaves the text as it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(new TextDecoder('utf-16le').decode(utf16le(text))).toBe(text.replace(/^\ufeff/, ''));
        expect(new TextDecoder('utf-16be').decode(utf16be(text))).toBe(text.replace(/^\ufeff/, ''));
      }),
    );
  });
});

describe('windash', () => {
  const DASHES = ['-', '/', '–', '—', '―'];
  const forms = (text: string): string[] => (withEachDash(parseTextPattern(text)) ?? []).map(plainText);

  test('makes every permutation of the dashes that begin options', () => {
    const options = fc.array(fc.tuple(fc.constantFrom(...DASHES), fc.stringMatching(/^[a-z]{1,4}$/)), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(options, (parts) => {
        const text = parts.map(([dash, word]) => ` ${dash}${word}`).join('');
        let expected = [''];
        for (const [, word] of parts) {
          expected = expected.flatMap((start) => DASHES.map((dash) => `${start} ${dash}${word}`));
        }
        const made = forms(text);
        expect(new Set(made)).toEqual(new Set(expected));
        expect(made).toHaveLength(5 ** parts.length);
      }),
    );
  });

  test('leaves dashes within words, before spaces and after words', () => {
    expect(forms('some-word a- - x')).toEqual(['some-word a- - x']);
    expect(forms('-some-option')).toEqual(DASHES.map((dash) => `${dash}some-option`));
    expect(forms('a/b c:/d')).toHaveLength(5);
  });

  test('takes a wildcard for the border of a word', () => {
    expect(withEachDash(parseTextPattern('*-foo*'))).toHaveLength(5);
    expect(withEachDash(parseTextPattern('-*'))).toHaveLength(1);
  });

  test('gives up where it would make too many', () => {
    expect(withEachDash([' -a'.repeat(MAX_DASHES)])).toHaveLength(5 ** MAX_DASHES);
    expect(withEachDash([' -a'.repeat(MAX_DASHES + 1)])).toBeUndefined();
  });
});
