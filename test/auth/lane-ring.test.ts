import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { takeNote, writeNote } from '../../src/auth/lane-notes.ts';
import { LaneRing, laneRingMemory } from '../../src/auth/lane-ring.ts';

test('what is written is read, whole and in order; what has no place is dropped and counted', () => {
  const record = fc.uint8Array({ maxLength: 90 });
  const steps = fc.array(fc.oneof(record, fc.constant('read' as const)), { maxLength: 200 });
  fc.assert(
    fc.property(steps, (taken) => {
      const writer = new LaneRing(laneRingMemory(256));
      const reader = new LaneRing(writer.memory);
      const expected: Uint8Array[] = [];
      let dropped = 0;
      for (const step of taken) {
        if (step === 'read') expect(reader.read()).toEqual(expected.shift());
        else {
          const bytesThere = expected.reduce((sum, { length }) => sum + 4 + length, 0);
          const isPlace = bytesThere + 4 + step.length <= 256;
          expect(writer.write(step)).toBe(isPlace);
          if (isPlace) expected.push(step);
          else dropped += 1;
        }
      }
      expect(reader.dropped).toBe(dropped);
      for (const left of expected) expect(reader.read()).toEqual(left);
      expect(reader.read()).toBeUndefined();
    }),
  );
});

test('goes on where its counts of bytes pass 2^32', () => {
  const ring = new LaneRing(laneRingMemory(256));
  // As after 4 GiB of records.
  new Int32Array(ring.memory, 0, 2).fill(-100);
  for (let round = 0; round < 20; round += 1) {
    expect(ring.write(Uint8Array.of(round, 1, 2, 3))).toBe(true);
    expect(ring.write(new Uint8Array(60).fill(round))).toBe(true);
    expect(ring.read()).toEqual(Uint8Array.of(round, 1, 2, 3));
    expect(ring.read()).toEqual(new Uint8Array(60).fill(round));
  }
  expect(ring.dropped).toBe(0);
});

test('a writer that is faster than its reader loses whole records, none twice, and the sum is exact', async () => {
  const count = 50_000;
  const ring = new LaneRing(laneRingMemory(4_096));
  const script = `
    import { workerData } from 'node:worker_threads';
    const { LaneRing } = await import(workerData.module);
    const ring = new LaneRing(workerData.memory);
    const record = new Uint8Array(36);
    const view = new DataView(record.buffer);
    for (let number = 1; number <= ${count}; number += 1) {
      record.fill(number & 0xff);
      view.setUint32(0, number);
      ring.write(record);
    }
  `;
  const module = new URL('../../src/auth/lane-ring.ts', import.meta.url).href;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`), {
    workerData: { module, memory: ring.memory },
    execArgv: [],
  });
  const exited = new Promise<void>((resolve, reject) => {
    worker.on('error', reject);
    worker.on('exit', () => resolve());
  });
  let isOver = false;
  exited.then(
    () => {
      isOver = true;
    },
    () => undefined,
  );
  let read = 0;
  let last = 0;
  // Nobody reads until it is full.
  while (ring.dropped === 0 && !isOver) await new Promise((resolve) => setImmediate(resolve));
  for (;;) {
    const wasOver = isOver;
    for (let record = ring.read(); record !== undefined; record = ring.read()) {
      const number = new DataView(record.buffer).getUint32(0);
      expect(number).toBeGreaterThan(last);
      expect(record.subarray(4).every((byte) => byte === (number & 0xff))).toBe(true);
      last = number;
      read += 1;
    }
    if (wasOver) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  await exited;
  expect(read + ring.dropped).toBe(count);
  expect(ring.dropped).toBeGreaterThan(0);
  expect(read).toBeGreaterThan(0);
});

test('a note brings its event along, unless that is too long to be kept', () => {
  const ring = new LaneRing();
  const note = {
    kind: 'slow_decision',
    epoch: 3,
    trigger: 'auth.open',
    decideMs: 12,
    waiting: 4,
    isLast: false,
  } as const;
  const bytes = Uint8Array.of(9, 1, 2, 3, 9);
  expect(writeNote(ring, note, bytes, 1, 4)).toBe(true);
  expect(writeNote(ring, note, new Uint8Array(10_000), 0, 10_000)).toBe(true);
  expect(takeNote(ring)).toEqual({ note, event: Uint8Array.of(1, 2, 3) });
  expect(takeNote(ring)).toEqual({ note, event: new Uint8Array(0) });
  expect(takeNote(ring)).toBeUndefined();
});
