// Keeps the memory of a long replay flat. V8 lets its young generation grow with the machine (to 100 MB and more) while
// a stream of short-lived objects passes through it; beyond a few MiB that makes nothing faster.
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** Both halves; measured: smaller makes a replay slower, larger does not make it faster. */
const ENOUGH_BYTES = 16 * 1024 * 1024;

let isBounded = false;

/** To be called now and then: once it has grown to enough, it grows no further. */
export function boundYoungGeneration(): void {
  if (isBounded) return;
  const space = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space');
  if (space === undefined || space.space_size < ENOUGH_BYTES) return;
  // The limit itself is read when the heap is made, this factor at each growth.
  setFlagsFromString('--semi-space-growth-factor=1');
  isBounded = true;
}
