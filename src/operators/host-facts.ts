// host.* as facts. Every event of a batch has the same host, so it travels once a batch and not in each event; rules
// read it beside the event's own facts.
import type { Facts, FactValue, Slot } from '../events/facts.ts';
import type { picket } from '../events/proto/picket.js';

export class HostFacts implements Facts {
  readonly #event: Facts;
  #values = new Map<string, FactValue>();
  #host: picket.v1.IHost | undefined;

  constructor(event: Facts) {
    this.#event = event;
  }

  /** The host of the batch that is judged next. */
  use(host: picket.v1.IHost | undefined): void {
    if (host === this.#host) return;
    this.#host = host;
    this.#values = host ? valuesOf(host) : new Map();
  }

  get(slot: Slot): FactValue {
    const ofHost = slot.path[0] === 'host' ? this.#values.get(slot.name) : undefined;
    return ofHost ?? this.#event.get(slot);
  }
}

function valuesOf(host: picket.v1.IHost): Map<string, FactValue> {
  const os = dropEmpty({ family: host.osFamily, version: host.osVersion, kernel: host.kernel });
  const object = dropEmpty({
    name: host.name,
    architecture: host.architecture,
    boot: dropEmpty({ id: host.bootId }),
    os,
  });
  const values = new Map<string, FactValue>([['host', object]]);
  addLeaves(values, 'host', object);
  return values;
}

type FactObject = { readonly [key: string]: FactValue };

function dropEmpty(object: Readonly<Record<string, FactValue>>): FactObject {
  return Object.fromEntries(
    Object.entries(object).filter(([, value]) => value !== undefined && value !== null && value !== ''),
  );
}

function addLeaves(values: Map<string, FactValue>, name: string, object: FactObject): void {
  for (const [key, value] of Object.entries(object)) {
    values.set(`${name}.${key}`, value);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      addLeaves(values, `${name}.${key}`, value as FactObject);
  }
}
