// Whether one condition holds wherever another does. Yes is certain; no may only mean that it was not found.

import { implies, type Literal } from './literal.ts';
import { conjuncts, type Normal } from './normal-form.ts';

const STEPS_MAX = 2000;

export function entails(premise: Normal, conclusion: Normal): boolean {
  return new Proof().entails(conjuncts(premise), conclusion);
}

class Proof {
  #steps = 0;

  /** @param premises all of them hold */
  entails(premises: readonly Normal[], conclusion: Normal): boolean {
    if (++this.#steps > STEPS_MAX) return false;
    if (premises.some(({ id }) => id === conclusion.id)) return true;
    if (conclusion.kind === 'and') return conclusion.parts.every((part) => this.entails(premises, part));
    if (conclusion.kind === 'literal') {
      if (this.#saysSo(premises, conclusion)) return true;
    } else if (conclusion.parts.some((part) => this.entails(premises, part))) return true;
    return this.#inEachCase(premises, conclusion);
  }

  #saysSo(premises: readonly Normal[], conclusion: Literal): boolean {
    this.#steps += premises.length;
    return premises.some((premise) => premise.kind === 'literal' && implies(premise, conclusion));
  }

  /** Whichever branch of a premise holds. */
  #inEachCase(premises: readonly Normal[], conclusion: Normal): boolean {
    for (const [index, premise] of premises.entries()) {
      if (premise.kind !== 'or' || this.#steps > STEPS_MAX) continue;
      const others = premises.filter((_, at) => at !== index);
      const isProven = premise.parts.every((branch) =>
        this.entails([...others, ...conjuncts(branch)], conclusion),
      );
      if (isProven) return true;
    }
    return false;
  }
}
