// The parts of a translation: a rule for each set of triggers that needs conditions of its own.

import type { Platform, Trigger } from '../../events/triggers.ts';
import type { Condition, RootCondition } from '../conditions.ts';
import { anyOf, rootOf } from './logic.ts';

export interface PicketPart {
  readonly on: readonly Trigger[];
  readonly platforms: readonly Platform[];
  readonly conditions: RootCondition;
  /** What it does otherwise than the Sigma rule's words; none: it is exact. */
  readonly differs: readonly string[];
}

/** What one kind of events asks. */
export interface FoundPart {
  readonly on: readonly Trigger[];
  readonly condition: Condition;
  readonly differs: readonly string[];
}

/** JSON, but for numbers that it would round. */
const keyOf = (value: unknown): string =>
  JSON.stringify(value, (_, entry: unknown) => (typeof entry === 'bigint' ? `${entry}n` : entry));

const isSame = (a: unknown, b: unknown): boolean => keyOf(a) === keyOf(b);

const union = <T>(a: readonly T[], b: readonly T[]): readonly T[] => [...new Set([...a, ...b])];

/** What several kinds of records ask of the same triggers is one rule; the same thing twice is asked once. */
export function partsOf(found: readonly FoundPart[], platform: Platform): PicketPart[] {
  const groups = new Map<string, FoundPart[]>();
  for (const part of found) {
    const group = groups.get(keyOf(part.on)) ?? [];
    groups.set(keyOf(part.on), group);
    if (!group.some((other) => isSame(other.condition, part.condition))) group.push(part);
  }
  return [...groups.values()].flatMap((group): PicketPart[] => {
    const condition = anyOf(group.map((part) => () => part.condition));
    const [first] = group;
    if (first === undefined || typeof condition === 'boolean') return [];
    const differs = group.reduce<readonly string[]>((all, part) => union(all, part.differs), []);
    return [{ on: first.on, platforms: [platform], conditions: rootOf(condition), differs }];
  });
}

/** Rules that differ in nothing but the platform, or in nothing but the triggers, are one. */
export function mergeParts(parts: readonly PicketPart[]): readonly PicketPart[] {
  const result: PicketPart[] = [];
  for (const part of parts) {
    const at = result.findIndex(
      ({ conditions, on, platforms }) =>
        isSame(conditions, part.conditions) && (isSame(on, part.on) || isSame(platforms, part.platforms)),
    );
    const other = result[at];
    if (other === undefined) result.push(part);
    else {
      result[at] = {
        ...other,
        on: union(other.on, part.on),
        platforms: union(other.platforms, part.platforms),
        differs: union(other.differs, part.differs),
      };
    }
  }
  return result;
}
