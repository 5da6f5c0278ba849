// Whether a value will be the same the next time: an exception by a random file name covers one event and no other.

/** A process id, a number of a job, a hash, a UUID, a name made by mktemp. */
const VOLATILE = [
  /^\d{2,}$/,
  /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i,
  /^(?=.*\d)[0-9a-f]{8,}$/i,
  /^\.?tmp[-._]?\w{6,}$/i,
  /\.[A-Za-z0-9]{0,5}\d[A-Za-z0-9]{0,5}$/,
  /\d{5,}/,
];
/** What a version or a library's number looks like is none of these. */
const VERSION = /^(?:v?\d{1,4}(?:\.\d+)+|[\w+-]+\.so(?:\.\d+)*|[A-Za-z][\w+-]*\d{0,3}(?:\.\d{1,3})*)$/;

function isVolatileName(name: string): boolean {
  return !VERSION.test(name) && VOLATILE.some((pattern) => pattern.test(name));
}

/** As far as a command line stays the same: up to the first word in it that changes. */
export function stableStart(line: string): string {
  for (const { 0: word, index } of line.matchAll(/[^\s=:/,'"]+/g)) {
    // Ports and sizes have fewer digits than process ids and dates.
    const isNumber = /^\d+$/.test(word);
    if (isNumber ? word.length >= 6 : isVolatileName(word)) return line.slice(0, index);
  }
  return line;
}

/** What all texts begin with, up to the end of a word. */
export function commonStart(texts: readonly string[]): string {
  const [first = '', ...others] = texts;
  let length = first.length;
  for (const other of others) {
    let same = 0;
    while (same < length && first[same] === other[same]) same++;
    length = same;
  }
  const start = first.slice(0, length);
  const isWhole = texts.every((text) => text.length === length || /\s/.test(text[length] ?? ''));
  return isWhole ? start : start.slice(0, start.search(/\S*$/));
}

/** The folder above the first part of a path that changes, its slash included; undefined: none of it does. */
export function stableFolder(path: string): string | undefined {
  const parts = path.split('/');
  const at = parts.findIndex(isVolatileName);
  return at < 0 ? undefined : `${parts.slice(0, at).join('/')}/`;
}

/** The longest folder in which all of the paths are, its slash included. */
export function commonFolder(paths: readonly string[]): string {
  const [parts = [], ...others] = paths.map((path) => path.split('/').slice(0, -1));
  const length = others.reduce((shared, other) => {
    const differs = parts.slice(0, shared).findIndex((part, index) => part !== other[index]);
    return differs < 0 ? shared : differs;
  }, parts.length);
  return `${parts.slice(0, length).join('/')}/`;
}

/** A folder that narrows something down: `/`, `/tmp/` and `/home/` do not. */
export function isTelling(folder: string): boolean {
  return folder.split('/').filter((part) => part !== '').length >= 2;
}

const OWNED_BY_ROOT = /^\/(?:usr|bin|sbin|lib|lib64|opt|nix|snap|System|Library|Applications)\//;

/** Where not everybody may put a program of their own: there a path says which program it is. */
export function isOwnedPlace(path: string): boolean {
  return OWNED_BY_ROOT.test(path) && !path.startsWith('/usr/local/');
}
