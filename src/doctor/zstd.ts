// Batches are compressed by zstd; a Node built without it (some distributions) says so only when it is used.
import zlib from 'node:zlib';
import { type Check, not, ok } from './check.ts';

export const checkZstd: Check = async () => {
  const sample = Buffer.from('picket '.repeat(64));
  try {
    const back = zlib.zstdDecompressSync(zlib.zstdCompressSync(sample));
    if (back.equals(sample)) return ok('zstd', `${sample.length} bytes there and back through node:zlib`);
    return not('fail', 'zstd', 'node:zlib gave other bytes back', "use the Node of 'npm run setup'");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return not('fail', 'zstd', `node:zlib has no zstd (${reason})`, "use the Node of 'npm run setup'");
  }
};
