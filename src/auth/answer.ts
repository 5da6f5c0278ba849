// The auth lane's sink: one write(2) for the answers to one batch.
import { type MonoTypeOperatorFunction, takeWhile, tap } from 'rxjs';
import type { Answers } from './judge.ts';
import type { LaneCounters } from './lane-statistics.ts';

/** Writes all of `bytes` up to `length`. */
export type Write = (bytes: Uint8Array, length: number) => void;

/** Passes each batch of answers on once it is written, and completes with the one that ends at a policy switch. */
export function answer(write: Write, counters: LaneCounters): MonoTypeOperatorFunction<Answers> {
  return (source) =>
    source.pipe(
      tap((answers) => {
        const { bytes, length } = answers.frames;
        if (length === 0) return;
        write(bytes, length);
        counters.add('answered', answers.requests);
        counters.add('writes', 1);
        counters.add('bytesWritten', length);
      }),
      takeWhile((answers) => answers.switchTo === undefined, true),
    );
}
