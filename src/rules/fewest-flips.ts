// The fewest tests of a condition that would have to come out otherwise for it to hold. Where each test stands in one
// place that is a sum over the branches; a test that stands in several (a named condition used twice, a value asked
// for both ways) ties them together, and is searched for.

/** A condition reduced to its logic. A variable is one test; it may stand in several places. */
export type Formula =
  | { readonly kind: 'variable'; readonly id: number }
  | { readonly kind: 'all' | 'any'; readonly parts: readonly Formula[] }
  | { readonly kind: 'not'; readonly part: Formula };

export interface Flips {
  /** Of variables, ascending; undefined: no set of them makes the formula true. */
  readonly flips: readonly number[] | undefined;
  /** false: the search was given up, and this is the best that was found. */
  readonly isProven: boolean;
}

// Beyond this nobody reads the answer: real rules take some dozens of steps.
const STEPS_MAX = 20_000;

/** @param values by variable, as they are now */
export function fewestFlips(formula: Formula, values: readonly boolean[]): Flips {
  const apart = cheapest(formula, true, values);
  if (!hasSharedVariable(formula)) return { flips: sorted(apart), isProven: true };
  const isGood = apart !== undefined && holds(formula, flipped(values, new Set(apart)));
  const bound = isGood ? new Set(apart).size : values.length;
  const budget = { steps: STEPS_MAX };
  for (let size = 0; size <= bound; size++) {
    const found = search(formula, values, new Set(), size, budget, new Set());
    if (found !== undefined) return { flips: sorted(found), isProven: true };
    if (budget.steps <= 0) return { flips: isGood ? sorted(apart) : undefined, isProven: false };
  }
  return { flips: undefined, isProven: true };
}

export function holds(formula: Formula, values: readonly boolean[]): boolean {
  switch (formula.kind) {
    case 'variable':
      return values[formula.id] ?? false;
    case 'not':
      return !holds(formula.part, values);
    case 'all':
      return formula.parts.every((part) => holds(part, values));
    case 'any':
      // json-rules-engine: an empty list is true, of `any` too.
      return formula.parts.length === 0 || formula.parts.some((part) => holds(part, values));
  }
}

/** As if every variable stood in one place only. undefined: it can't be had. */
function cheapest(formula: Formula, wanted: boolean, values: readonly boolean[]): number[] | undefined {
  if (formula.kind === 'variable') return (values[formula.id] ?? false) === wanted ? [] : [formula.id];
  if (formula.kind === 'not') return cheapest(formula.part, !wanted, values);
  const { parts } = formula;
  if (parts.length === 0) return wanted ? [] : undefined;
  const costs = parts.map((part) => cheapest(part, wanted, values));
  const needsEach = (formula.kind === 'all') === wanted;
  if (!needsEach) return leastOf(costs);
  const together: number[] = [];
  for (const cost of costs) {
    if (cost === undefined) return undefined;
    together.push(...cost);
  }
  return together;
}

function leastOf(sets: readonly (number[] | undefined)[]): number[] | undefined {
  let least: number[] | undefined;
  for (const set of sets) {
    if (set !== undefined && (least === undefined || set.length < least.length)) least = set;
  }
  return least;
}

/**
 * At most `size` flips that make it true. What holds a formula at false is a set of variables of which each solution
 * flips one: only those are tried.
 */
function search(
  formula: Formula,
  values: readonly boolean[],
  flips: ReadonlySet<number>,
  size: number,
  budget: { steps: number },
  seen: Set<string>,
): ReadonlySet<number> | undefined {
  const key = [...flips].sort((a, b) => a - b).join();
  if (seen.has(key)) return undefined;
  seen.add(key);
  budget.steps--;
  if (budget.steps <= 0) return undefined;
  const now = flipped(values, flips);
  if (holds(formula, now)) return flips;
  if (flips.size >= size) return undefined;
  for (const id of reasonOf(formula, now)) {
    if (flips.has(id)) continue;
    const found = search(formula, values, new Set([...flips, id]), size, budget, seen);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Variables that alone make the formula what it is, whatever the others are; few where there is a choice. */
export function reasonOf(formula: Formula, values: readonly boolean[]): ReadonlySet<number> {
  if (formula.kind === 'variable') return new Set([formula.id]);
  if (formula.kind === 'not') return reasonOf(formula.part, values);
  const result = holds(formula, values);
  const isOneEnough = (formula.kind === 'all') !== result;
  const parts = formula.parts.filter((part) => holds(part, values) === result);
  const reasons = parts.map((part) => reasonOf(part, values));
  if (!isOneEnough) return new Set(reasons.flatMap((reason) => [...reason]));
  return reasons.reduce(
    (least, reason) => (reason.size < least.size ? reason : least),
    reasons[0] ?? new Set(),
  );
}

export function flipped(values: readonly boolean[], flips: ReadonlySet<number>): readonly boolean[] {
  return values.map((value, id) => (flips.has(id) ? !value : value));
}

function hasSharedVariable(formula: Formula): boolean {
  const seen = new Set<number>();
  const visit = (part: Formula): boolean => {
    if (part.kind === 'not') return visit(part.part);
    if (part.kind !== 'variable') return part.parts.some(visit);
    if (seen.has(part.id)) return true;
    seen.add(part.id);
    return false;
  };
  return visit(formula);
}

function sorted(flips: Iterable<number> | undefined): readonly number[] | undefined {
  return flips && [...new Set(flips)].sort((a, b) => a - b);
}
