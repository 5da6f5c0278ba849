// Sigma's modifiers of numbers: comparisons, and the parts of a time.

import { type ModifierContext, misfit, numberOf } from './modifier-values.ts';
import { SigmaError } from './sigma-error.ts';
import type { Comparison, SigmaValue, TimeUnit } from './value.ts';

export type Modify = (value: SigmaValue, context: ModifierContext) => SigmaValue;

export function comparison(name: Comparison): [string, Modify][] {
  return [
    [
      name,
      (value, context) => {
        if (value.kind === 'time' && value.comparison === 'eq') return { ...value, comparison: name };
        const number = numberOf(value);
        if (number === undefined) throw misfit(name, value, context, 'a number');
        return { kind: 'compare', comparison: name, value: number };
      },
    ],
  ];
}

export function timeUnit(unit: TimeUnit, min: number, max: number): [string, Modify][] {
  return [
    [
      unit,
      (value, context) => {
        // `hour|gte` and `gte|hour` say the same.
        const before = value.kind === 'compare' ? value.comparison : 'eq';
        const number = value.kind === 'compare' ? value.value : numberOf(value);
        if (number === undefined) throw misfit(unit, value, context, 'a number');
        if (!Number.isInteger(Number(number)) || number < min || number > max) {
          throw new SigmaError('value', context.place, `this is no ${unit}`, {
            found: String(number),
            expected: `a whole number from ${min} to ${max}`,
          });
        }
        return { kind: 'time', unit, comparison: before, value: Number(number) };
      },
    ],
  ];
}
