// A text in which a regular expression is found, for generated tests. Not for every expression: whoever uses the
// text tries it.

interface Cursor {
  readonly source: string;
  at: number;
}

/** undefined: too unusual an expression. */
export function sampleOf(source: string): string | undefined {
  const cursor: Cursor = { source: source.replace(/^\(\?[ims]+\)/, ''), at: 0 };
  try {
    const sample = alternation(cursor);
    return cursor.at < cursor.source.length ? undefined : sample;
  } catch (error) {
    if (error instanceof UnusualPattern) return undefined;
    throw error;
  }
}

class UnusualPattern extends Error {}

/** The first branch; the others are read and left. */
function alternation(cursor: Cursor): string {
  const first = sequence(cursor);
  while (cursor.source[cursor.at] === '|') {
    cursor.at++;
    sequence(cursor);
  }
  return first;
}

function sequence(cursor: Cursor): string {
  let text = '';
  for (;;) {
    const char = cursor.source[cursor.at];
    if (char === undefined || char === '|' || char === ')') return text;
    text += repeated(atom(cursor), cursor);
  }
}

function repeated(text: string, cursor: Cursor): string {
  const match = /^(?:[*+?]|\{(\d+)(?:,\d*)?\})\??/.exec(cursor.source.slice(cursor.at));
  if (match === null) return text;
  cursor.at += match[0].length;
  if (match[1] !== undefined) return text.repeat(Math.min(Number(match[1]), 200));
  return match[0].startsWith('+') ? text : '';
}

function atom(cursor: Cursor): string {
  const { source } = cursor;
  const char = source[cursor.at++] ?? '';
  switch (char) {
    case '^':
    case '$':
      return '';
    case '.':
      return 'x';
    case '(': {
      const group = /^\?(?::|[ims]*:|P?<\w+>)/.exec(source.slice(cursor.at));
      if (group !== null) cursor.at += group[0].length;
      else if (source[cursor.at] === '?') throw new UnusualPattern();
      const inner = alternation(cursor);
      if (source[cursor.at] !== ')') throw new UnusualPattern();
      cursor.at++;
      return inner;
    }
    case '[':
      return characterClass(cursor);
    case '\\':
      return escaped(source[cursor.at++] ?? '');
    default:
      return char;
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  d: '1',
  w: 'w',
  s: ' ',
  D: 'x',
  S: 'x',
  W: ' ',
  n: '\n',
  t: '\t',
  r: '\r',
  A: '',
  z: '',
  Z: '',
};

function escaped(char: string): string {
  const known = ESCAPES[char];
  if (known !== undefined) return known;
  if (/[a-zA-Z0-9]/.test(char)) throw new UnusualPattern();
  return char;
}

function characterClass(cursor: Cursor): string {
  const { source } = cursor;
  const match = /^(\^?)(\]?(?:\\.|[^\]\\])*)\]/s.exec(source.slice(cursor.at));
  if (match === null) throw new UnusualPattern();
  cursor.at += match[0].length;
  const [whole, caret, body = ''] = match;
  if (caret === '') return body.startsWith('\\') ? escaped(body[1] ?? '') : (body[0] ?? '');
  const meant = new RegExp(`^[${whole.slice(0, -1)}]$`, 's');
  return [...'xX0 -_./'].find((char) => meant.test(char)) ?? '\u00e9';
}
