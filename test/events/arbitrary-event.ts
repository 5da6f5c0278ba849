// Arbitrary events, made from the wire table: whatever a field can hold, in the form in which it is read back.
import fc from 'fast-check';
import { modeText } from '../../src/events/derived-facts.ts';
import type { EcsEvent } from '../../src/events/ecs-event.ts';
import { ES_EVENT_TYPES } from '../../src/events/es-event-types.ts';
import { completeEvent } from '../../src/events/object-facts.ts';
import { textOfBytes } from '../../src/events/text.ts';
import { textOfNs } from '../../src/events/times.ts';
import { triggerOf } from '../../src/events/triggers.ts';
import { EVENT, type WireField, type WireMessage } from '../../src/events/wire-table.ts';

type Plain = { [key: string]: unknown };

const uint32 = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 0xffffffff }));
const uint64 = fc
  .oneof(fc.bigInt({ min: 1n, max: 1000n }), fc.bigInt({ min: 1n, max: (1n << 64n) - 1n }))
  .map((value) => (value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value));

/** Texts as a kernel gives them: any bytes. */
const kernelText = fc
  .oneof(
    fc.string({ minLength: 1, maxLength: 40 }).map((text) => Buffer.from(text, 'utf8')),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }).map((text) => Buffer.from(text, 'utf8')),
    fc.uint8Array({ minLength: 1, maxLength: 60 }),
  )
  .map(textOfBytes);

const path = fc.array(kernelText, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join('/')}`);

/** What `es` may hold: JSON, with integers of 64 bits. */
const esValue: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    kernelText,
    fc.constant(''),
    fc.boolean(),
    fc.constant(null),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }), // JSON has no infinities
    fc.bigInt({ min: 1n << 53n, max: (1n << 64n) - 1n }),
    fc.bigInt({ min: -(1n << 63n), max: -(1n << 53n) }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string({ maxLength: 8 }), tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;

const es = fc.dictionary(fc.constantFrom('event', 'process', 'thread', 'seq_num', '__proto__'), esValue, {
  noNullPrototype: true,
});

const auditLine = fc
  .tuple(
    fc.constantFrom('PATH', 'EXECVE'),
    fc.constantFrom('name', 'a0', 'x'),
    fc.stringMatching(/^[ -~]{0,9}$/),
  )
  .map(([type, field, value]) => `type=${type} msg=audit(1.2:3): ${field}=${value}`);

/** An event as decoding gives it, derived facts included. */
export const arbitraryEvent: fc.Arbitrary<EcsEvent> = fc
  .record({
    fields: messageOf(EVENT, 0),
    kind: fc.integer({ min: 1, max: 7 }),
    action: fc.constantFrom(...ES_EVENT_TYPES.map(({ name }) => name), 'of_tomorrow'),
  })
  .map(({ fields, kind, action }) => {
    const event = fields as { event?: Plain; picket?: Plain };
    const trigger = triggerOf(kind, action);
    return settle({
      ...event,
      event: { ...event.event, action },
      picket: { ...event.picket, trigger },
    } as EcsEvent);
  });

function messageOf(message: WireMessage, depth: number): fc.Arbitrary<Plain> {
  const members: Record<string, fc.Arbitrary<unknown>> = {};
  for (const field of message.fields) {
    if (field.kind === 'kind' || (field.message?.name === 'Process' && depth >= 2)) continue;
    // The kernel's name of a process is seen only where its path is not.
    if (message.name === 'Process' && field.path[0] === 'name') continue;
    members[String(field.number)] = anyOf(field, depth + 1);
  }
  return fc.record(members, { requiredKeys: [] }).map((values) => {
    const object: Plain = {};
    for (const field of message.fields) {
      const value = values[String(field.number)];
      if (value === undefined) continue;
      if (field.kind === 'mode') Object.assign(object, value);
      else put(object, field.path, value);
    }
    return object;
  });
}

function anyOf(field: WireField, depth: number): fc.Arbitrary<unknown> {
  const single = scalarOf(field, depth);
  if (!field.repeated) return single;
  return fc.array(field.message === undefined ? fc.oneof(fc.constant(''), single) : single, {
    minLength: 1,
    maxLength: 4,
  });
}

function scalarOf(field: WireField, depth: number): fc.Arbitrary<unknown> {
  if (field.message !== undefined) return messageOf(field.message, depth);
  const zero = field.presence !== 'nonzero' && typeof field.presence === 'string' ? [fc.constant(0)] : [];
  switch (field.kind) {
    case 'text':
      if (field.path[0] === 'message') return fc.oneof(kernelText, auditLine);
      return field.path.at(-1)?.includes('path') || field.path[0] === 'executable' ? path : kernelText;
    case 'string':
      return fc.string({ unit: 'binary', minLength: 1, maxLength: 20 });
    case 'uint32':
      return fc.oneof(...zero, uint32);
    case 'uint64':
      return uint64;
    case 'id':
      return fc.oneof(...zero, uint32).map(String);
    case 'id64':
      return uint64.map(String);
    case 'sint32':
      return fc.integer();
    case 'boolean':
      return field.presence === 'always' ? fc.boolean() : fc.constant(true);
    case 'time':
      return fc.bigInt({ min: 1n, max: (1n << 64n) - 1n }).map(textOfNs);
    case 'fixedId':
      return fc.bigInt({ min: 1n, max: (1n << 64n) - 1n }).map((id) => id.toString(16).padStart(16, '0'));
    case 'hex':
      return fc
        .uint8Array({ minLength: 1, maxLength: 32 })
        .map((bytes) => Buffer.from(bytes).toString('hex'));
    case 'mode':
      return fc
        .tuple(fc.integer({ min: 0, max: 0o7777 }), fc.constantFrom('file', 'directory', 'symlink', 'socket'))
        .map(([bits, type]) => ({ mode: modeText(bits), type }));
    case 'enum':
      return fc.oneof(fc.constantFrom(...field.names.filter((name) => name !== '')), fc.constant('99'));
    default:
      return es;
  }
}

function put(object: Plain, path: readonly string[], value: unknown): void {
  let inner = object;
  for (const key of path.slice(0, -1)) {
    inner[key] ??= {};
    inner = inner[key] as Plain;
  }
  inner[path.at(-1) as string] = value;
}

/** Fills in what decoding would: derived facts, and zeros that are values. */
function settle(event: EcsEvent): EcsEvent {
  return completeEvent(zeros(event as Plain, EVENT) as EcsEvent);
}

function zeros(object: Plain, message: WireMessage): Plain {
  const whole: Plain = { ...object };
  for (const field of message.fields) {
    const inner = at(whole, field.path);
    if (field.message !== undefined && inner !== undefined) {
      const { message: within } = field;
      const filled = field.repeated
        ? (inner as Plain[]).map((item) => zeros(item, within))
        : zeros(inner as Plain, within);
      replace(whole, field.path, filled);
    }
    const isThere =
      field.presence === 'always' ||
      (typeof field.presence === 'object' &&
        whole[message.byNumber[field.presence.with]?.path[0] ?? ''] !== undefined);
    if (!isThere || inner !== undefined) continue;
    replace(whole, field.path, field.kind === 'boolean' ? false : field.kind === 'id' ? '0' : 0);
  }
  return whole;
}

function at(object: Plain, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Plain | undefined)?.[key], object);
}

function replace(object: Plain, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path as [string, ...string[]];
  if (rest.length === 0) {
    object[key] = value;
    return;
  }
  object[key] = { ...(object[key] as Plain) };
  replace(object[key] as Plain, rest, value);
}
