// The auth lane's source: what one read(2) of the request FIFO yielded is one batch. It is synchronous and blocks its
// thread: it has no event loop to be late with (8 µs a round trip instead of 22 µs through net.Socket).
import { Observable } from 'rxjs';
import type { LaneBatch, LaneReader, Read } from './lane-frames.ts';
import type { LaneCounters } from './lane-statistics.ts';

export interface RequestsOptions {
  readonly reader: LaneReader;
  readonly read: Read;
  readonly counters: LaneCounters;
}

/** Completes at end of file, and when the subscriber wants no more; fails with a FrameError at what is no frame. */
export function requests({ reader, read, counters }: RequestsOptions): Observable<LaneBatch> {
  return new Observable((subscriber) => {
    try {
      while (!subscriber.closed) {
        const batch = reader.next();
        if (batch !== undefined) {
          subscriber.next(batch);
          continue;
        }
        const length = reader.fill(read);
        if (length === 0) {
          counters.add('partialFrameBytes', reader.pendingBytes);
          subscriber.complete();
          return;
        }
        counters.add('reads', 1);
        counters.add('bytesRead', length);
      }
    } catch (error) {
      subscriber.error(error);
    }
  });
}
