// The known name that a mistyped one most likely meant. Every "unknown …" message of the loader ends with it.

import { editDistance } from '../events/edit-distance.ts';
import type { RuleProblem } from './rule-problem.ts';

/** The nearest of `names`, or undefined when none is near enough to be meant. Case counts for nothing. */
export function nearestName(typed: string, names: Iterable<string>): string | undefined {
  const wanted = typed.toLowerCase();
  // A third of the letters may be wrong: beyond that a suggestion misleads more than it helps.
  let bound = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  let nearest: string | undefined;
  for (const name of names) {
    const distance = editDistance(wanted, name.toLowerCase(), bound);
    if (distance < bound) {
      bound = distance;
      nearest = name;
    }
  }
  return nearest;
}

/** The nearest of `names`, where it is near and no other is as near: what may be put in the place of the typed one. */
export function sureName(typed: string, names: Iterable<string>): string | undefined {
  const all = [...names];
  const nearest = nearestName(typed, all);
  if (nearest === undefined) return undefined;
  const wanted = typed.toLowerCase();
  const distance = editDistance(wanted, nearest.toLowerCase(), SURE_DISTANCE_MAX + 1);
  if (distance > SURE_DISTANCE_MAX || distance * 3 > wanted.length) return undefined;
  const isAlone = all.every(
    (name) => name === nearest || editDistance(wanted, name.toLowerCase(), distance + 1) > distance,
  );
  return isAlone ? nearest : undefined;
}

const SURE_DISTANCE_MAX = 2;

/** The end of a message about a name; nothing where none was meant. @param mark around the name */
export function didYouMean(meant: string | undefined, mark = '`'): string {
  return meant === undefined ? '' : `; did you mean ${mark}${meant}${mark}?`;
}

/** To be spread into a problem. */
export function fixBy(typed: string, names: Iterable<string>): Pick<RuleProblem, 'fix'> {
  const by = sureName(typed, names);
  return by === undefined ? {} : { fix: { kind: 'replace', by } };
}
