// One line of text as an event: eslogger's JSON, or an event in ECS names as `picket replay` and `picket tail --json`
// print it. A file may hold both; what the line before was is tried first.
import type { EcsEvent } from '../events/ecs-event.ts';
import { EsloggerLineError, parseEslogger } from '../events/eslogger.ts';
import { isJson } from '../events/eslogger-file.ts';
import type { FactValue } from '../events/facts.ts';
import { parseLossless } from '../events/lossless-json.ts';

export class TextEvents {
  #wasEcs = false;

  /** @throws EsloggerLineError the line is neither */
  parse(line: string): EcsEvent {
    // An event in ECS names may look like one of eslogger's: both have `event` with keys of its own.
    const expected = this.#wasEcs || line.includes('"picket"') ? parseEcs(line) : undefined;
    if (expected !== undefined) {
      this.#wasEcs = true;
      return expected;
    }
    try {
      const event = parseEslogger(line);
      this.#wasEcs = false;
      return event;
    } catch (error) {
      if (!(error instanceof EsloggerLineError)) throw error;
      const event = parseEcs(line);
      if (event === undefined) throw error;
      this.#wasEcs = true;
      return event;
    }
  }
}

const TRIGGER = /^(?:(?:auth|notify)\.\w+|log|dns\.query|dns\.answer|flow|picket)$/;

/** undefined: it is none. @throws EsloggerLineError it is one, and does not say of what */
function parseEcs(line: string): EcsEvent | undefined {
  let value: FactValue;
  try {
    value = parseLossless(line);
  } catch {
    return undefined;
  }
  if (!isJson(value)) return undefined;
  const trigger = isJson(value.picket) ? value.picket.trigger : undefined;
  if (typeof trigger === 'string' && TRIGGER.test(trigger)) return value as EcsEvent;
  const isNamed = isJson(value.event) && typeof value.event.action === 'string';
  if (trigger === undefined && !isNamed) return undefined;
  throw new EsloggerLineError(
    'an event in ECS names says of what it is in picket.trigger: expected auth.exec, notify.open, dns.query, …',
    'json',
  );
}
