import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeFrame, FrameError, FrameSplitter } from '../../src/sources/frames.ts';

const MAX = 4096;

test('any cut of a byte stream yields the same frames', () => {
  const messages = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 });
  const cuts = fc.array(fc.nat({ max: 700 }), { maxLength: 40 });
  fc.assert(
    fc.property(messages, cuts, (sent, sizes) => {
      const stream = Buffer.concat(sent.map(encodeFrame));
      const splitter = new FrameSplitter(MAX);
      const received: Uint8Array[] = [];
      let offset = 0;
      for (const size of [...sizes, stream.length]) {
        received.push(...splitter.push(stream.subarray(offset, offset + size)));
        offset = Math.min(stream.length, offset + size);
      }
      expect(received.map((frame) => Buffer.from(frame))).toEqual(sent.map((frame) => Buffer.from(frame)));
    }),
  );
});

test('a frame as long as allowed passes, one byte more is an error that says so', () => {
  expect(new FrameSplitter(MAX).push(encodeFrame(new Uint8Array(MAX)))).toHaveLength(1);
  expect(() => new FrameSplitter(MAX).push(encodeFrame(new Uint8Array(MAX + 1)))).toThrow(FrameError);
});

test('an announced length beyond the bound is refused before its bytes are waited for', () => {
  expect(() => new FrameSplitter(MAX).push(Uint8Array.of(255, 255, 255, 255))).toThrow(/4294967295 bytes/);
});
