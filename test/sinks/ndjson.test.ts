import { Writable } from 'node:stream';
import { from, lastValueFrom, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { annotate, encodeAnnotations } from '../../src/events/annotate.ts';
import { encodeEvent } from '../../src/events/encode-event.ts';
import type { FlowEvent } from '../../src/operators/flow.ts';
import { ndjsonLine, ndjsonSink, writeTo } from '../../src/sinks/ndjson.ts';

function event(sequence: number): FlowEvent {
  const bytes = encodeEvent({
    event: { sequence, action: 'exec' },
    picket: { trigger: 'notify.exec' },
    process: { executable: '/bin/ls' },
  });
  return { bytes, sequence, trigger: 'notify.exec', kind: 2, action: 'exec' };
}

describe('the NDJSON sink', () => {
  it('prints one line an event, with what Picket says of it', () => {
    const plain = JSON.parse(ndjsonLine(event(1)));
    expect(plain.process).toEqual({ executable: '/bin/ls', name: 'ls' });
    expect(plain.picket).toEqual({ trigger: 'notify.exec', decision: 'none', rules: [], tags: [] });
    const annotations = encodeAnnotations({ rules: ['r'], tags: ['t'], decision: 'forward', suppressed: 2 });
    const said = JSON.parse(ndjsonLine({ ...event(1), bytes: annotate(event(1).bytes, annotations) }));
    expect(said.picket).toEqual({
      trigger: 'notify.exec',
      decision: 'forward',
      rules: ['r'],
      tags: ['t'],
      suppressed: 2,
    });
  });

  it('prints in order, and the next batch only when the output took the one before', async () => {
    const taken: string[] = [];
    const slow = new Writable({
      highWaterMark: 1,
      write(chunk, _encoding, done) {
        expect(this.writableLength).toBeLessThanOrEqual(chunk.length);
        taken.push(String(chunk));
        setImmediate(done);
      },
    });
    const batches = Array.from({ length: 20 }, (_, i) => ({ events: [event(2 * i + 1), event(2 * i + 2)] }));
    const receipts = await lastValueFrom(from(batches).pipe(ndjsonSink({ write: writeTo(slow) }), toArray()));
    const lines = taken.join('').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).event.sequence)).toEqual(
      Array.from({ length: 40 }, (_, i) => i + 1),
    );
    expect(receipts.every(({ outcome }) => outcome === 'acknowledged')).toBe(true);
  });

  it('ends cleanly when the reader has gone, and sheds what could not be printed', async () => {
    let writes = 0;
    const gone = new Writable({
      write(_chunk, _encoding, done) {
        done(++writes > 2 ? Object.assign(new Error('broken pipe'), { code: 'EPIPE' }) : null);
      },
    });
    const batches = Array.from({ length: 6 }, (_, i) => ({ events: [event(i + 1)] }));
    const receipts = await lastValueFrom(from(batches).pipe(ndjsonSink({ write: writeTo(gone) }), toArray()));
    expect(receipts.map(({ outcome }) => outcome).at(-1)).toBe('shed');
    expect(receipts.length).toBeLessThan(6);
    expect(writes).toBe(3);
  });

  it('ends with an error when the output fails otherwise', async () => {
    const full = new Writable({
      highWaterMark: 1,
      write(_chunk, _encoding, done) {
        done(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }));
      },
    });
    const batches = [{ events: [event(1)] }, { events: [event(2)] }];
    await expect(
      lastValueFrom(from(batches).pipe(ndjsonSink({ write: writeTo(full) }), toArray())),
    ).rejects.toThrow('no space');
  });
});
