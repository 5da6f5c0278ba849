// json-rules-engine 7.3.1's own public face on compiled rules: whoever uses that library can change the import, and
// nothing else, and has the same results sooner.
//
// Rules run compiled where they can: constant facts (known to the engine or given to `run`), paths of names and indices,
// json-rules-engine's own operators and decorators, named conditions, facts compared with facts. Everything else is
// evaluated by json-rules-engine itself, rule by rule, in the same run: computed and awaited facts, operators and
// decorators of one's own, JSONPath with filters or wildcards, a path resolver of one's own, event parameters that are
// replaced by facts, subclasses of Rule with an `evaluate` of their own, and every error. A run with an almanac of
// one's own is json-rules-engine's altogether. Rule, Fact, Operator, OperatorDecorator and Almanac are its own classes.
//
// What differs, on purpose:
// - Runs of one engine at the same time don't end one another: there, the first to finish makes the others skip the rest
//   of their rules. A run that was refused with an error counts as running for some turns more.
// - `run` takes fewer turns of the promise queue. Listeners are told in the same order, counted from the beginning of a
//   priority.
// - The lists of a run's result are made when they are first read; Node prints them as if they stood there.
// - A rule that json-rules-engine evaluates may add facts to the almanac while it is evaluated: compiled rules of the
//   same priority do not see them, for they have read theirs when the priority began.
// - The default export has the other exports as properties, its own name `default` among them.

import {
  Almanac,
  type EngineOptions,
  Fact,
  Operator,
  OperatorDecorator,
  Rule,
  type RuleProperties,
} from 'json-rules-engine';
import { Engine } from './jre/engine.ts';

export type {
  AlmanacOptions,
  DynamicFactCallback,
  EngineOptions,
  EngineResult,
  Event,
  EventHandler,
  FactOptions,
  OperatorDecoratorEvaluator,
  OperatorEvaluator,
  PathResolver,
  RuleProperties,
  RuleResult,
  RuleSerializable,
  RunOptions,
  TopLevelCondition,
} from 'json-rules-engine';
export { Almanac, Engine, Fact, Operator, OperatorDecorator, Rule };

function engineFactory(rules?: RuleProperties[], options?: EngineOptions): Engine {
  return new Engine(rules, options);
}

// The names besides: an ES module that imports a CommonJS one by default gets all of its exports, and so do users of
// the original who write `import jre from 'json-rules-engine'`.
const face = { Almanac, Engine, Fact, Operator, OperatorDecorator, Rule };
// biome-ignore lint/style/noDefaultExport: it is json-rules-engine's public face.
export default Object.assign(engineFactory, face, { default: engineFactory });
