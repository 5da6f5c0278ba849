// Picket's operators and decorators for an engine of json-rules-engine. `rules export` bundles this file, to go along
// with exported rules.

import type { Engine } from 'json-rules-engine';
import type { FactValue } from '../events/facts.ts';
import { DECORATORS } from './decorators.ts';
import { ADDED_OPERATORS, MATCHES_IGNORING_CASE, STANDARD_OPERATORS } from './operators.ts';

/**
 * Adds Picket's operators, and puts its own form of json-rules-engine's in their place: it says no where those throw,
 * over a fact of a type that they don't expect.
 */
export function register(engine: Pick<Engine, 'addOperator' | 'addOperatorDecorator'>): void {
  for (const { name, evaluate } of [...STANDARD_OPERATORS, ...ADDED_OPERATORS, MATCHES_IGNORING_CASE]) {
    engine.addOperator<FactValue, FactValue>(name, evaluate);
  }
  for (const { name, evaluate } of DECORATORS.values()) {
    engine.addOperatorDecorator<FactValue, FactValue, FactValue, FactValue>(name, evaluate);
  }
}
