// The trigger of an encoded event (`auth.` and its field 4, action) without making a string for each event.
import type { Trigger } from '../events/triggers.ts';

/** Bridges send a handful of actions; the bound is against one that does not. */
const maxKnown = 256;

interface KnownTrigger {
  readonly action: Uint8Array;
  readonly trigger: Trigger;
}

export class AuthTriggers {
  readonly #known: KnownTrigger[] = [];

  /** Undefined: the event names no action. */
  of(bytes: Uint8Array, start: number, end: number): Trigger | undefined {
    const at = actionStart(bytes, start, end);
    if (at === 0) return undefined;
    const length = bytes[at - 1] ?? 0; // one byte: an action has less than 128
    for (const known of this.#known) {
      if (isSame(known.action, bytes, at, length)) return known.trigger;
    }
    return this.#learn(bytes.slice(at, at + length));
  }

  #learn(action: Uint8Array): Trigger {
    const trigger: Trigger = `auth.${Buffer.from(action).toString('latin1')}`;
    if (this.#known.length < maxKnown) this.#known.push({ action, trigger });
    return trigger;
  }
}

function isSame(action: Uint8Array, bytes: Uint8Array, at: number, length: number): boolean {
  if (action.length !== length) return false;
  for (let index = 0; index < length; index += 1) {
    if (action[index] !== bytes[at + index]) return false;
  }
  return true;
}

/** The offset of the action's first byte; 0 when there is none. Bridges encode it fourth, behind three numbers. */
function actionStart(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const tag = bytes[at] ?? 0;
    at += 1;
    if (tag === 0x22) {
      const length = bytes[at] ?? 0;
      return length > 0 && length < 128 && at + 1 + length <= end ? at + 1 : 0;
    }
    let value = 0;
    const wireType = tag & 7;
    if (tag >= 128) at += 1; // fields 16 to 2047 have a tag of two bytes
    if (wireType === 0 || wireType === 2) {
      for (let scale = 1; at < end; scale *= 128) {
        const byte = bytes[at] ?? 0;
        at += 1;
        value += (byte & 0x7f) * scale;
        if (byte < 128) break;
      }
    }
    if (wireType === 1) at += 8;
    else if (wireType === 2) at += value;
    else if (wireType === 5) at += 4;
    else if (wireType !== 0) return 0;
  }
  return 0;
}
