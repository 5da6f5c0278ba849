// Names in an event that somebody wrote which no fact has: each would be a missing fact, and silence its only sign.
import { nearestFact } from '../../events/fact-table.ts';
import { slotOf } from '../../events/facts.ts';
import type { Platform } from '../../events/triggers.ts';
import type { FileEvent } from '../../sources/event-file.ts';

export interface UnknownFact {
  readonly name: string;
  /** The one that was meant, probably. */
  readonly nearest: string | undefined;
}

/** None in an event that was recorded: it holds what the event model holds. */
export function unknownFacts({ written, trigger }: FileEvent, platform: Platform): readonly UnknownFact[] {
  const unknown: UnknownFact[] = [];
  const visit = (value: unknown, name: string): void => {
    if (slotOf(name) === undefined) {
      // What Picket prints beside an event is no fact, and no mistake.
      if (!/^(?:picket|host|@timestamp)\b/.test(name)) {
        unknown.push({ name, nearest: nearestFact(name, trigger, platform) });
      }
      return;
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
    for (const [key, entry] of Object.entries(value)) visit(entry, `${name}.${key}`);
  };
  for (const [key, value] of Object.entries(written ?? {})) visit(value, key);
  return unknown;
}
