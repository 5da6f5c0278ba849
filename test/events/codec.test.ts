import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { annotate, encodeAnnotations } from '../../src/events/annotate.ts';
import { decodeEvent } from '../../src/events/decode-event.ts';
import type { EcsEvent } from '../../src/events/ecs-event.ts';
import { encodeEvent, UnencodableEventError } from '../../src/events/encode-event.ts';
import { NestedTooDeepError } from '../../src/events/encode-value.ts';
import { headerOf } from '../../src/events/encoded-event.ts';
import { EncodedFacts } from '../../src/events/encoded-facts.ts';
import { ES_EVENT_TYPES } from '../../src/events/es-event-types.ts';
import { parseEslogger } from '../../src/events/eslogger.ts';
import { type Slot, slotOf } from '../../src/events/facts.ts';
import { parseLossless } from '../../src/events/lossless-json.ts';
import { objectFacts } from '../../src/events/object-facts.ts';
import { picket } from '../../src/events/proto/picket.js';
import { LOCATIONS } from '../../src/events/slot-locations.ts';
import { stringifyEvent } from '../../src/events/stringify-event.ts';
import { MalformedEventError } from '../../src/events/wire-reader.ts';
import { esloggerSample, MESSAGE_VERSIONS, printLine } from '../data/eslogger-samples.ts';
import { arbitraryEvent } from './arbitrary-event.ts';

const SLOTS = [
  ...LOCATIONS.keys(),
  'auditd.log.name',
  'auditd.log.__proto__',
  'es.event',
  'es.process',
  'es.event.a.b',
  'es.__proto__',
].map((name) => slotOf(name) as Slot);

/** Keys of every object that is a map, so that paths below `es` are tried that exist. */
function esSlots(value: unknown, name = 'es', depth = 0): Slot[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || depth > 3) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    if (key === '' || key.includes('.')) return [];
    const full = `${name}.${key}`;
    return [slotOf(full) as Slot, ...esSlots(inner, full, depth + 1)];
  });
}

/** Every fact that is read, or the error that all readings ended in. */
function readAll(facts: EncodedFacts, bytes: Uint8Array): void {
  facts.reset(bytes);
  for (const slot of SLOTS) {
    try {
      facts.get(slot);
    } catch (error) {
      if (!(error instanceof MalformedEventError)) throw error;
    }
  }
  for (const read of [decodeEvent, headerOf]) {
    try {
      read(bytes);
    } catch (error) {
      if (!(error instanceof MalformedEventError)) throw error;
    }
  }
}

