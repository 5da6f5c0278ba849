// Times with nanoseconds: Unix nanoseconds on the wire, ISO 8601 text as a fact. Date alone would cut them to
// milliseconds.

const NS_PER_SECOND = 1_000_000_000n;

let shownSecond = -1;
let shownText = '';

/** `2026-11-23T17:53:00.123456789Z` */
export function textOfNs(ns: bigint): string {
  const second = Number(ns / NS_PER_SECOND);
  if (second !== shownSecond) {
    shownText = new Date(second * 1000).toISOString().slice(0, -5);
    shownSecond = second;
  }
  return `${shownText}.${String(ns % NS_PER_SECOND).padStart(9, '0')}Z`;
}

/** By their text, and their whole seconds too: an event has half a dozen, and the next one mostly the same. */
const parsed = new Map<string, bigint | undefined>();
const PARSED_MAX = 512;

/** Reads RFC 3339 in UTC with up to nine decimals; undefined: not such a time, or before 1970. */
export function nsOfText(text: string): bigint | undefined {
  const known = parsed.get(text);
  if (known !== undefined || parsed.has(text)) return known;
  const ns = parseText(text);
  if (parsed.size >= PARSED_MAX) parsed.clear();
  parsed.set(text, ns);
  return ns;
}

function parseText(text: string): bigint | undefined {
  const secondNs = text.length > 20 ? nsOfText(`${text.slice(0, 19)}Z`) : nsOfSecond(text);
  if (secondNs === undefined || text.length === 20) return secondNs;
  const digits = text.length - 21;
  if (text[19] !== '.' || digits < 1 || digits > 9 || !text.endsWith('Z')) return undefined;
  let fraction = 0;
  for (let i = 20; i < 29; i++) {
    const digit = i < 20 + digits ? text.charCodeAt(i) - 48 : 0;
    if (digit < 0 || digit > 9) return undefined;
    fraction = fraction * 10 + digit;
  }
  return secondNs + BigInt(fraction);
}

/** Date.parse takes the 30th of February and more; what does not print as it was read is refused. */
function nsOfSecond(text: string): bigint | undefined {
  const ms = Date.parse(text);
  if (!(ms >= 0) || `${new Date(ms).toISOString().slice(0, -5)}Z` !== text) return undefined;
  return BigInt(ms / 1000) * NS_PER_SECOND;
}
