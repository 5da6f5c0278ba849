// What came of a rule in a run. Of most nobody asks more than whether it matched: the rest is told on demand, from the
// run's frame, and is the same whenever that is.

import type { Event } from 'json-rules-engine';
import type { CompiledRule } from './compiled-rule.ts';
import type { Frame } from './frame.ts';
import { copyOf } from './plain-data.ts';
import { RuleResult } from './rule-result.ts';

export interface Outcome {
  readonly isMatch: boolean;
  /** The event's. */
  readonly type: string;
  event(): Event;
  result(): RuleResult;
}

export class CompiledOutcome implements Outcome {
  readonly isMatch: boolean;
  readonly #rule: CompiledRule;
  readonly #frame: Frame;
  #event: Event | undefined;
  #result: RuleResult | undefined;

  constructor(rule: CompiledRule, frame: Frame) {
    this.#rule = rule;
    this.#frame = frame;
    this.isMatch = rule.test(frame);
  }

  get type(): string {
    return this.#rule.event.type;
  }

  /** In which json-rules-engine would know the result, counted from the beginning of the rule's priority. */
  get turn(): number {
    return this.#rule.turns(this.#frame);
  }

  event(): Event {
    this.#event ??= copyOf(this.#rule.event);
    return this.#event;
  }

  result(): RuleResult {
    const { priority, name } = this.#rule;
    this.#result ??= new RuleResult(
      this.#rule.tree(this.#frame),
      this.event(),
      priority,
      copyOf(name),
      this.isMatch,
    );
    return this.#result;
  }
}

/** Of a rule that json-rules-engine evaluated. */
export function foreignOutcome(result: RuleResult): Outcome {
  return {
    isMatch: Boolean(result.result),
    type: result.event.type,
    event: () => result.event,
    result: () => result,
  };
}

/** An event named `error` to which nobody listens is an error to the emitter. */
export function isUnheardError({ isMatch, type }: Pick<Outcome, 'isMatch' | 'type'>): boolean {
  return isMatch && type === 'error';
}
