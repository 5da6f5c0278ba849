import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { maxVerdictFrame, VerdictFrames, wireVerdict } from '../../src/auth/verdict-frames.ts';
import { picket } from '../../src/events/proto/picket.js';
import { idOf, verdictsIn } from './frames.ts';

const id = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const epoch = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

describe('the frames of the verdict FIFO', () => {
  test('an answer without a match decodes to allow with the id and epoch of its request', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            id,
            epoch.chain((first) => fc.constantFrom(first, 1)),
            fc.boolean(),
          ),
          { maxLength: 20 },
        ),
        (answers) => {
          const frames = new VerdictFrames(65_536);
          for (const [requestId, of, isCacheable] of answers)
            frames.unmatched(source(requestId), 8, of, isCacheable);
          const decoded = verdicts(frames);
          const told = decoded.map((verdict) => [idOf(verdict), Number(verdict.epoch), verdict.cacheable]);
          expect(told).toEqual(answers);
          for (const verdict of decoded) {
            expect(verdict).toMatchObject({
              verdict: 1,
              rule: '',
              report: false,
              annotated: true,
            });
          }
        },
      ),
    );
  });

  test('a match decodes to what was given, or without annotations where the frame would pass PIPE_BUF', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ minLength: 3_900, maxLength: 4_200 }),
    );
    const name = fc.oneof(fc.string({ maxLength: 60 }), fc.string({ minLength: 3_900, maxLength: 4_200 }));
    fc.assert(
      fc.property(
        id,
        epoch,
        fc.constantFrom(1, 2),
        name,
        fc.option(bytes),
        fc.nat(60_000_000),
        (requestId, of, verdict, rule, given, laneUs) => {
          const frames = new VerdictFrames(8_192);
          const ruleBytes = Buffer.from(rule);
          const isAnnotated = frames.matched(
            source(requestId),
            8,
            of,
            verdict as 1 | 2,
            ruleBytes,
            given ?? undefined,
            laneUs,
          );
          expect(frames.length).toBeLessThanOrEqual(maxVerdictFrame);
          const [decoded] = verdicts(frames);
          expect(decoded).toMatchObject({ verdict, report: true, annotated: isAnnotated, laneUs });
          expect(idOf(decoded ?? {})).toBe(requestId);
          if (ruleBytes.length < 4_000) expect(decoded?.rule).toBe(rule);
          if (isAnnotated)
            expect(Buffer.from(decoded?.annotations ?? []).equals(Buffer.from(given ?? []))).toBe(true);
          if (given !== null && given.length + ruleBytes.length < 4_000) expect(isAnnotated).toBe(true);
        },
      ),
    );
  });

  test('defer, switched and pong decode to themselves, one behind the other', () => {
    fc.assert(
      fc.property(id, epoch, epoch, fc.nat(), (requestId, of, number, threadId) => {
        const frames = new VerdictFrames(256);
        frames.defer(source(requestId), 8, of);
        frames.switched(of);
        frames.pong(number, threadId);
        const { messages, rest } = decode(frames);
        expect(rest).toHaveLength(0);
        expect(idOf(messages[0]?.authVerdict ?? {})).toBe(requestId);
        expect(messages[0]?.authVerdict?.verdict).toBe(wireVerdict.defer);
        expect(messages[0]?.authVerdict?.report).toBe(false);
        expect(Number(messages[1]?.switched?.epoch)).toBe(of);
        expect(Number(messages[2]?.pong?.number)).toBe(number);
        expect(messages[2]?.pong?.threadId ?? 0).toBe(threadId);
      }),
    );
  });

  test('a request without an id is answered with the id zero', () => {
    const frames = new VerdictFrames(256);
    frames.unmatched(source(99n), 8, 1, false);
    frames.unmatched(source(99n), 0, 1, false);
    expect(verdicts(frames).map(idOf)).toEqual([99n, 0n]);
  });
});

function source(requestId: bigint): Uint8Array {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64LE(requestId, 8);
  return bytes;
}

function decode(frames: VerdictFrames): ReturnType<typeof verdictsIn> {
  return verdictsIn(Buffer.from(frames.bytes.subarray(0, frames.length)));
}

function verdicts(frames: VerdictFrames): picket.v1.AuthVerdict[] {
  const { messages, rest } = decode(frames);
  expect(rest).toHaveLength(0);
  return messages.map((message) => picket.v1.AuthVerdict.fromObject(message.authVerdict ?? {}));
}
