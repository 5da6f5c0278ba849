import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameError, LaneReader, maxLaneFrame, messageKind } from '../../src/auth/lane-frames.ts';
import { picket } from '../../src/events/proto/picket.js';
import { framed, long, pingFrame, requestFrame, switchFrame, toAgent } from './frames.ts';

type Seen =
  | { kind: 'request'; id: bigint; epoch: number; budgetUs: number; event: string }
  | { kind: 'switch'; epoch: number }
  | { kind: 'ping'; number: number };

const uint53 = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const message: fc.Arbitrary<Seen> = fc.oneof(
  fc.record({
    kind: fc.constant('request' as const),
    id: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    epoch: uint53,
    budgetUs: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    event: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('hex')),
  }),
  fc.record({ kind: fc.constant('switch' as const), epoch: uint53 }),
  fc.record({ kind: fc.constant('ping' as const), number: uint53 }),
);

describe('the reader of the request FIFO', () => {
  test('any cut of the byte stream yields the messages that were sent, in order', () => {
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 40 }),
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 20 }),
        (messages, cuts) => {
          const stream = Buffer.concat(messages.map(frameOf));
          expect(readAll(stream, cuts)).toEqual(messages);
        },
      ),
    );
  });

  test('unknown fields and members are passed over', () => {
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 10 }),
        unknownField(),
        unknownField(),
        (messages, inner, outer) => {
          const stream = Buffer.concat(
            messages.flatMap((sent) => [
              framed(outer),
              framed(withUnknown(frameOf(sent).subarray(4), inner, outer)),
            ]),
          );
          expect(readAll(stream, [stream.length + 1])).toEqual(messages);
        },
      ),
    );
  });

  test('whatever bytes come, it yields messages, wants more or throws a FrameError', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }), (bodies) => {
        const stream = Buffer.concat(bodies.map(framed));
        try {
          readAll(stream, [stream.length + 1]);
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('a frame with any byte changed never reads outside of itself', () => {
    fc.assert(
      fc.property(message, fc.nat(), fc.integer({ min: 0, max: 255 }), (sent, where, value) => {
        const frame = frameOf(sent);
        if (frame.length === 4) return;
        frame[4 + (where % (frame.length - 4))] = value;
        const follower = pingFrame(77);
        try {
          const seen = readAll(Buffer.concat([frame, follower]), [10_000]);
          expect(seen.at(-1)).toEqual({ kind: 'ping', number: 77 });
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('an over-long frame is an error as soon as its length is read', () => {
    const reader = new LaneReader();
    const head = Buffer.alloc(4);
    head.writeUInt32LE(maxLaneFrame + 1);
    reader.accept(head);
    expect(() => reader.next()).toThrow(
      expect.objectContaining({ reason: 'over_long', frameLength: maxLaneFrame + 1 }),
    );
  });

  test('what stands before a bad frame is given out first', () => {
    const reader = new LaneReader();
    reader.accept(Buffer.concat([pingFrame(1), framed(Buffer.from([0x0a, 0x7f]))]));
    expect(reader.next()?.count).toBe(1);
    expect(() => reader.next()).toThrow(FrameError);
  });

  test('the longest frame fits, also behind a partial one', () => {
    const event = new Uint8Array(maxLaneFrame - 40);
    const frame = requestFrame(1n, 1, event);
    expect(readAll(Buffer.concat([frame, frame, frame, frame, frame, frame]), [65_536, 3])).toHaveLength(6);
  });

  test('a batch ends with a policy switch, and what follows can be carried to the next reader', () => {
    const [first, second] = [new LaneReader(), new LaneReader()];
    first.accept(Buffer.concat([pingFrame(1), switchFrame(2), pingFrame(3), pingFrame(4).subarray(0, 3)]));
    expect(seenIn(first.next())).toEqual([
      { kind: 'ping', number: 1 },
      { kind: 'switch', epoch: 2 },
    ]);
    const carried = new Uint8Array(100);
    second.accept(carried.subarray(0, first.takeOver(carried)));
    second.accept(pingFrame(4).subarray(3));
    expect(first.pendingBytes).toBe(0);
    expect(seenIn(second.next())).toEqual([
      { kind: 'ping', number: 3 },
      { kind: 'ping', number: 4 },
    ]);
  });

  test('a message given in two parts is merged, and another member replaces it', () => {
    const part = (authRequest: picket.v1.IAuthRequest): Uint8Array =>
      picket.v1.LaneToAgent.encode({ authRequest }).finish();
    const merged = Buffer.concat([part({ id: long(5) }), part({ epoch: long(6), event: Buffer.from([1]) })]);
    const replaced = Buffer.concat([part({ epoch: long(9) }), pingFrame(8).subarray(4)]);
    expect(readAll(Buffer.concat([framed(merged), framed(replaced)]), [1_000])).toEqual([
      { kind: 'request', id: 5n, epoch: 6, budgetUs: 0, event: '01' },
      { kind: 'ping', number: 8 },
    ]);
  });

  test('a number above 2^53 - 1 is an error, never a wrong epoch', () => {
    const reader = new LaneReader();
    reader.accept(toAgent({ policySwitch: { epoch: long(2n ** 53n) } }));
    expect(() => reader.next()).toThrow(FrameError);
  });
});

function readAll(stream: Buffer, cuts: readonly number[]): Seen[] {
  const reader = new LaneReader();
  const seen: Seen[] = [];
  let at = 0;
  for (let turn = 0; ; turn += 1) {
    for (let batch = reader.next(); batch !== undefined; batch = reader.next()) seen.push(...seenIn(batch));
    if (at === stream.length) break;
    const wanted = cuts[turn % cuts.length] ?? 1;
    reader.fill((buffer, offset, length) => {
      const end = Math.min(stream.length, at + Math.min(wanted, length));
      const copied = stream.copy(buffer, offset, at, end);
      at = end;
      return copied;
    });
  }
  expect(reader.pendingBytes).toBe(0);
  return seen;
}

function seenIn(batch: ReturnType<LaneReader['next']>): Seen[] {
  if (batch === undefined) return [];
  const bytes = Buffer.from(batch.bytes.buffer);
  return Array.from({ length: batch.count }, (_, index): Seen => {
    const number = batch.numbers[index] ?? 0;
    if (batch.kinds[index] === messageKind.ping) return { kind: 'ping', number };
    if (batch.kinds[index] === messageKind.policySwitch) return { kind: 'switch', epoch: number };
    const idAt = batch.idAt[index] ?? 0;
    return {
      kind: 'request',
      id: idAt === 0 ? 0n : bytes.readBigUInt64LE(idAt),
      epoch: number,
      budgetUs: batch.budgetsUs[index] ?? 0,
      event: bytes.toString('hex', batch.eventStart[index], batch.eventEnd[index]),
    };
  });
}

function frameOf(sent: Seen): Buffer {
  if (sent.kind === 'ping') return pingFrame(sent.number);
  if (sent.kind === 'switch') return switchFrame(sent.epoch);
  return requestFrame(sent.id, sent.epoch, Buffer.from(sent.event, 'hex'), sent.budgetUs);
}

/** One field with a number that no message of the lane has. */
function unknownField(): fc.Arbitrary<Buffer> {
  const head = (field: number, wireType: number): number[] => {
    const tag = field * 8 + wireType;
    return tag < 128 ? [tag] : [(tag % 128) + 128, tag >> 7];
  };
  const field = fc.integer({ min: 5, max: 2_000 });
  return fc.oneof(
    fc.tuple(field, fc.nat(127)).map(([number, value]) => Buffer.from([...head(number, 0), value])),
    fc
      .tuple(field, fc.uint8Array({ minLength: 8, maxLength: 8 }))
      .map(([number, value]) => Buffer.from([...head(number, 1), ...value])),
    fc
      .tuple(field, fc.uint8Array({ maxLength: 100 }))
      .map(([number, value]) => Buffer.from([...head(number, 2), value.length, ...value])),
    fc
      .tuple(field, fc.uint8Array({ minLength: 4, maxLength: 4 }))
      .map(([number, value]) => Buffer.from([...head(number, 5), ...value])),
  );
}

/** `message` with one more field inside its member and one beside it. */
function withUnknown(sent: Uint8Array, inner: Buffer, outer: Buffer): Buffer {
  const tag = sent[0] ?? 0;
  const isShort = (sent[1] ?? 0) < 128;
  const member = sent.subarray(isShort ? 2 : 3);
  const length = member.length + inner.length;
  return Buffer.concat([outer, Buffer.from([tag, (length % 128) + 128, length >> 7]), inner, member, outer]);
}
