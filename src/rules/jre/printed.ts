// How objects print whose members are made when they are first read: as json-rules-engine's do, with everything in them.

/** Node's console and `util.inspect` call what stands under it. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** @param prototype what the printed object is one of */
export function printsInFull(object: object, prototype: object = Object.prototype): void {
  const value = function (this: object): object {
    return Object.assign(Object.create(prototype) as object, this);
  };
  Object.defineProperty(object, INSPECT, { value, configurable: true, writable: true });
}
