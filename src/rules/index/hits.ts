// What an event's facts have hit so far: the rules that it could match, each once.

/** Numbers of keys, as the parts of an index know them. */
export type KeyNumbers = readonly number[];

/** One or more keys of a value that is looked up. */
export type KeysByText = ReadonlyMap<string, KeyNumbers>;

export class Hits {
  /** The first `count` are the numbers of the rules, in no order. */
  readonly rules: Int32Array;
  count = 0;
  /** By key: its rules are those from this place to the next key's. */
  readonly #starts: Int32Array;
  readonly #rulesOfKeys: Int32Array;
  readonly #keyStamps: Int32Array;
  readonly #ruleStamps: Int32Array;
  #stamp = 0;

  /** @param rulesOfKey for each key the rules that have it */
  constructor(rulesOfKey: readonly (readonly number[])[], ruleCount: number) {
    this.#starts = new Int32Array(rulesOfKey.length + 1);
    for (const [key, rules] of rulesOfKey.entries())
      this.#starts[key + 1] = (this.#starts[key] as number) + rules.length;
    this.#rulesOfKeys = Int32Array.from(rulesOfKey.flat());
    this.rules = new Int32Array(ruleCount);
    this.#keyStamps = new Int32Array(rulesOfKey.length);
    this.#ruleStamps = new Int32Array(ruleCount);
  }

  /** Forgets what earlier events have hit. */
  begin(): void {
    this.count = 0;
    if (this.#stamp === 0x3fffffff) {
      this.#keyStamps.fill(0);
      this.#ruleStamps.fill(0);
      this.#stamp = 0;
    }
    this.#stamp++;
  }

  /** However often a text holds a key, its rules are gone through once. */
  add(keys: KeyNumbers): void {
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as number;
      if (this.#keyStamps[key] === this.#stamp) continue;
      this.#keyStamps[key] = this.#stamp;
      const end = this.#starts[key + 1] as number;
      for (let at = this.#starts[key] as number; at < end; at++)
        this.#addRule(this.#rulesOfKeys[at] as number);
    }
  }

  addRules(rules: Int32Array, count = rules.length): void {
    for (let i = 0; i < count; i++) this.#addRule(rules[i] as number);
  }

  #addRule(rule: number): void {
    if (this.#ruleStamps[rule] === this.#stamp) return;
    this.#ruleStamps[rule] = this.#stamp;
    this.rules[this.count++] = rule;
  }
}
