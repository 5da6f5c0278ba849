// What the generated cases reached: without it "no disagreement" could mean that nothing was asked.

import type { RuleResult } from 'json-rules-engine';
import type { ConditionValue, Leaf } from '../../../src/rules/conditions.ts';
import { DECORATORS, parseOperatorName } from '../../../src/rules/decorators.ts';
import { OPERATORS } from '../../../src/rules/operators.ts';

/** Of one operator or decorator: how often a condition with it was evaluated, and how often it held. */
export interface Hits {
  evaluated: number;
  held: number;
  onUndefined: number;
  heldOnUndefined: number;
  besideUndefined: number;
}

/** json-rules-engine leaves in each condition what it found. */
export interface EvaluatedCondition extends Partial<Pick<Leaf, 'fact' | 'operator'>> {
  readonly all?: readonly EvaluatedCondition[];
  readonly any?: readonly EvaluatedCondition[];
  readonly not?: EvaluatedCondition;
  readonly value?: ConditionValue;
  readonly factResult?: unknown;
  readonly valueResult?: unknown;
  readonly result?: boolean;
}

export class Tally {
  sets = 0;
  largestSet = 0;
  events = 0;
  cases = 0;
  matches = 0;
  /** Cases of rules that Picket leaves to json-rules-engine. */
  refereed = 0;
  readonly hits: ReadonlyMap<string, Hits> = new Map(
    [...OPERATORS.keys(), ...[...DECORATORS.keys()].map((name) => `${name}:`)].map((name) => [
      name,
      noHits(),
    ]),
  );

  count(result: RuleResult): void {
    this.cases++;
    if (result.result) this.matches++;
    this.#visit(result.conditions as EvaluatedCondition);
  }

  #visit(condition: EvaluatedCondition): void {
    const parts = condition.all ?? condition.any ?? (condition.not === undefined ? [] : [condition.not]);
    for (const part of parts) this.#visit(part);
    // Without a result it was not reached.
    if (condition.operator === undefined || condition.result === undefined) return;
    const { decorators, operator } = parseOperatorName(condition.operator);
    const isUndefined = condition.factResult === undefined;
    for (const name of new Set([operator, ...decorators.map((one) => `${one}:`)])) {
      const hits = this.hits.get(name);
      if (hits === undefined) continue;
      hits.evaluated++;
      if (condition.result) hits.held++;
      if (isUndefined) hits.onUndefined++;
      if (isUndefined && condition.result) hits.heldOnUndefined++;
      if (condition.valueResult === undefined) hits.besideUndefined++;
    }
  }

  print(what: string): void {
    const share = ((100 * this.matches) / this.cases).toFixed(1);
    console.log(
      `${what}: ${this.cases} cases, ${this.matches} of them matches (${share} %); ${this.sets} rule sets of up to ` +
        `${this.largestSet} rules, ${this.events} events; ${this.refereed} cases by json-rules-engine itself`,
    );
    const rows = [...this.hits].map(([name, hits]) => [name, ...Object.values(hits).map(String)]);
    const table = [['', 'evaluated', 'held', 'fact undefined', 'and held', 'value undefined'], ...rows];
    console.log(
      table
        .map(
          ([name = '', ...cells]) => `  ${name.padEnd(22)}${cells.map((cell) => cell.padStart(16)).join('')}`,
        )
        .join('\n'),
    );
  }
}

const noHits = (): Hits => ({
  evaluated: 0,
  held: 0,
  onUndefined: 0,
  heldOnUndefined: 0,
  besideUndefined: 0,
});
