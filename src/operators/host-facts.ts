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

  /** What an event says of its host itself, its platform, stands before what is said of the batch. */
  get(slot: Slot): FactValue {
    const own = this.#event.get(slot);
    return slot.path[0] === 'host' ? merge(own, this.#values.get(slot.name)) : own;
  }
}

function valuesOf(host: picket.v1.IHost): Map<string, FactValue> {
  const os = dropEmpty({ version: host.osVersion, kernel: host.kernel });
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

function merge(own: FactValue, ofBatch: FactValue): FactValue {
  if (own === undefined || !isObject(own) || !isObject(ofBatch)) return own ?? ofBatch;
  const merged: Record<string, FactValue> = { ...ofBatch };
  for (const [key, value] of Object.entries(own)) merged[key] = merge(value, ofBatch[key]);
  return merged;
}

function dropEmpty(object: Readonly<Record<string, FactValue>>): FactObject {
  return Object.fromEntries(
    Object.entries(object).filter(([, value]) => value !== undefined && value !== null && value !== ''),
  );
}

function addLeaves(values: Map<string, FactValue>, name: string, object: FactObject): void {
  for (const [key, value] of Object.entries(object)) {
    values.set(`${name}.${key}`, value);
    if (isObject(value)) addLeaves(values, `${name}.${key}`, value);
  }
}

function isObject(value: FactValue): value is FactObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
