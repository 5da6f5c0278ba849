// Records on their way off the lane: a ring in shared memory with one writer, whoever has the turn, and one reader, the
// main thread. Writing never waits and sends no message, so it works from a thread that blocks in read(2) all its life;
// what does not fit is dropped and counted.

const defaultCapacity = 256 * 1024;

// Of the head: both places in bytes, modulo 2^32, and a count.
const writtenAt = 0;
const readAt = 1;
const droppedAt = 2;
const headBytes = 16;
const lengthBytes = 4;

/** @param capacity bytes, a power of two */
export function laneRingMemory(capacity = defaultCapacity): SharedArrayBuffer {
  return new SharedArrayBuffer(headBytes + capacity);
}

export class LaneRing {
  readonly memory: SharedArrayBuffer;
  readonly #head: Int32Array<SharedArrayBuffer>;
  readonly #bytes: Uint8Array<SharedArrayBuffer>;
  readonly #length = new Uint8Array(lengthBytes);

  constructor(memory: SharedArrayBuffer = laneRingMemory()) {
    this.memory = memory;
    this.#head = new Int32Array(memory, 0, headBytes / Int32Array.BYTES_PER_ELEMENT);
    this.#bytes = new Uint8Array(memory, headBytes);
  }

  /** Records that found no place, since the ring was made. */
  get dropped(): number {
    return Atomics.load(this.#head, droppedAt) >>> 0;
  }

  /** The writer's; false: there was no place for it. */
  write(record: Uint8Array): boolean {
    const written = Atomics.load(this.#head, writtenAt) >>> 0;
    const taken = (written - Atomics.load(this.#head, readAt)) >>> 0;
    const size = lengthBytes + record.length;
    if (size > this.#bytes.length - taken) {
      Atomics.add(this.#head, droppedAt, 1);
      return false;
    }
    const length = this.#length;
    for (let index = 0; index < lengthBytes; index += 1) length[index] = record.length >>> (8 * index);
    this.#put(written, length);
    this.#put(written + lengthBytes, record);
    // Last: the reader sees a record when all of it is there.
    Atomics.store(this.#head, writtenAt, (written + size) | 0);
    return true;
  }

  /** The reader's: the oldest record, or undefined when there is none. */
  read(): Uint8Array | undefined {
    const place = Atomics.load(this.#head, readAt) >>> 0;
    if (place === Atomics.load(this.#head, writtenAt) >>> 0) return undefined;
    const length = this.#get(place, lengthBytes);
    const size = length.reduce((sum, byte, index) => sum + byte * 256 ** index, 0);
    const record = this.#get(place + lengthBytes, size);
    Atomics.store(this.#head, readAt, (place + lengthBytes + size) | 0);
    return record;
  }

  #put(place: number, record: Uint8Array): void {
    const start = place % this.#bytes.length;
    const first = Math.min(record.length, this.#bytes.length - start);
    this.#bytes.set(record.subarray(0, first), start);
    this.#bytes.set(record.subarray(first), 0);
  }

  #get(place: number, size: number): Uint8Array {
    const start = place % this.#bytes.length;
    const first = Math.min(size, this.#bytes.length - start);
    const record = new Uint8Array(size);
    record.set(this.#bytes.subarray(start, start + first));
    record.set(this.#bytes.subarray(0, size - first), first);
    return record;
  }
}
