// How a condition's `fact` and `path` reach their value: a slot, read straight from the event, and what is left of the
// path behind it. The result equals json-rules-engine's, which takes the whole fact and applies JSONPath to it.

import { type FactValue, type Slot, slotOf } from '../events/facts.ts';

export type Step = string | number;

export interface FactAccess {
  /** undefined: no event has such a fact; the value is always undefined. */
  readonly slot: Slot | undefined;
  /** To be followed on the slot's value: list indices, `length`, keys that are no plain names. */
  readonly steps: readonly Step[];
  /** The slot is the condition's `fact` itself: json-rules-engine then ignores the path of a value that is no object. */
  readonly isWhole: boolean;
}

/** As a person names it: `process.args[0]`. */
export function factName(fact: string, path: string | undefined): string {
  return path === undefined || path === '$' ? fact : `${fact}${path.slice(1)}`;
}

/** The slot's own value. */
export function wholeSlot(slot: Slot): FactAccess {
  return { slot, steps: [], isWhole: true };
}

/** undefined: the path is more than names and indices (filters, wildcards, slices); the referee evaluates it. */
export function accessOf(fact: string, path: string | undefined): FactAccess | undefined {
  if (path === undefined || path === '') return { slot: slotOf(fact), steps: [], isWhole: true };
  const steps = parsePath(path);
  if (steps === undefined) return undefined;
  let slot = slotOf(fact);
  let followed = 0;
  for (const step of steps) {
    // A list's or a text's own `length` is no fact; the open-ended `es.` would take it for one.
    if (slot === undefined || typeof step !== 'string' || step === 'length' || !PLAIN_NAME.test(step)) break;
    const next = slotOf(`${slot.name}.${step}`);
    if (next === undefined) break;
    slot = next;
    followed++;
  }
  return { slot, steps: steps.slice(followed), isWhole: followed === 0 };
}

const PLAIN_NAME = /^[A-Za-z_][\w-]*$/;
const STEP = /\.([A-Za-z_][\w-]*|\d+)|\[(\d+)\]|\['([^'`\\,*?@()[\]^~$:]+)'\]|\["([^"`\\,*?@()[\]^~$:]+)"\]/y;

/** The steps of a JSONPath that names exactly one place; undefined for any other. */
export function parsePath(path: string): readonly Step[] | undefined {
  if (!path.startsWith('$')) return undefined;
  const steps: Step[] = [];
  STEP.lastIndex = 1;
  while (STEP.lastIndex < path.length) {
    const match = STEP.exec(path);
    if (match === null) return undefined;
    const [, name, index, single, double] = match;
    const key = name ?? index ?? single ?? double ?? '';
    steps.push(/^(?:0|[1-9]\d{0,8})$/.test(key) ? Number(key) : key);
  }
  return steps;
}

// What JSONPath has beyond them: filters, wildcards, unions, slices, and jsonpath-plus's own signs.
const BEYOND_STEPS = /[*?(),:^~@`]|\.\./;

/** false: it is no JSONPath, plain or not; json-rules-engine would find nothing by it, and say nothing. */
export function isJsonPath(path: string): boolean {
  return parsePath(path) !== undefined || (path.startsWith('$') && BEYOND_STEPS.test(path));
}

/**
 * Of a path that the referee evaluates, the names before its first filter, wildcard or slice: it looks nowhere else.
 * undefined: there is none, or it climbs (`^`, `@parent`, `@root`).
 */
export function headOf(path = ''): string | undefined {
  return /\^|@parent|@root/.test(path) ? undefined : /^\$(?:\.[A-Za-z_][\w-]*)+/.exec(path)?.[0];
}

/** Follows own properties, of texts too, as jsonpath-plus does. */
export function follow(value: FactValue, steps: readonly Step[]): FactValue {
  let current: unknown = value;
  for (const step of steps) {
    if (!current || !Object.hasOwn(current, step)) return undefined;
    current = (current as Record<Step, unknown>)[step];
  }
  return current as FactValue;
}
