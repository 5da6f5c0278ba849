import { describe, expect, it } from 'vitest';
import { decodeEvent } from '../../src/events/decode-event.ts';
import type { EcsEvent } from '../../src/events/ecs-event.ts';
import { encodeEvent } from '../../src/events/encode-event.ts';
import { EsloggerLineError, parseEslogger } from '../../src/events/eslogger.ts';
import { nsOfText } from '../../src/events/times.ts';
import { esloggerSample, type Json, MESSAGE_VERSIONS, printLine } from '../data/eslogger-samples.ts';

const TOKEN = ['auid', 'euid', 'egid', 'ruid', 'rgid', 'pid', 'asid', 'pidversion'];

/** Path and value of everything that holds nothing further; empty lists and objects are such, too. */
function leavesOf(value: Json, path: readonly string[] = []): [readonly string[], Json][] {
  if (typeof value !== 'object' || value === null) return [[path, value]];
  const entries = Object.entries(value);
  if (entries.length === 0) return [[path, value]];
  const isToken = Array.isArray(value) && (path.at(-1) ?? '').endsWith('token') && value.length === 8;
  return entries.flatMap(([key, member]) =>
    leavesOf(member, [...path, isToken ? (TOKEN[Number(key)] ?? key) : key]),
  );
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (inner as Record<string, unknown> | null | undefined)?.[key],
    value,
  );
}

/** How a value may look in ECS: ids are text there, modes octal, times have all nine decimals. */
function looksOf(name: string, value: Json): unknown[] {
  const looks: unknown[] = [value];
  if (typeof value === 'number' || typeof value === 'bigint') looks.push(String(value));
  if (name === 'st_mode') looks.push((Number(value) & 0o7777).toString(8).padStart(4, '0'));
  if (typeof value === 'string' && nsOfText(value) !== undefined) looks.push(`ns ${nsOfText(value)}`);
  return looks;
}

function lost(sample: Json, event: EcsEvent): string[] {
  const { es, ...typed } = event;
  const found = new Set<unknown>();
  for (const [, value] of leavesOf(typed as Json)) {
    found.add(value);
    if (typeof value === 'string' && nsOfText(value) !== undefined) found.add(`ns ${nsOfText(value)}`);
  }
  const missing: string[] = [];
  for (const [path, value] of leavesOf(sample)) {
    const kept = at(es, path);
    if (kept !== undefined && printLine(kept as Json) === printLine(value)) continue;
    if (path.join('.') === 'action_type') {
      if (event.picket?.trigger?.startsWith(value === 0 ? 'auth.' : 'notify.')) continue;
    } else if (looksOf(path.at(-1) ?? '', value).some((look) => found.has(look))) continue;
    missing.push(`${path.join('.')} = ${printLine(value)}`);
  }
  return missing;
}

