// Told events judged as if they had been asked about: recordings seldom hold auth events (eslogger has none), and a deny
// rule is best tried on what programs did anyway.

import { LRUCache } from 'lru-cache';
import { type Facts, type FactValue, type Slot, slotOf } from '../events/facts.ts';
import { actionOfTrigger, type Trigger } from '../events/triggers.ts';
import type { CompiledRules } from '../rules/compile.ts';

/** The auth trigger of a told event's action, if these rules have one there. */
export class AskedTriggers {
  readonly #twins = new Map<Trigger, Trigger>();

  constructor(...sets: readonly CompiledRules[]) {
    for (const trigger of sets.flatMap((rules) => rules.triggers())) {
      if (trigger.startsWith('auth.')) this.#twins.set(`notify.${actionOfTrigger(trigger)}`, trigger);
    }
  }

  of(trigger: Trigger): Trigger | undefined {
    return this.#twins.get(trigger);
  }
}

/** The facts of a told event, with the trigger that it would have been asked by. */
export class AskedFacts implements Facts {
  #facts: Facts | undefined;
  #trigger: Trigger | undefined;

  use(facts: Facts, trigger: Trigger): this {
    this.#facts = facts;
    this.#trigger = trigger;
    return this;
  }

  get(slot: Slot): FactValue {
    return slot.name === 'picket.trigger' ? this.#trigger : this.#facts?.get(slot);
  }
}

/** Questions remembered: what follows them is told within moments. */
const QUESTIONS_MAX = 4_096;

/**
 * The system call that was asked about is told of afterwards, too. Who has judged the question is not to judge it again
 * as if it had been asked.
 */
export class AnsweredQuestions {
  readonly #waiting = new LRUCache<string, number>({ max: QUESTIONS_MAX });

  asked(trigger: Trigger, facts: Facts): void {
    const key = callOf(trigger, facts);
    this.#waiting.set(key, (this.#waiting.get(key) ?? 0) + 1);
  }

  /** Whether this told event is what became of a question; each question is found once. */
  takes(trigger: Trigger, facts: Facts): boolean {
    const key = callOf(trigger, facts);
    const count = this.#waiting.get(key);
    if (count === undefined) return false;
    if (count === 1) this.#waiting.delete(key);
    else this.#waiting.set(key, count - 1);
    return true;
  }
}

const PID = slotOf('process.pid');
const FILE = slotOf('file.path');
const PROGRAM = slotOf('process.executable');

function callOf(trigger: Trigger, facts: Facts): string {
  const value = (slot: Slot | undefined): FactValue => (slot === undefined ? undefined : facts.get(slot));
  return `${actionOfTrigger(trigger)} ${String(value(PID))} ${String(value(FILE) ?? value(PROGRAM))}`;
}
