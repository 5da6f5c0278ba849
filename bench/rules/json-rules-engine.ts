// json-rules-engine as its users run it: one engine a trigger with all its rules, missing facts undefined, the event's
// objects as facts, and the operators that it lacks written as its documentation shows.

import { Engine, Operator, OperatorDecorator, type RuleProperties } from 'json-rules-engine';
import type { Trigger } from '../../src/events/triggers.ts';
import type { RuleSet } from '../../src/rules/schema.ts';
import type { BenchEvent } from './bench-event.ts';
import { byTrigger } from './rules-by-trigger.ts';
import type { Subject } from './subject.ts';
import { isInV4Network, type V4Network, v4Network } from './v4-network.ts';

export function jsonRulesEngine(ruleSet: RuleSet): Subject {
  const engines = new Map<Trigger, Engine>();
  for (const [trigger, rules] of byTrigger(ruleSet)) {
    const engine = createEngine();
    for (const [name, condition] of Object.entries(ruleSet.conditions)) {
      engine.setCondition(name, structuredClone(condition) as RuleProperties['conditions'] as never);
    }
    for (const { name, conditions, event } of rules) {
      const rule = structuredClone({ name, conditions, event });
      engine.addRule(rule as RuleProperties);
    }
    engines.set(trigger, engine);
  }
  const results = async ({ trigger, complete }: BenchEvent) =>
    (await engines.get(trigger)?.run(complete as Record<string, unknown>))?.results ?? [];
  return {
    run: async (event) => (await results(event)).length,
    matches: async (event) => (await results(event)).map(({ name }) => String(name)),
  };
}

function createEngine(): Engine {
  const engine = new Engine([], { allowUndefinedFacts: true });
  const patterns = new Map<string, RegExp>();
  const networks = new Map<string, V4Network>();
  const onText = (name: string, test: (fact: string, value: string) => boolean): void =>
    engine.addOperator(
      new Operator<string, string>(name, (fact, value) => typeof fact === 'string' && test(fact, value)),
    );
  onText('startsWith', (fact, value) => fact.startsWith(value));
  onText('endsWith', (fact, value) => fact.endsWith(value));
  onText('includes', (fact, value) => fact.includes(value));
  onText('matches', (fact, value) => known(patterns, value, (text) => new RegExp(text)).test(fact));
  onText('inCidr', (fact, value) => isInV4Network(fact, known(networks, value, v4Network)));
  engine.addOperatorDecorator(
    new OperatorDecorator<unknown, unknown, unknown, unknown>('ignoreCase', (fact, value, next) =>
      next(lowered(fact), lowered(value)),
    ),
  );
  return engine;
}

function known<T>(cache: Map<string, T>, text: string, make: (text: string) => T): T {
  let made = cache.get(text);
  if (made === undefined) {
    made = make(text);
    cache.set(text, made);
  }
  return made;
}

const lowered = (value: unknown): unknown => (typeof value === 'string' ? value.toLowerCase() : value);
