// The compiled form of an engine's rules, kept from run to run. Before each run every rule is compared with what was
// compiled, for json-rules-engine reads its rules anew each time and so sees a change made in place.

import { type CompiledRule, compileRule } from './compiled-rule.ts';
import { type CompileContext, compileCondition, type NamedCondition } from './condition.ts';
import { Frame } from './frame.ts';
import { LeafTable, type LeafTest } from './leaf-table.ts';
import {
  type Comparison,
  type ConditionNode,
  type InternalAlmanac,
  type InternalEngine,
  type InternalRule,
  ORIGINAL_DECORATORS,
  ORIGINAL_OPERATORS,
} from './original.ts';

interface CompiledName {
  readonly node: ConditionNode;
  readonly facts: ReadonlySet<number>;
  readonly leaves: ReadonlySet<LeafTest>;
  readonly named: NamedCondition;
}

export class Program {
  readonly #engine: InternalEngine;
  readonly #table = new LeafTable();
  readonly #rules = new WeakMap<InternalRule, CompiledRule>();
  /** Rules without a compiled form, by the conditions for which that was found. */
  readonly #foreign = new WeakMap<InternalRule, unknown>();
  #recompiled = 0;
  #sets: readonly InternalRule[][] | undefined;
  #compiledSets: readonly CompiledRule[][] | undefined;
  readonly #names = new Map<string, CompiledName | 'absent' | 'compiling' | undefined>();
  #nameCount = 0;
  readonly #operators = new Map<string, Comparison>();
  readonly #priorities = new Map<string, number | undefined>();
  /** Operators that the user added under a name with a colon: not told from those that decorators make. */
  readonly #compound: ReadonlySet<string>;
  readonly #options: readonly unknown[];

  constructor(engine: InternalEngine, compoundOperators: ReadonlySet<string>) {
    this.#engine = engine;
    this.#compound = compoundOperators;
    this.#options = optionsOf(engine);
  }

  /** false: something that every rule may depend on has changed; a new program must be made. */
  isCurrent(rules: number): boolean {
    // What rules meant before they changed stays in the table: at some size it is cheaper to begin anew.
    if (this.#recompiled > rules + 1000) return false;
    const { conditions } = this.#engine;
    for (const [name, compiled] of this.#names) {
      const node = conditions.get(name);
      if (compiled === 'absent' || typeof compiled !== 'object') {
        if ((compiled === 'absent') !== (node === undefined)) return false;
      } else if (compiled.node !== node || !compiled.named.condition.isCurrent()) return false;
    }
    const { operators } = this.#engine.operators;
    for (const [name, operator] of this.#operators) if (operators.get(name) !== operator) return false;
    for (const [id, priority] of this.#priorities) if (this.#factPriority(id) !== priority) return false;
    const options = optionsOf(this.#engine);
    return options.every((option, index) => option === this.#options[index]);
  }

  /** undefined: json-rules-engine evaluates it. */
  compiled(rule: InternalRule): CompiledRule | undefined {
    if (rule.engine !== this.#engine) return undefined;
    const known = this.#rules.get(rule);
    if (known?.isCurrent()) return known;
    // Changed in place it may have got a compiled form; without one it is only slower.
    if (this.#foreign.has(rule) && this.#foreign.get(rule) === rule.conditions) return undefined;
    if (known !== undefined) this.#recompiled++;
    const context = this.#context(new Set(), new Set());
    const made = compileRule(rule, context, this.#engine.replaceFactsInEventParams);
    if (made === undefined) this.#foreign.set(rule, rule.conditions);
    else this.#rules.set(rule, made);
    return made;
  }

  /** All of them; undefined: json-rules-engine evaluates at least one. */
  compiledSets(sets: readonly InternalRule[][]): readonly CompiledRule[][] | undefined {
    // The engine makes new sets when a rule comes or goes.
    if (
      this.#sets === sets &&
      this.#compiledSets?.every((rules) => rules.every((rule) => rule.isCurrent()))
    ) {
      return this.#compiledSets;
    }
    const compiledSets: CompiledRule[][] = [];
    for (const set of sets) {
      const rules: CompiledRule[] = [];
      for (const rule of set) {
        const compiled = this.compiled(rule);
        if (compiled === undefined) return undefined;
        rules.push(compiled);
      }
      compiledSets.push(rules);
    }
    this.#sets = sets;
    this.#compiledSets = compiledSets;
    return compiledSets;
  }

  /** Reads the facts of a run. Every rule must have been compiled before. */
  frame(almanac: InternalAlmanac): Frame {
    return new Frame(this.#table, this.#nameCount, almanac);
  }

  #context(facts: Set<number>, leaves: Set<LeafTest>): CompileContext {
    const { allowUndefinedConditions, pathResolver } = this.#engine;
    return {
      table: this.#table,
      allowUndefinedConditions: Boolean(allowUndefinedConditions),
      facts,
      leaves,
      hasOwnPaths: Boolean(pathResolver),
      operator: (name) => this.#operator(name),
      named: (name) => {
        const compiled = this.#named(name);
        if (typeof compiled !== 'object') return compiled;
        for (const fact of compiled.facts) facts.add(fact);
        for (const leaf of compiled.leaves) leaves.add(leaf);
        return compiled.named;
      },
      factPriority: (id) => {
        if (typeof id !== 'string') return undefined;
        const priority = this.#factPriority(id);
        this.#priorities.set(id, priority);
        return priority;
      },
    };
  }

  #factPriority(id: string): number | undefined {
    return this.#engine.facts.get(id)?.priority;
  }

  #operator(name: string): Comparison | undefined {
    const parts = name.split(':');
    const base = parts.at(-1) ?? '';
    const { operators } = this.#engine;
    if (operators.operators.get(base) !== ORIGINAL_OPERATORS.get(base)) return undefined;
    for (const [index, decorator] of parts.slice(0, -1).entries()) {
      if (this.#compound.has(parts.slice(index).join(':'))) return undefined;
      const own = ORIGINAL_DECORATORS.get(decorator);
      if (own === undefined || operators.decorators.get(decorator) !== own) return undefined;
    }
    const operator = operators.get(name) ?? undefined;
    if (operator !== undefined) this.#operators.set(name, operator);
    return operator;
  }

  #named(name: string): CompiledName | 'absent' | undefined {
    if (this.#names.has(name)) {
      const known = this.#names.get(name);
      // A condition that refers to itself: json-rules-engine never ends on it either.
      return known === 'compiling' ? undefined : known;
    }
    const node = this.#engine.conditions.get(name);
    this.#names.set(name, node === undefined ? 'absent' : 'compiling');
    if (node === undefined) return 'absent';
    const facts = new Set<number>();
    const leaves = new Set<LeafTest>();
    const condition = compileCondition(node, this.#context(facts, leaves));
    const compiled = condition && { node, facts, leaves, named: { number: this.#nameCount++, condition } };
    this.#names.set(name, compiled);
    return compiled;
  }
}

/** Users may set these on the engine itself. */
function optionsOf(engine: InternalEngine): unknown[] {
  const { operators, conditions, allowUndefinedConditions, replaceFactsInEventParams, pathResolver } = engine;
  return [operators, conditions, allowUndefinedConditions, replaceFactsInEventParams, pathResolver];
}
