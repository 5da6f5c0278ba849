// Random regular expressions of RE2's syntax, and texts that they match more often than chance would have it.

import fc from 'fast-check';

const literal = fc.constantFrom(
  'a',
  'b',
  'ab',
  'K',
  's',
  '/',
  '\\.',
  '\\-',
  '-',
  ']',
  '}',
  '{',
  ',',
  'ß',
  'é',
  'σ',
  '😀',
  ' ',
  '_',
);
const escaped = fc.constantFrom(
  '\\d',
  '\\W',
  '\\s',
  '\\x61',
  '\\x{41}',
  '\\n',
  '\\pL',
  '\\p{Greek}',
  '\\PN',
  '\\Qa.b\\E',
  '\\Q[\\E',
  '\\Qs',
  '\\b',
  '\\B',
  '\\A',
  '\\z',
  '\\101',
  '\\_',
  '\\|',
);
const klass = fc
  .tuple(
    fc.constantFrom('', '', '', '^'),
    fc.constantFrom('', '', ']', '-'),
    fc.array(
      fc.constantFrom(
        'a',
        'b',
        'K',
        'k',
        's',
        'a-c',
        'A-Z',
        '.-9',
        '\\.-\\x39',
        's-\\x{17f}',
        '\\x{212a}',
        '\\W',
        '\\s',
        '\\d',
        '\\]',
        '\\-',
        '.',
        '[:alpha:]',
        '[',
        '\\x61',
        '\\pL',
        '/',
      ),
      {
        minLength: 1,
        maxLength: 4,
      },
    ),
    fc.constantFrom('', '', '-'),
  )
  .map(([negated, first, items, last]) => `[${negated}${first}${items.join('')}${last}]`);

const quantifier = fc.constantFrom(
  '*',
  '+',
  '?',
  '{0,}',
  '{2}',
  '{1,2}',
  '{0,1}',
  '{,2}',
  '{01}',
  '*?',
  '+?',
  '{2}?',
  '{',
);
const open = fc.constantFrom(
  '(',
  '(',
  '(?:',
  '(?i:',
  '(?-i:',
  '(?s:',
  '(?m:',
  '(?P<n>',
  '(?<n>',
  '(?i)',
  '(?s)',
  '(?U)',
);

/** Not all of them are valid; most are. */
export const pattern: fc.Arbitrary<string> = fc.letrec<{ pattern: string; sequence: string; item: string }>(
  (tie) => ({
    pattern: fc.oneof(
      { weight: 4, arbitrary: tie('sequence') },
      {
        weight: 1,
        arbitrary: fc.tuple(tie('sequence'), tie('sequence')).map((branches) => branches.join('|')),
      },
    ),
    sequence: fc
      .tuple(
        fc.constantFrom('', '', '^', '.*', '(?s)', '(?s)^.*', '(?i)', '^(?s).*'),
        fc.array(tie('item'), { minLength: 1, maxLength: 4 }),
        fc.constantFrom('', '', '$', '.*', '.*$', '\\z'),
      )
      .map(([begin, items, end]) => `${begin}${items.join('')}${end}`),
    item: fc.oneof(
      { depthSize: 'small' },
      { weight: 9, arbitrary: literal },
      { weight: 1, arbitrary: fc.constant('.') },
      { weight: 2, arbitrary: escaped },
      { weight: 2, arbitrary: klass },
      { weight: 2, arbitrary: fc.tuple(literal, quantifier).map((parts) => parts.join('')) },
      { weight: 1, arbitrary: fc.tuple(klass, quantifier).map((parts) => parts.join('')) },
      {
        weight: 2,
        arbitrary: fc
          .tuple(open, tie('pattern'), fc.constantFrom('', '', '?', '+', '{0,}', '{2}'))
          .map(([start, inner, end]) =>
            start.endsWith(')') ? `${start}${inner}` : `${start}${inner})${end}`,
          ),
      },
    ),
  }),
).pattern;

const piece = fc.constantFrom(
  ...[
    'a',
    'b',
    'ab',
    'aa',
    'a.b',
    'A',
    'K',
    'k',
    '\u212a',
    's',
    'S',
    'ſ',
    'ß',
    'SS',
    'é',
    'σ',
    'ς',
    'Σ',
    '/',
    '.',
    '-',
  ],
  ...[']', '[', '{', '}', ',', '{01}', '{,2}', '\n', ' ', '_', '1', '😀', '\ud83d', '\udc80', 'İ', 'ŉ', '|'],
);

/** @param from texts are made of parts of it, too */
export function textFor(from: string): fc.Arbitrary<string> {
  const plain = from.replace(/\\[QE]?|\(\?[^):]*[):]|[()^$*+?|]/g, '');
  const part = fc
    .tuple(fc.nat(plain.length), fc.nat(4))
    .map(([start, length]) => plain.slice(start, start + length + 1));
  return fc.oneof(
    fc.constant(plain),
    fc
      .array(fc.oneof({ weight: 2, arbitrary: piece }, { weight: 1, arbitrary: part }), { maxLength: 7 })
      .map((parts) => parts.join('')),
    fc.tuple(piece, fc.constant(plain), piece).map((parts) => parts.join('')),
  );
}
