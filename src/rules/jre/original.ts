// json-rules-engine itself, with the members that its type declarations leave out and the adapter builds on.

import {
  type Almanac,
  Engine,
  type Event,
  type Fact,
  type PathResolver,
  Rule,
  type RuleResult,
} from 'json-rules-engine';

/** An instance of its Condition, which it does not export: what was written, plus `operator` and `priority`. */
export type ConditionNode = Record<string, unknown>;

export interface Comparison {
  readonly name: string;
  evaluate(fact: unknown, value: unknown): boolean;
}

interface OperatorRegistry {
  readonly operators: ReadonlyMap<string, Comparison>;
  readonly decorators: ReadonlyMap<string, object>;
  get(name: string): Comparison | null;
}

/** Of EventEmitter2: what tells that nobody listens. */
interface Listeners {
  readonly _events: object | undefined;
  readonly _all: readonly unknown[] | undefined;
}

export interface InternalRule extends Listeners {
  readonly name: unknown;
  readonly priority: number;
  readonly conditions: ConditionNode | undefined;
  readonly ruleEvent: Event;
  readonly engine: unknown;
  evaluate(almanac: Almanac): Promise<RuleResult>;
  prioritizeConditions(conditions: readonly ConditionNode[]): ConditionNode[][];
  emitAsync(name: string, ...values: unknown[]): Promise<unknown>;
}

export interface InternalEngine extends Listeners {
  readonly rules: readonly InternalRule[];
  readonly operators: OperatorRegistry;
  readonly conditions: ReadonlyMap<string, ConditionNode>;
  readonly facts: ReadonlyMap<string, Fact>;
  readonly allowUndefinedFacts: boolean;
  readonly allowUndefinedConditions: boolean;
  readonly replaceFactsInEventParams: boolean;
  readonly pathResolver: PathResolver | undefined;
  status: string;
  prioritizeRules(): InternalRule[][];
  evaluateRules(rules: readonly InternalRule[], almanac: Almanac): Promise<unknown>;
  emitAsync(name: string, ...values: unknown[]): Promise<unknown>;
}

export interface InternalAlmanac {
  readonly factMap: ReadonlyMap<string, Fact>;
  readonly allowUndefinedFacts: boolean;
}

export function internalsOf(engine: Engine): InternalEngine {
  return engine as unknown as InternalEngine;
}

const pristine = internalsOf(new Engine());
const { evaluate, prioritizeConditions } = Rule.prototype as unknown as InternalRule;
const { evaluateRules, emitAsync } = pristine;

/** Its own operators and decorators: every engine begins with these very instances. */
export const ORIGINAL_OPERATORS: ReadonlyMap<string, Comparison> = new Map(pristine.operators.operators);
export const ORIGINAL_DECORATORS: ReadonlyMap<string, object> = new Map(pristine.operators.decorators);

/** A rule whose methods are json-rules-engine's own: no subclass or spy takes part in its evaluation. */
export function isPlainRule(rule: InternalRule): boolean {
  return rule.evaluate === evaluate && rule.prioritizeConditions === prioritizeConditions;
}

export function isPlainEngine(engine: InternalEngine): boolean {
  return engine.evaluateRules === evaluateRules;
}

/** Nobody listens, to anything. */
export function isSilent(emitter: InternalRule | InternalEngine): boolean {
  if (emitter.emitAsync !== emitAsync || emitter._all?.length) return false;
  for (const _ in emitter._events) return false;
  return true;
}

export function hears(emitter: InternalEngine, name: string): boolean {
  const { _events: listeners = {}, _all: forAll } = emitter;
  return emitter.emitAsync !== emitAsync || Boolean(forAll?.length) || Object.hasOwn(listeners, name);
}
