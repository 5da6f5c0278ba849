// The engine: json-rules-engine's, whose run evaluates compiled conditions wherever it can.

import {
  type EngineResult,
  Fact,
  Operator,
  type OperatorDecorator,
  type OperatorDecoratorEvaluator,
  type OperatorEvaluator,
  Engine as OriginalEngine,
  type RunOptions,
} from 'json-rules-engine';
import {
  type InternalAlmanac,
  type InternalEngine,
  type InternalRule,
  internalsOf,
  isPlainEngine,
  isSilent,
} from './original.ts';
import { CompiledOutcome, isUnheardError, type Outcome } from './outcome.ts';
import { Program } from './program.ts';
import { RunAlmanac } from './run-almanac.ts';
import { resultOf } from './run-result.ts';
import { runSet } from './run-set.ts';

type Facts = Record<string, unknown>;

/** One call of `run`. */
interface Run {
  readonly almanac: RunAlmanac;
  readonly stops: number;
}

/** Operators added under a name with a colon, by engine: they are not told from those that decorators make. */
const compoundOperators = new WeakMap<Engine, ReadonlySet<string>>();

export class Engine extends OriginalEngine {
  #program: Program | undefined;
  #stops = 0;
  #running = 0;

  override addOperator<A, B>(operator: Operator | string, evaluate?: OperatorEvaluator<A, B>): void {
    super.addOperator(operator as string, evaluate as OperatorEvaluator<A, B>);
    const name = String(operator instanceof Operator ? operator.name : operator);
    if (name.includes(':'))
      compoundOperators.set(this, new Set([...(compoundOperators.get(this) ?? []), name]));
    Engine.#forget(this);
  }

  override removeOperator(operator: Operator | string): boolean {
    Engine.#forget(this);
    return super.removeOperator(operator);
  }

  override addOperatorDecorator<A, B, NextA, NextB>(
    decorator: OperatorDecorator | string,
    evaluate?: OperatorDecoratorEvaluator<A, B, NextA, NextB>,
  ): void {
    Engine.#forget(this);
    super.addOperatorDecorator(
      decorator as string,
      evaluate as OperatorDecoratorEvaluator<A, B, NextA, NextB>,
    );
  }

  override removeOperatorDecorator(decorator: OperatorDecorator | string): boolean {
    Engine.#forget(this);
    return super.removeOperatorDecorator(decorator);
  }

  override stop(): this {
    this.#stops++;
    return super.stop();
  }

  override run(facts: Facts = {}, options: RunOptions = {}): Promise<EngineResult> {
    const engine = this.#internals;
    // An almanac of the user's own answers in its own way.
    if (options.almanac || !isPlainEngine(engine)) {
      this.#running++;
      return super.run(facts, options).finally(() => void this.#running--);
    }
    engine.status = 'RUNNING';
    const { allowUndefinedFacts, pathResolver } = engine;
    const almanac = new RunAlmanac({ allowUndefinedFacts, ...(pathResolver ? { pathResolver } : {}) });
    for (const fact of engine.facts.values()) almanac.addFact(fact);
    for (const id in facts) {
      const value = facts[id];
      almanac.addFact(value instanceof Fact ? value : new Fact(id, value));
    }
    const sets = engine.prioritizeRules();
    const run: Run = { almanac, stops: this.#stops };
    this.#running++;
    return new Promise((resolve, reject) => {
      const end = (): void => {
        if (--this.#running === 0) engine.status = 'FINISHED';
        resolve(resultOf(almanac) as unknown as EngineResult);
      };
      // As there: facts are read after the caller has had its turn, and an error ends no other set.
      void Promise.resolve()
        .then(() => this.#runSets(sets, run, reject))
        .catch(reject)
        .then(end);
    });
  }

  #runSets(
    sets: readonly InternalRule[][],
    run: Run,
    reject: (error: unknown) => void,
  ): Promise<unknown> | undefined {
    if (this.#runSilently(sets, run)) return undefined;
    let cursor: Promise<unknown> = Promise.resolve();
    for (const set of sets) cursor = cursor.then(() => this.#runSet(set, run)).catch(reject);
    return cursor;
  }

  /** All sets at once, where every rule is compiled and nobody listens; false: it can't be, and nothing was done. */
  #runSilently(sets: readonly InternalRule[][], { almanac, stops }: Run): boolean {
    if (this.#stops !== stops) return true;
    if (!isSilent(this.#internals)) return false;
    if (!sets.every((rules) => rules.every(isSilent))) return false;
    const program = this.#currentProgram();
    const compiled = program.compiledSets(sets);
    if (compiled === undefined) return false;
    const frame = program.frame(almanac as unknown as InternalAlmanac);
    const isAnyForeign = frame.isAnyForeign || frame.isAnyThrown;
    if (isAnyForeign && compiled.some((rules) => rules.some((rule) => rule.isForeign(frame)))) return false;
    const told: Outcome[] = [];
    for (const rules of compiled) {
      const outcomes = rules.map((rule) => new CompiledOutcome(rule, frame));
      if (outcomes.some(isUnheardError)) return false;
      for (const outcome of inTurn(outcomes)) told.push(outcome);
    }
    for (const outcome of told) almanac.record(outcome);
    return true;
  }

  #runSet(set: readonly InternalRule[], { almanac, stops }: Run): Promise<unknown> {
    const isStopped = (): boolean => this.#stops !== stops;
    return runSet({ engine: this.#internals, program: this.#currentProgram(), almanac, isStopped }, set);
  }

  #currentProgram(): Program {
    const engine = this.#internals;
    if (!this.#program?.isCurrent(engine.rules.length)) {
      this.#program = new Program(engine, compoundOperators.get(this) ?? new Set());
    }
    return this.#program;
  }

  /** static: json-rules-engine's constructor adds its operators before this class's own members exist. */
  static #forget(engine: Engine): void {
    if (#program in engine) engine.#program = undefined;
  }

  get #internals(): InternalEngine {
    return internalsOf(this);
  }
}

/** In the order in which json-rules-engine would know them. */
function inTurn(outcomes: readonly CompiledOutcome[]): readonly CompiledOutcome[] {
  const first = outcomes[0]?.turn;
  if (outcomes.every(({ turn }) => turn === first)) return outcomes;
  return [...outcomes].sort((a, b) => a.turn - b.turn);
}
