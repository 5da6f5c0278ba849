// and, or, not over conditions of which some are known beforehand and some have no translation. A part that can't
// change the result needs none.

import type { Condition, RootCondition } from '../conditions.ts';
import { joinErrors, SigmaError } from './sigma-error.ts';

/** A condition, or a truth that no event changes. */
export type Outcome = Condition | boolean;

export function allOf(parts: readonly (() => Outcome)[]): Outcome {
  return join(parts, false, 'all');
}

export function anyOf(parts: readonly (() => Outcome)[]): Outcome {
  return join(parts, true, 'any');
}

/** @param decisive the truth of one part that decides the whole */
function join(parts: readonly (() => Outcome)[], decisive: boolean, kind: 'all' | 'any'): Outcome {
  const failures: SigmaError[] = [];
  const conditions: Condition[] = [];
  for (const part of parts) {
    try {
      const outcome = part();
      if (outcome === decisive) return decisive;
      if (typeof outcome !== 'boolean') conditions.push(outcome);
    } catch (error) {
      if (!(error instanceof SigmaError)) throw error;
      failures.push(error);
    }
  }
  const [failure, ...others] = failures;
  if (failure !== undefined) throw joinErrors(failure, others);
  const flat = conditions.flatMap((condition): readonly Condition[] => {
    if (kind === 'all' && 'all' in condition) return condition.all;
    return kind === 'any' && 'any' in condition ? condition.any : [condition];
  });
  const [first] = flat;
  if (first === undefined) return !decisive;
  if (flat.length === 1) return first;
  return kind === 'all' ? { all: flat } : { any: flat };
}

export function notOf(outcome: Outcome): Outcome {
  if (typeof outcome === 'boolean') return !outcome;
  return 'not' in outcome ? outcome.not : { not: outcome };
}

/** The outermost condition groups others. */
export function rootOf(condition: Condition): RootCondition {
  return 'fact' in condition ? { all: [condition] } : condition;
}
