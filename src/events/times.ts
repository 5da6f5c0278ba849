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

let parsedHead = '';
let parsedNs: bigint | undefined;

/** Reads RFC 3339 in UTC with up to nine decimals; undefined: not such a time, or before 1970. */
export function nsOfText(text: string): bigint | undefined {
  const head = text.slice(0, 19);
  if (head !== parsedHead) {
    parsedHead = head;
    parsedNs = nsOfHead(head);
  }
  if (parsedNs === undefined || !text.endsWith('Z')) return undefined;
  if (text.length === 20) return parsedNs;
  const digits = text.length - 21;
  if (text[19] !== '.' || digits < 1 || digits > 9) return undefined;
  let fraction = 0;
  for (let i = 20; i < 20 + digits; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return undefined;
    fraction = fraction * 10 + digit;
  }
  return parsedNs + BigInt(fraction * 10 ** (9 - digits));
}

/** Whole seconds. Date.parse takes the 30th of February; what does not print as it was read is refused. */
function nsOfHead(head: string): bigint | undefined {
  const ms = Date.parse(`${head}Z`);
  if (!(ms >= 0) || new Date(ms).toISOString().slice(0, -5) !== head) return undefined;
  return BigInt(ms / 1000) * NS_PER_SECOND;
}
