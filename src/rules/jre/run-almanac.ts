// The almanac of a compiled run: json-rules-engine's own, whose results and events are told when somebody asks.

import { Almanac, type AlmanacOptions, type Event, Fact, type FactOptions } from 'json-rules-engine';
import type { Outcome } from './outcome.ts';
import { printsInFull } from './printed.ts';
import type { RuleResult } from './rule-result.ts';

interface Members {
  factMap: Map<string, Fact>;
  factResultsCache: Map<unknown, unknown>;
  events: { readonly success: Event[]; readonly failure: Event[] };
  ruleResults: RuleResult[];
  _setFactValue(fact: Fact, params: object, value: unknown): void;
}

export class RunAlmanac extends Almanac {
  readonly #outcomes: Outcome[] = [];
  readonly #unhashed: Fact[] = [];
  #isCacheShown = false;
  /** Somebody has held the list of results, and may have added to it. */
  #areResultsShown = false;

  constructor(options: AlmanacOptions) {
    super(options);
    const members = this.#members;
    const { factResultsCache } = members;
    const define = (key: keyof Members, get: () => unknown): void => {
      const set = (value: unknown): void =>
        void Object.defineProperty(members, key, { value, writable: true });
      Object.defineProperty(members, key, { get, set, enumerable: true, configurable: true });
    };
    // A constant's place in this cache is read by nobody, until a computed fact takes the constant's name.
    define('factResultsCache', () => {
      this.#isCacheShown = true;
      Object.defineProperty(members, 'factResultsCache', { value: factResultsCache, writable: true });
      for (const fact of this.#unhashed.splice(0)) members._setFactValue(fact, {}, fact.value);
      return factResultsCache;
    });
    const success = gathering(
      this.#outcomes,
      ({ isMatch }) => isMatch,
      (outcome) => outcome.event(),
    );
    const failure = gathering(
      this.#outcomes,
      ({ isMatch }) => !isMatch,
      (outcome) => outcome.event(),
    );
    const events = Object.create(Object.prototype, {
      success: { get: success, enumerable: true },
      failure: { get: failure, enumerable: true },
    }) as Members['events'];
    printsInFull(events);
    define('events', () => events);
    const results = gathering(
      this.#outcomes,
      () => true,
      (outcome) => outcome.result(),
    );
    define('ruleResults', () => {
      this.#areResultsShown = true;
      return results();
    });
  }

  /** As the original, which hashes each constant's name for the cache at once. */
  override addFact<T>(id: Fact<T> | string, value?: unknown, options?: FactOptions): this {
    const fact = id instanceof Fact ? id : new Fact(id, value, options);
    const { type } = fact as unknown as { type: string };
    if (type !== 'CONSTANT' || this.#isCacheShown) return super.addFact(fact);
    this.#members.factMap.set(fact.id, fact as Fact);
    this.#unhashed.push(fact as Fact);
    return this;
  }

  record(outcome: Outcome): void {
    this.#outcomes.push(outcome);
  }

  /** The results so far of one kind. */
  resultsOf(isMatch: boolean): RuleResult[] {
    if (this.#areResultsShown)
      return this.#members.ruleResults.filter(({ result }) => Boolean(result) === isMatch);
    return this.#outcomes.filter((outcome) => outcome.isMatch === isMatch).map((outcome) => outcome.result());
  }

  get #members(): Members {
    return this as unknown as Members;
  }
}

// What users print is the class that they know.
Object.defineProperty(RunAlmanac, 'name', { value: 'Almanac' });
printsInFull(RunAlmanac.prototype, Almanac.prototype);

/** A list that grows with the outcomes, each told once. */
function gathering<T>(
  outcomes: readonly Outcome[],
  isWanted: (outcome: Outcome) => boolean,
  tell: (outcome: Outcome) => T,
): () => T[] {
  const list: T[] = [];
  let seen = 0;
  return () => {
    for (; seen < outcomes.length; seen++) {
      const outcome = outcomes[seen];
      if (outcome !== undefined && isWanted(outcome)) list.push(tell(outcome));
    }
    return list;
  };
}
