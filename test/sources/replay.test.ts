import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { lastValueFrom, toArray } from 'rxjs';
import { afterAll, describe, expect, it } from 'vitest';
import { esloggerLine } from '../../bench/eslogger-load.ts';
import { decodeEvent } from '../../src/events/decode-event.ts';
import { stringifyEvent } from '../../src/events/stringify-event.ts';
import type { FlowBatch } from '../../src/operators/flow.ts';
import { type Line, linesOf } from '../../src/sources/lines.ts';
import { RecordingError, readRecording, recordedEvent } from '../../src/sources/recording.ts';
import { type ReplayFault, type ReplayOptions, replaySource } from '../../src/sources/replay.ts';
import { esloggerSample, printLine } from '../data/eslogger-samples.ts';

const folder = mkdtempSync(join(tmpdir(), 'picket-replay-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function file(content: Uint8Array | string): string {
  const name = join(folder, String(++files));
  writeFileSync(name, content);
  return name;
}

const LINES = Array.from({ length: 600 }, (_, i) => printLine(esloggerSample(i % 148, 9)));
const TEXT = `${LINES.join('\n')}\n`;

async function replayAll(options: ReplayOptions): Promise<{ batches: FlowBatch[]; faults: ReplayFault[] }> {
  const faults: ReplayFault[] = [];
  const source = replaySource({ onFault: (fault) => faults.push(fault), ...options });
  return { batches: await lastValueFrom(source.pipe(toArray())), faults };
}

async function* cut(bytes: Uint8Array, at: readonly number[]): AsyncGenerator<Uint8Array> {
  let from = 0;
  for (const to of [...at.map((each) => each % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]) {
    if (to > from) yield bytes.subarray(from, to);
    from = to;
  }
}

describe('a replay of eslogger lines', () => {
  it('gives each line as an event, numbered and in order, in batches of at most 256', async () => {
    const { batches, faults } = await replayAll({ files: [file(TEXT)] });
    const events = batches.flatMap((batch) => batch.events);
    expect(faults).toEqual([]);
    expect(events.map(({ sequence }) => sequence)).toEqual(LINES.map((_, i) => i + 1));
    expect(events.map(({ bytes }) => decodeEvent(bytes).event?.sequence)).toEqual(LINES.map((_, i) => i + 1));
    expect(Math.max(...batches.map((batch) => batch.events.length))).toBeLessThanOrEqual(256);
    expect(batches.at(-1)?.endOfSource).toBe(true);
  });

  it('takes events in ECS names, as they are printed, beside those of eslogger', async () => {
    const first = (await replayAll({ files: [file(TEXT)] })).batches.flatMap(({ events }) => events);
    const printed = first.map(({ bytes }) => stringifyEvent(decodeEvent(bytes)));
    const mixed = printed.flatMap((line, index) => (index % 3 === 0 ? [line, LINES[index] ?? ''] : [line]));
    const again = await replayAll({ files: [file(`${mixed.join('\n')}\n{"picket":{"trigger":"auth."}}\n`)] });
    const events = again.batches.flatMap((batch) => batch.events);
    expect(again.faults.map(({ reason }) => reason)).toEqual([expect.stringContaining('picket.trigger')]);
    const told = ({ bytes }: { bytes: Uint8Array }) => {
      const event = decodeEvent(bytes);
      return { ...event, event: { ...event.event, sequence: 0 } };
    };
    const expected = first.flatMap((event, index) => (index % 3 === 0 ? [event, event] : [event]));
    expect(events.map(told)).toEqual(expected.map(told));
  });

  it('does not take a line of a log for one of eslogger, though both have `event`', async () => {
    const event = { created: '2026-11-30T12:00:00Z' };
    const lines = [1, 2].map(() => JSON.stringify({ picket: { trigger: 'log' }, event, message: 'hello' }));
    const { batches, faults } = await replayAll({ files: [file(lines.join('\n'))] });
    expect(faults).toEqual([]);
    const events = batches.flatMap((batch) => batch.events).map(({ bytes }) => decodeEvent(bytes));
    expect(events.map(({ picket, message }) => [picket?.trigger, message])).toEqual([
      ['log', 'hello'],
      ['log', 'hello'],
    ]);
  });

  it('is the same from gzip, zstd, stdin and several files', async () => {
    const plain = (await replayAll({ files: [file(TEXT)] })).batches.flatMap(({ events }) => events);
    const half = LINES.length / 2;
    const inputs: ReplayOptions[] = [
      { files: [file(gzipSync(TEXT))] },
      { files: [file(zstdCompressSync(TEXT))] },
      { files: ['-'], stdin: Readable.from([Buffer.from(TEXT)]) },
      { files: [file(LINES.slice(0, half).join('\n')), file(LINES.slice(half).join('\r\n'))] },
    ];
    for (const input of inputs) {
      const { batches, faults } = await replayAll(input);
      expect(faults).toEqual([]);
      expect(batches.flatMap(({ events }) => events)).toEqual(plain);
    }
  });

  it('tells which lines it could not read, counts them as a loss, and goes on', async () => {
    const [first, second] = LINES as [string, string];
    const name = file(
      `eslogger: ES_NEW_CLIENT_RESULT_ERR_NOT_PERMITTED\n${first}\n\n{"cut":\n[1]\n${second}`,
    );
    const { batches, faults } = await replayAll({ files: [name] });
    expect(batches.flatMap(({ events }) => events)).toHaveLength(2);
    expect(faults.map(({ file: of, position }) => [of, position])).toEqual([
      [name, 1],
      [name, 4],
      [name, 5],
    ]);
    expect(batches.reduce((sum, { malformed }) => sum + malformed, 0)).toBe(3);
    expect(batches.flatMap(({ losses }) => losses).reduce((sum, { count }) => sum + count, 0)).toBe(3);
  });

  it('takes every line of the load that it is measured by', async () => {
    const load = Array.from({ length: 40 }, (_, i) => esloggerLine(i));
    const { batches, faults } = await replayAll({ files: [file(load.join('\n'))] });
    expect(faults).toEqual([]);
    expect(batches.flatMap(({ events }) => events)).toHaveLength(40);
  });

  it('keeps bytes that are no UTF-8', async () => {
    const sample = { ...esloggerSample(10, 9), extra: 'PLACE' };
    const [before, after] = printLine(sample).split('PLACE') as [string, string];
    const { batches } = await replayAll({
      files: [file(Buffer.concat([Buffer.from(before), Buffer.from([0xff, 0x41]), Buffer.from(after)]))],
    });
    const event = batches.flatMap(({ events }) => events)[0];
    expect(event && decodeEvent(event.bytes).es?.extra).toBe('\udcffA');
  });

  it('goes on behind a file that is missing or broken, and says which', async () => {
    const broken = gzipSync(TEXT).subarray(0, 4000);
    const names = [join(folder, 'missing'), file(broken), file(LINES[0] as string)];
    const { batches, faults } = await replayAll({ files: names });
    expect(faults.map(({ file: of }) => of)).toEqual(expect.arrayContaining([names[0], names[1]]));
    expect(faults[0]?.reason).toBe('it does not exist');
    expect(batches.flatMap(({ events }) => events).length).toBeGreaterThanOrEqual(1);
    expect(batches.at(-1)?.endOfSource).toBe(true);
  });

  it('reads on only when what it gave is settled', async () => {
    const given: FlowBatch[] = [];
    const options = { files: [file(`${TEXT}${TEXT}${TEXT}`)], maxUnsettled: 300 };
    await new Promise<void>((resolve, reject) => {
      let unsettled = 0;
      let most = 0;
      const settle = (batch: FlowBatch): void => {
        unsettled -= batch.events.length;
        for (const event of batch.events) event.origin?.settle();
      };
      replaySource(options).subscribe({
        next: (batch) => {
          given.push(batch);
          unsettled += batch.events.length;
          most = Math.max(most, unsettled);
          setImmediate(settle, batch);
        },
        error: reject,
        complete: () => {
          expect(most).toBeLessThan(300 + 256);
          resolve();
        },
      });
    });
    expect(given.flatMap(({ events }) => events)).toHaveLength(LINES.length * 3);
  });

  it('ends at once when it is aborted while its input is silent', async () => {
    const silent = new PassThrough();
    const abort = new AbortController();
    const done = lastValueFrom(replaySource({ files: ['-'], stdin: silent, signal: abort.signal }), {
      defaultValue: 'nothing',
    });
    abort.abort();
    expect(await done).toBe('nothing');
    expect(silent.destroyed).toBe(true);
  });
});

describe('lines', () => {
  it('are the same wherever the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'binary', maxLength: 20 }).map((text) => text.replaceAll(/[\r\n]/g, ''))),
        fc.array(fc.nat(), { maxLength: 12 }),
        async (texts, cuts) => {
          const bytes = Buffer.from(texts.map((text) => `${text}\n`).join(''));
          const lines: Line[] = [];
          for await (const some of linesOf(cut(bytes, cuts))) lines.push(...some);
          expect(lines.map((line) => Buffer.from(line.bytes ?? []).toString())).toEqual(texts);
          expect(lines.map(({ number }) => number)).toEqual(texts.map((_, i) => i + 1));
        },
      ),
    );
  });

  it('over the bound are skipped, with their number and length known', async () => {
    const bytes = Buffer.from(`a\n${'x'.repeat(50)}\nb\n${'y'.repeat(11)}`);
    const lines: Line[] = [];
    for await (const some of linesOf(cut(bytes, [5, 20, 40]), 10)) lines.push(...some);
    expect(lines.map(({ number, length, bytes: of }) => [number, length, of === undefined])).toEqual([
      [1, 1, false],
      [2, 50, true],
      [3, 1, false],
      [4, 11, true],
    ]);
  });
});

