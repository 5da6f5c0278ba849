// Recognises what a recorded file holds by its first bytes.

/** ndjson: lines of JSON, eslogger's or in ECS names, by each line; eslogger: the same. */
export type ReplayFormat = 'eslogger' | 'ndjson' | 'picket';

const HEADER_BYTES = 5;

/**
 * A recording begins with a length below 1 MiB, whose fourth byte is therefore zero, and a field's key; text never
 * holds a zero. The chunks come back whole.
 */
export async function detectFormat(
  chunks: AsyncIterable<Uint8Array>,
  format: ReplayFormat | undefined,
): Promise<{ readonly format: ReplayFormat; readonly chunks: AsyncIterable<Uint8Array> }> {
  if (format !== undefined) return { format, chunks };
  const iterator = chunks[Symbol.asyncIterator]();
  const head: Uint8Array[] = [];
  let length = 0;
  while (length < HEADER_BYTES) {
    const next = await iterator.next();
    if (next.done) break;
    head.push(next.value);
    length += next.value.length;
  }
  const start = Buffer.concat(head);
  async function* all(): AsyncGenerator<Uint8Array> {
    yield start;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
  }
  return { format: start.length >= HEADER_BYTES && start[3] === 0 ? 'picket' : 'ndjson', chunks: all() };
}
