// The few fields by which the pipeline routes an event, read from its bytes in one pass.
import { textOfRange } from './text.ts';
import { type Trigger, triggerOf } from './triggers.ts';
import { WireReader } from './wire-reader.ts';

export interface EventHeader {
  readonly sequence: number;
  /** picket.v1.EventKind. */
  readonly kind: number;
  readonly action: string;
  readonly trigger: Trigger;
  /** Unix time. */
  readonly createdNs: bigint;
  /** It is the audit of an auth event. */
  readonly hasAuth: boolean;
  /** The auth lane evaluated it: its annotations are complete. */
  readonly isAnnotated: boolean;
  readonly hasAlerts: boolean;
}

const reader = new WireReader();
const authReader = new WireReader();

// Keys: field number × 8 + wire type.
const SEQUENCE = 1 * 8;
const CREATED = 2 * 8 + 1;
const KIND = 3 * 8;
const ACTION = 4 * 8 + 2;
const AUTH = 30 * 8 + 2;
const AUTH_ANNOTATED = 8 * 8;
const ALERTS = 33 * 8 + 2;

/** @throws MalformedEventError */
export function headerOf(bytes: Uint8Array): EventHeader {
  reader.over(bytes, 0, bytes.length);
  let sequence = 0;
  let kind = 0;
  let action = '';
  let createdNs = 0n;
  let hasAuth = false;
  let isAnnotated = false;
  let hasAlerts = false;
  for (let key = reader.key(); key !== 0; key = reader.key()) {
    switch (key) {
      case SEQUENCE:
        sequence = Number(reader.unsigned());
        break;
      case CREATED:
        createdNs = reader.fixed64();
        break;
      case KIND:
        kind = reader.varint32() | 0;
        break;
      case ACTION: {
        const length = reader.length();
        action = textOfRange(bytes, reader.position, reader.position + length);
        reader.position += length;
        break;
      }
      case AUTH: {
        const length = reader.length();
        hasAuth = true;
        isAnnotated = readAnnotated(bytes, reader.position, reader.position + length, isAnnotated);
        reader.position += length;
        break;
      }
      case ALERTS:
        hasAlerts = true;
        reader.skip(key);
        break;
      default:
        reader.skip(key);
    }
  }
  return {
    sequence,
    kind,
    action,
    trigger: triggerOf(kind, action),
    createdNs,
    hasAuth,
    isAnnotated,
    hasAlerts,
  };
}

function readAnnotated(bytes: Uint8Array, start: number, end: number, before: boolean): boolean {
  authReader.over(bytes, start, end);
  let isAnnotated = before;
  for (let key = authReader.key(); key !== 0; key = authReader.key()) {
    if (key === AUTH_ANNOTATED) isAnnotated = authReader.boolean();
    else authReader.skip(key);
  }
  return isAnnotated;
}
