// What the shadow rules would have said of requests that the lane did not compare: those that need json-rules-engine, and
// those that were answered elsewhere. On the main thread, behind the answer.
import { EncodedFacts } from '../events/encoded-facts.ts';
import type { Trigger } from '../events/triggers.ts';
import type { CompiledRules } from '../rules/compile.ts';
import { NO_HASHES } from '../rules/content-hashes.ts';
import { type Judgement, judgementOf, type ShadowSink } from './shadow-difference.ts';

/** Evaluations that wait for json-rules-engine at once; beyond, requests are not compared. */
const maxWaiting = 256;

export class SlowComparison {
  readonly #sink: ShadowSink;
  readonly #facts = new EncodedFacts();
  #waiting = 0;

  constructor(sink: ShadowSink) {
    this.#sink = sink;
  }

  /** Never throws. The event's bytes are read before it returns. */
  compare(shadow: CompiledRules, trigger: Trigger, enforced: Judgement, event: Uint8Array): void {
    try {
      const facts = this.#facts.reset(event);
      // Nobody hashes a file for rules that are not in force.
      if (shadow.hashesWanted(trigger, facts) !== NO_HASHES) this.#sink.notCompared('failed', 1);
      else if (shadow.needsReferee(trigger, facts)) this.#compareLater(shadow, trigger, enforced, event);
      else this.#compared(enforced, judgementOf(shadow.decide(trigger, facts)), event);
    } catch {
      this.#sink.notCompared('failed', 1);
    }
  }

  #compareLater(shadow: CompiledRules, trigger: Trigger, enforced: Judgement, event: Uint8Array): void {
    if (this.#waiting >= maxWaiting) {
      this.#sink.notCompared('dropped', 1);
      return;
    }
    this.#waiting += 1;
    let isCertain = true;
    const onError = (): void => {
      isCertain = false;
    };
    shadow
      .decideAsync(trigger, this.#facts, onError)
      .then((decision) => {
        if (isCertain) this.#compared(enforced, judgementOf(decision), event);
        else this.#sink.notCompared('failed', 1);
      })
      .catch(() => this.#sink.notCompared('failed', 1))
      .finally(() => {
        this.#waiting -= 1;
      });
  }

  #compared(enforced: Judgement, shadow: Judgement, event: Uint8Array): void {
    this.#sink.compared(1);
    if (shadow.verdict === enforced.verdict) return;
    this.#sink.differed({ enforced, shadow }, 1);
    this.#sink.sampled({ enforced, shadow }, event);
  }
}