describe('an eslogger line', () => {
  for (const version of MESSAGE_VERSIONS) {
    it(`of message version ${version} loses no leaf, whatever its event type`, () => {
      for (let type = 0; type < 148; type++) {
        const sample = esloggerSample(type, version);
        const event = parseEslogger(printLine(sample));
        expect(lost(sample, event), `parsed, type ${type}`).toEqual([]);
        const decoded = decodeEvent(encodeEvent(event));
        expect(lost(sample, decoded), `decoded, type ${type}`).toEqual([]);
        expect(decoded.event?.action).toBe(Object.keys(sample.event as object)[0]);
      }
    });
  }

  it('is compared leaf by leaf: the check notices each that is taken away', () => {
    const sample = esloggerSample(12, 9);
    const event = parseEslogger(printLine(sample));
    const { es: _es, ...withoutEs } = event;
    expect(lost(sample, withoutEs).length).toBeGreaterThan(20);
    expect(lost(sample, { ...event, file: { ...event.file, inode: '1' } })).toHaveLength(1);
    const { code_signature: _signature, ...unsigned } = event.process ?? {};
    expect(lost(sample, { ...event, process: unsigned }).length).toBeGreaterThanOrEqual(3);
  });

  it('of a type that this code does not know passes under its own name', () => {
    for (const type of [148, 153, 4_000_000_000]) {
      const sample = esloggerSample(type, 10);
      const event = parseEslogger(printLine(sample));
      expect(lost(sample, decodeEvent(encodeEvent(event)))).toEqual([]);
      expect(event.event?.code).toBe(String(type));
      expect(event.picket?.trigger).toBe(`notify.event_of_tomorrow_${type}`);
    }
  });

  it('of exec has the new image as process and the caller as previous', () => {
    const sample = esloggerSample(9, 9);
    const event = parseEslogger(printLine(sample));
    const target = at(sample, ['event', 'exec', 'target']);
    expect(event.process?.executable).toBe(at(target, ['executable', 'path']));
    expect(event.process?.pid).toBe(at(target, ['audit_token', 'pid']));
    expect(event.process?.parent?.pid).toBe(at(target, ['ppid']));
    expect(event.process?.previous?.executable).toBe(at(sample, ['process', 'executable', 'path']));
    expect(event.process?.args).toEqual(at(sample, ['event', 'exec', 'args']));
    expect(event.process?.working_directory).toBe(at(sample, ['event', 'exec', 'cwd', 'path']));
    expect(event.exec?.script).toBe(at(sample, ['event', 'exec', 'script', 'path']));
    expect(event.file?.path).toBe(event.process?.executable);
    expect(event.file?.inode).toBe(String(at(target, ['executable', 'stat', 'st_ino'])));
    expect(event.process?.code_signature?.exists).toBe(true);
  });

  it('has the same audit token by name, as an object and as a list', () => {
    const before = parseEslogger(printLine(esloggerSample(10, 9)));
    const after = parseEslogger(printLine(esloggerSample(10, 10)));
    for (const event of [before, after]) {
      expect(Object.keys(at(event.es, ['process', 'audit_token']) as object)).toEqual(TOKEN);
      expect(String(at(event.es, ['process', 'audit_token', 'euid']))).toBe(event.process?.user?.id);
    }
  });

  it('composes the path of a file that is about to be', () => {
    const create = parseEslogger(printLine(esloggerSample(13, 9)));
    const made = at(create.es, ['event', 'create', 'destination', 'new_path']);
    expect(create.file?.path).toBe(`${at(made, ['dir', 'path'])}/${at(made, ['filename'])}`);
    const rename = parseEslogger(printLine(esloggerSample(25, 10)));
    expect(rename.file?.target_path).toMatch(/\/after$/);
  });

  it('of an exit has the exit code, and none where a signal ended the process', () => {
    const sample = esloggerSample(15, 9);
    const exit = (stat: number) =>
      parseEslogger(printLine({ ...sample, event: { exit: { stat } } })).process?.exit_code;
    expect([exit(0), exit(3 << 8), exit(9)]).toEqual([0, 3, undefined]);
  });

  it('keeps 64-bit integers whole, also where strings look like members', () => {
    const line = printLine({
      ...esloggerSample(10, 9),
      host: { serial: -9223372036854775808n, list: [18446744073709551615n], safe: 9007199254740991 },
      metadata: { text: '"st_ino":1152921500312525701,', more: 'x":1234567890123456789}' },
      beyond: 123456789012345678901234567890n,
    });
    const event = decodeEvent(encodeEvent(parseEslogger(line)));
    expect(event.es?.host).toEqual({
      serial: -9223372036854775808n,
      list: [18446744073709551615n],
      safe: 9007199254740991,
    });
    expect(event.es?.metadata).toEqual({
      text: '"st_ino":1152921500312525701,',
      more: 'x":1234567890123456789}',
    });
    expect(event.es?.beyond).toBe('123456789012345678901234567890');
  });

  it('of a vendor keeps what was added and gives the sequence number its name', () => {
    const { global_seq_num: number, ...sample } = esloggerSample(10, 9);
    const event = parseEslogger(
      printLine({ ...sample, glob_seq_num: number as Json, host: { name: 'mac' }, metadata: {} }),
    );
    expect(event.es?.global_seq_num).toBe(number);
    expect(event.es?.host).toEqual({ name: 'mac' });
    expect(event.es?.metadata).toEqual({});
  });

  it('says what it found where it expected an event', () => {
    const errorOf = (line: string): EsloggerLineError => {
      try {
        parseEslogger(line);
      } catch (error) {
        return error as EsloggerLineError;
      }
      throw new Error(`${line} was taken`);
    };
    for (const line of [
      'Not permitted: ES_NEW_CLIENT_RESULT_ERR_NOT_PERMITTED',
      '{"a":',
      '[]',
      '{}',
      '1',
      '{"event":{}}',
    ]) {
      expect(errorOf(line)).toBeInstanceOf(EsloggerLineError);
    }
    expect(errorOf('eslogger: not permitted').looksLike).toBe('text');
    expect(errorOf('{"event":{"a":1,"b":2}}').message).toContain('a, b');
  });
});