describe('a recording', () => {
  it('gives back every event, wherever the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 })),
        fc.array(fc.nat(), { maxLength: 12 }),
        async (events, cuts) => {
          const bytes = Buffer.concat(events.map(recordedEvent));
          const read: Uint8Array[] = [];
          for await (const some of readRecording(cut(bytes, cuts))) read.push(...some);
          expect(read.map((event) => [...event])).toEqual(events.map((event) => [...event]));
        },
      ),
    );
  });

  it('that was cut off gives every whole event before it says so', async () => {
    const bytes = Buffer.concat([recordedEvent(Buffer.from('one')), recordedEvent(Buffer.from('two'))]);
    const read: Uint8Array[] = [];
    const reading = (async () => {
      for await (const some of readRecording(cut(bytes.subarray(0, -1), []))) read.push(...some);
    })();
    await expect(reading).rejects.toThrow(RecordingError);
    expect(read).toHaveLength(1);
  });

  it('is recognised, and replays the events that were recorded', async () => {
    const { batches } = await replayAll({ files: [file(TEXT)] });
    const events = batches.flatMap((batch) => batch.events);
    const name = file(Buffer.concat(events.map(({ bytes }) => recordedEvent(bytes))));
    const again = await replayAll({ files: [name] });
    expect(again.faults).toEqual([]);
    expect(
      again.batches
        .flatMap((batch) => batch.events)
        .map(({ bytes, trigger }) => [Buffer.from(bytes), trigger]),
    ).toEqual(events.map(({ bytes, trigger }) => [Buffer.from(bytes), trigger]));
  });
});
