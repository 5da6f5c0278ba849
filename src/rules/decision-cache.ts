// Decisions by the rules that matched: made once for each set of matches and found again without an allocation.

import type { Decision } from './decision.ts';

interface Step {
  decision: Decision | undefined;
  next: Map<number, Step> | undefined;
}

// Sets of matches that were seen together, per trigger; real rule sets have some dozens. Whoever causes events could
// make many more: then all are forgotten, and made again.
const STEPS_MAX = 8192;

export class DecisionCache {
  readonly #make: (rules: readonly number[]) => Decision;
  /** Of a single rule, as most are: there are no more of them than rules. */
  readonly #single: (Decision | undefined)[];
  #root = newStep();
  #steps = 0;

  constructor(ruleCount: number, make: (rules: readonly number[]) => Decision) {
    this.#make = make;
    this.#single = new Array<Decision | undefined>(ruleCount);
  }

  /** @param rules the first `count`, which are at least one, in the order in which they decide */
  decisionOf(rules: ArrayLike<number>, count: number): Decision {
    const first = rules[0] as number;
    if (count === 1) {
      let decision = this.#single[first];
      if (decision === undefined) {
        decision = this.#make([first]);
        this.#single[first] = decision;
      }
      return decision;
    }
    let step = this.#root;
    for (let i = 0; i < count; i++) {
      const rule = rules[i] as number;
      step = step.next?.get(rule) ?? this.#extend(step, rule);
    }
    step.decision ??= this.#make(Array.from({ length: count }, (_, i) => rules[i] as number));
    if (this.#steps > STEPS_MAX) {
      this.#root = newStep();
      this.#steps = 0;
    }
    return step.decision;
  }

  #extend(step: Step, rule: number): Step {
    const made = newStep();
    step.next ??= new Map();
    step.next.set(rule, made);
    this.#steps++;
    return made;
  }
}

const newStep = (): Step => ({ decision: undefined, next: undefined });
