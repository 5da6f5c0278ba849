// How often something happened, and by which programs most.

import { type Facts, slotOf } from '../events/facts.ts';
import { type TopValue, TopValues } from './top-values.ts';

export interface ProgramCount {
  readonly events: number;
  /** Of them: told events that were judged as if they had been asked about. */
  readonly asIfAsked: number;
  readonly programs: readonly TopValue[];
  /** false: more programs than are kept; their counts may be too high. */
  readonly isExact: boolean;
}

const PROGRAMS_KEPT = 64;
const PROGRAMS_TOLD = 5;

export class ByProgram {
  #asIfAsked = 0;
  readonly #programs = new TopValues(PROGRAMS_KEPT);

  add(facts: Facts, isAsIfAsked: boolean): void {
    if (isAsIfAsked) this.#asIfAsked++;
    this.#programs.add(programOf(facts));
  }

  get result(): ProgramCount {
    const { total, isExact } = this.#programs;
    return {
      events: total,
      asIfAsked: this.#asIfAsked,
      programs: this.#programs.top(PROGRAMS_TOLD),
      isExact,
    };
  }
}

const PROGRAM = slotOf('process.executable');

/** In exec the one that is started. */
function programOf(facts: Facts): string {
  const program = PROGRAM && facts.get(PROGRAM);
  return typeof program === 'string' ? program : '?';
}
