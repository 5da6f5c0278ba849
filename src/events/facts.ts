// How rules read an event: fact by fact, through slots that are resolved once, when rules are compiled.
import { locateFact, type SlotLocation } from './slot-locations.ts';
import type { TextPlace, TextVisitor } from './text-place.ts';

export type FactValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | readonly FactValue[]
  | { readonly [key: string]: FactValue };

/** One fact. `index` is small and dense, for caches; `location` is for the makers of Facts alone. */
export interface Slot {
  readonly name: string;
  readonly index: number;
  readonly path: readonly string[];
  readonly location: SlotLocation;
}

export interface Facts {
  /** undefined: the event does not have it. */
  get(slot: Slot): FactValue;
  /**
   * Where facts are bytes: shows every text of the place, if it has any, without a string. false: not all of them, for
   * one is not ASCII; `get` has them.
   */
  visitTexts?(place: TextPlace, visitor: TextVisitor): boolean;
}

const slots = new Map<string, Slot>();

/** `process.executable`, `es.event.exec.dyld_exec_path`, whole objects (`process`, `es`); undefined: no such fact. */
export function slotOf(name: string): Slot | undefined {
  const found = slots.get(name);
  if (found !== undefined) return found;
  const location = locateFact(name);
  if (location === undefined) return undefined;
  const slot: Slot = { name, index: slots.size, path: name.split('.'), location };
  slots.set(name, slot);
  return slot;
}

/** Of a fact that the event model has in any case. */
export function requiredSlot(name: string): Slot {
  const slot = slotOf(name);
  if (slot === undefined) throw new Error(`the event model has no fact ${name}`);
  return slot;
}
