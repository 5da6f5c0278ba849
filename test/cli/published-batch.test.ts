import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openBatch, PublishedBatchError } from '../../src/cli/published-batch.ts';
import { picket } from '../../src/events/proto/picket.js';

const { EventBatch, EventList, Event, Compression } = picket.v1;

function message(actions: readonly string[], compression: picket.v1.Compression): Uint8Array {
  const list = EventList.encode({ events: actions.map((action) => ({ action })) }).finish();
  const events = compression === Compression.COMPRESSION_ZSTD ? zstdCompressSync(list) : list;
  return EventBatch.encode({ agent: 'a', spoolId: 's', count: actions.length, compression, events }).finish();
}

describe('a published batch', () => {
  test('gives back the events it was made of, compressed or not', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 20 })),
        fc.constantFrom(Compression.COMPRESSION_NONE, Compression.COMPRESSION_ZSTD),
        (actions, compression) => {
          const batch = openBatch(message(actions, compression));
          expect(batch.events.map((bytes) => Event.decode(bytes).action)).toEqual(actions);
          expect(batch.count).toBe(actions.length);
        },
      ),
    );
  });

  test('any other bytes are refused with an error that says so', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          openBatch(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(PublishedBatchError);
        }
      }),
    );
  });

  test('a compression that is not known, or damaged, is named', () => {
    const unknown = EventBatch.encode({ compression: 7 as picket.v1.Compression }).finish();
    expect(() => openBatch(unknown)).toThrow(/method 7/);
    const damaged = EventBatch.encode({ compression: 1, events: new Uint8Array([1, 2, 3]) }).finish();
    expect(() => openBatch(damaged)).toThrow(/zstd/);
  });
});