describe('an encoded event', () => {
  it('decodes to what was encoded', () => {
    fc.assert(
      fc.property(arbitraryEvent, (event) => {
        expect(decodeEvent(encodeEvent(event))).toEqual(event);
      }),
    );
  });

  it('gives for every slot what the object gives', () => {
    const facts = new EncodedFacts();
    fc.assert(
      fc.property(arbitraryEvent, (event) => {
        const objects = objectFacts(event);
        facts.reset(encodeEvent(event));
        for (const slot of [...SLOTS, ...esSlots(event.es)]) {
          expect(facts.get(slot), slot.name).toEqual(objects.get(slot));
        }
      }),
    );
  });

  it('gives a slot that is read alone as it gives it after all others', () => {
    const facts = new EncodedFacts();
    fc.assert(
      fc.property(arbitraryEvent, (event) => {
        const bytes = encodeEvent(event);
        const objects = objectFacts(event);
        for (const slot of SLOTS) expect(facts.reset(bytes).get(slot), slot.name).toEqual(objects.get(slot));
      }),
      { numRuns: 50 },
    );
  });

  it('gives the same where it stands among other bytes, as in what the auth lane has read', () => {
    const facts = new EncodedFacts();
    const bytesAround = fc.uint8Array({ maxLength: 40 });
    fc.assert(
      fc.property(arbitraryEvent, bytesAround, bytesAround, (event, before, behind) => {
        const bytes = encodeEvent(event);
        const objects = objectFacts(event);
        facts.reset(Buffer.concat([before, bytes, behind]), before.length, before.length + bytes.length);
        for (const slot of [...SLOTS, ...esSlots(event.es)])
          expect(facts.get(slot), slot.name).toEqual(objects.get(slot));
      }),
      { numRuns: 50 },
    );
  });

  it.each(MESSAGE_VERSIONS)(
    'of each Endpoint Security type, in message version %i, gives for every slot what the object gives',
    (version) => {
      const facts = new EncodedFacts();
      for (const { number, name } of ES_EVENT_TYPES) {
        const event = parseEslogger(printLine(esloggerSample(number, version)));
        const objects = objectFacts(event);
        facts.reset(encodeEvent(event));
        const below = esSlots(event.es);
        expect(below.length, name).toBeGreaterThan(5);
        for (const slot of [...SLOTS, ...below])
          expect(facts.get(slot), `${name} ${slot.name}`).toEqual(objects.get(slot));
      }
    },
  );

  it('is read by protobufjs, too, and what protobufjs writes is read alike', () => {
    fc.assert(
      fc.property(arbitraryEvent, (event) => {
        const bytes = encodeEvent(event);
        const again = picket.v1.Event.encode(picket.v1.Event.decode(bytes)).finish();
        expect(decodeEvent(again)).toEqual(event);
      }),
    );
  });

  it('cut or changed anywhere ends in a MalformedEventError or in other facts, never in anything else', () => {
    const facts = new EncodedFacts();
    fc.assert(
      fc.property(
        arbitraryEvent,
        fc.nat(),
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 6 }),
        (event, cut, changes) => {
          const bytes = Uint8Array.from(encodeEvent(event));
          for (const [position, byte] of changes) bytes[position % bytes.length] = byte;
          readAll(facts, bytes);
          readAll(facts, bytes.subarray(0, cut % (bytes.length + 1)));
        },
      ),
    );
  });

  it('of arbitrary bytes is no crash', () => {
    const facts = new EncodedFacts();
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => readAll(facts, bytes)));
  });

  it('may hold fields that this code does not know, groups included', () => {
    const unknown = Buffer.from(
      [
        [0xc0, 0x3e, 0x05],
        [0xc2, 0x3e, 0x01, 0x41],
        [0xc3, 0x3e, 0x08, 0x01, 0xc4, 0x3e],
        [0xc5, 0x3e, 1, 2, 3, 4],
      ].flat(),
    );
    // The same key with another wire type is another field, as protobuf has it.
    const otherType = Buffer.from([0x20, 0x07]);
    fc.assert(
      fc.property(arbitraryEvent, (event) => {
        const bytes = Buffer.concat([unknown, encodeEvent(event), otherType, unknown]);
        expect(decodeEvent(bytes)).toEqual(event);
        const facts = new EncodedFacts().reset(bytes);
        for (const slot of SLOTS) expect(facts.get(slot), slot.name).toEqual(objectFacts(event).get(slot));
      }),
    );
  });

  it('appended to another merges, as protobufjs merges', () => {
    fc.assert(
      fc.property(arbitraryEvent, arbitraryEvent, (first, second) => {
        const bytes = Buffer.concat([encodeEvent(first), encodeEvent(second)]);
        const merged = decodeEvent(picket.v1.Event.encode(picket.v1.Event.decode(bytes)).finish());
        expect(decodeEvent(bytes)).toEqual(merged);
        const facts = new EncodedFacts().reset(bytes);
        for (const slot of [...SLOTS, ...esSlots(merged.es)]) {
          expect(facts.get(slot), slot.name).toEqual(objectFacts(merged).get(slot));
        }
        // Read alone, it is joined from arguments between which other fields stand.
        const line = slotOf('process.command_line') as Slot;
        expect(facts.reset(bytes).get(line)).toBe(merged.process?.command_line);
      }),
    );
  });

  it('whose entry of `es` has its name or its value twice is read as it is decoded', () => {
    const part = (number: number, ...of: readonly number[]): number[] => [number * 8 + 2, of.length, ...of];
    const text = (letters: string): number[] => [...Buffer.from(letters)];
    const mapOf = (...entries: readonly number[][]): number[] =>
      part(8, ...entries.flatMap((one) => part(1, ...one)));
    const entry = (name: string): number[] => [
      ...part(1, ...text(name)),
      ...part(2, ...part(6, ...text(name))),
    ];
    const [first, second] = [mapOf(entry('x'), entry('z')), mapOf(entry('y'), entry('x'))];
    const twice = [...part(1, ...text('a')), ...part(2, ...first), ...part(2, ...second)];
    const renamed = [...part(1, ...text('a')), ...part(1, ...text('b')), ...part(2, ...first)];
    const bytes = Buffer.from(part(12, ...mapOf(twice, renamed)));
    expect(decodeEvent(bytes).es).toEqual({ a: { x: 'x', y: 'y', z: 'z' }, b: { x: 'x', z: 'z' } });
    const facts = new EncodedFacts().reset(bytes);
    for (const [name, value] of Object.entries({
      'a.x': 'x',
      'a.y': 'y',
      'a.z': 'z',
      'b.x': 'x',
      'b.y': undefined,
    }))
      expect(facts.get(slotOf(`es.${name}`) as Slot), name).toBe(value);
  });

  it('keeps what was appended, lists one after another, the last decision', () => {
    const event = encodeEvent({ picket: { trigger: 'notify.exec', rules: ['first'], decision: 'drop' } });
    const annotations = encodeAnnotations({
      rules: ['second'],
      tags: ['attack.t1059'],
      alerts: [{ rule: 'second', severity: 'high', message: 'Näh' }],
      shadow: [{ rule: 'third', verdict: 'drop' }],
      decision: 'forward',
      suppressed: 3,
    });
    const bytes = annotate(event, annotations);
    expect(decodeEvent(bytes).picket).toEqual({
      trigger: 'notify.exec',
      rules: ['first', 'second'],
      tags: ['attack.t1059'],
      alerts: [{ rule: 'second', severity: 'high', message: 'Näh' }],
      shadow: [{ rule: 'third', verdict: 'drop' }],
      suppressed: 3,
      decision: 'forward',
    });
    expect(headerOf(bytes)).toMatchObject({ trigger: 'notify.exec', hasAlerts: true, hasAuth: false });
  });

  it('whose last value is a zero that means missing lacks the fact', () => {
    const bytes = Buffer.concat([
      encodeEvent({ process: { pid: 5 } }),
      Buffer.from([0x42, 0x02, 0x10, 0x00]),
    ]);
    expect(new EncodedFacts().reset(bytes).get(slotOf('process.pid') as Slot)).toBeUndefined();
    expect(decodeEvent(bytes).process).toEqual({});
  });

  it('tells unsigned code from code of which nothing is known', () => {
    const facts = new EncodedFacts();
    const exists = slotOf('process.code_signature.exists') as Slot;
    expect(facts.reset(encodeEvent({ process: { pid: 1 } })).get(exists)).toBeUndefined();
    expect(facts.reset(encodeEvent({ process: { code_signature: {} } })).get(exists)).toBe(false);
  });

  it('as an object has what is derived, unless it states it itself', () => {
    const of = (event: EcsEvent, name: string) => objectFacts(event).get(slotOf(name) as Slot);
    const process = { executable: '/usr/bin/python3.11', args: ['python3', 'x.py'], code_signature: {} };
    const file = { path: '/etc/.profile.d/a.tar.gz' };
    const derived: EcsEvent = { process, file };
    expect(of(derived, 'process.name')).toBe('python3.11');
    expect(of(derived, 'process.command_line')).toBe('python3 x.py');
    expect(of(derived, 'process.code_signature.exists')).toBe(false);
    expect(of(derived, 'process.code_signature.platform_binary')).toBe(false);
    expect([of(derived, 'file.name'), of(derived, 'file.extension')]).toEqual(['a.tar.gz', 'gz']);
    expect(of(derived, 'file.directory')).toBe('/etc/.profile.d');
    expect(of({ file: { path: '/.profile' } }, 'file.extension')).toBeUndefined();
    expect(of({ file: { path: '/.profile' } }, 'file.directory')).toBe('/');
    expect(of({ process: { args: [] } }, 'process.command_line')).toBeUndefined();
    const stated: EcsEvent = { process: { ...process, name: 'nc', command_line: 'nc -l' } };
    expect([of(stated, 'process.name'), of(stated, 'process.command_line')]).toEqual(['nc', 'nc -l']);
  });

  it('nested deeper than other decoders take is refused on both sides', () => {
    let deep: EcsEvent['es'] = {};
    for (let i = 0; i < 40; i++) deep = { deeper: deep };
    expect(() => encodeEvent({ es: deep as NonNullable<EcsEvent['es']> })).toThrow(NestedTooDeepError);
    let bytes = Buffer.from([]);
    for (let i = 0; i < 100; i++)
      bytes = Buffer.concat([Buffer.from([0x52]), picketLength(bytes.length), bytes]);
    const event = Buffer.concat([Buffer.from([0x42]), picketLength(bytes.length), bytes]);
    expect(() => decodeEvent(event)).toThrow(MalformedEventError);
  });

  it('is not made of a fact that it cannot hold', () => {
    expect(() => encodeEvent({ process: { pid: -1 } })).toThrow(UnencodableEventError);
    expect(() => encodeEvent({ event: { created: 'yesterday' } })).toThrow(/event\.created/);
    expect(() => encodeEvent({ file: { inode: 'x' } })).toThrow(/inode/);
  });
});

describe('an event as a line', () => {
  it('is JSON with integers whole, on one line', () => {
    fc.assert(
      fc.property(arbitraryEvent, (event) => {
        const line = stringifyEvent(event);
        expect(line).not.toContain('\n');
        expect(Buffer.from(line, 'utf8').toString('utf8')).toBe(line);
        expect(parseLossless(line)).toEqual(jsonOf(event));
      }),
    );
  });
});

function picketLength(length: number): Buffer {
  const bytes: number[] = [];
  let left = length;
  for (; left > 127; left >>>= 7) bytes.push((left & 127) | 128);
  return Buffer.from([...bytes, left]);
}

/** What JSON can say: −0 is 0, and a double beyond 2^53 that prints all its digits is read as that integer. */
function jsonOf(value: unknown): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? integerOf(value) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(jsonOf);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, jsonOf(inner)]));
}

function integerOf(value: number): number | bigint {
  const text = JSON.stringify(value);
  return Number.isSafeInteger(value) || !/^-?\d+$/.test(text) ? value + 0 : BigInt(text);
}
