// Rules as json-rules-engine takes them: every fact a whole object of the event, lists written out, exceptions within the
// conditions, and what the triggers say turned into conditions on the event itself.

import type { Platform, Trigger } from '../events/triggers.ts';
import type { LeafPlaces } from './condition-context.ts';
import {
  type Condition,
  type ConditionValue,
  type FactReference,
  isFactReference,
  type Leaf,
  type NamedConditions,
  type RootCondition,
} from './conditions.ts';
import { parseOperatorName } from './decorators.ts';
import { accessOf } from './fact-access.ts';
import type { FindingCode } from './finding-codes.ts';
import { ADDED_OPERATORS } from './operators.ts';
import type { Place } from './rule-document.ts';
import { describeValue, type RuleProblem } from './rule-problem.ts';
import { PLATFORMS, type RuleDefinition, type RuleSet } from './schema.ts';

interface ExportedRule {
  readonly name: string;
  readonly priority: number;
  readonly conditions: RootCondition;
  readonly event: { readonly type: string; readonly params?: object };
  // What json-rules-engine does not read, for whoever acts on its results.
  readonly on: readonly Trigger[];
  readonly platforms: readonly Platform[];
  readonly mode: string;
  readonly severity: string;
  readonly tags: readonly string[];
}

/** `not-exportable`: json-rules-engine can't be told what the rule says. */
export type ExportProblem = RuleProblem<FindingCode | 'not-exportable'>;

export interface JreExport {
  /** To be given to `addRule`. */
  readonly rules: readonly ExportedRule[];
  /** To be given to `setCondition`, by name. */
  readonly conditions: NamedConditions;
  /** Operators and decorators that json-rules-engine does not have by itself. */
  readonly operators: readonly string[];
}

export interface ExportSelection {
  /** Only the rules of this trigger, which then need not ask for it. */
  readonly trigger?: Trigger | undefined;
  readonly platform?: Platform | undefined;
}

export interface ExportResult {
  readonly exported: JreExport;
  /** Why a rule can't be exported; those that can are in `exported`. */
  readonly problems: readonly ExportProblem[];
}

const OWN_OPERATORS: ReadonlySet<string> = new Set(ADDED_OPERATORS.map(({ name }) => name));

export function exportForJre(ruleSet: RuleSet, places: LeafPlaces, selection: ExportSelection): ExportResult {
  const { trigger, platform } = selection;
  const problems: ExportProblem[] = [];
  const operators = new Set<string>();
  const conditions: Record<string, RootCondition> = {};
  const rules: ExportedRule[] = [];
  for (const rule of ruleSet.rules) {
    if (trigger !== undefined && !rule.on.includes(trigger)) continue;
    if (platform !== undefined && !rule.platforms.includes(platform)) continue;
    const faults: ExportProblem[] = [];
    const translation = new Translation(ruleSet.conditions, places, rule.place, operators, faults);
    const translated = translation.root(rule.conditions);
    problems.push(...faults);
    if (faults.length > 0) continue;
    Object.assign(conditions, translation.named);
    const { name, priority, on, platforms, mode, severity, tags, event } = rule;
    const { type, params } = event;
    const told = Object.keys(params).length === 0 ? { type } : { type, params };
    const guarded = guard(translated, rule, selection);
    rules.push({ name, priority, conditions: guarded, event: told, on, platforms, mode, severity, tags });
  }
  return { exported: { rules, conditions, operators: [...operators].sort() }, problems };
}

/** json-rules-engine has no triggers and platforms: the event is asked. */
function guard(
  conditions: RootCondition,
  rule: RuleDefinition,
  { trigger, platform }: ExportSelection,
): RootCondition {
  const guards: Leaf[] = [];
  if (trigger === undefined) {
    guards.push({ fact: 'picket', path: '$.trigger', operator: 'in', value: rule.on });
  }
  if (platform === undefined && PLATFORMS.some((one) => !rule.platforms.includes(one))) {
    guards.push({ fact: 'host', path: '$.os.type', operator: 'in', value: rule.platforms });
  }
  return guards.length === 0 ? conditions : { all: [...guards, conditions] };
}

class Translation {
  /** The named conditions that were met on the way. */
  readonly named: Record<string, RootCondition> = {};
  readonly #conditions: NamedConditions;
  readonly #places: LeafPlaces;
  readonly #rule: Place;
  readonly #operators: Set<string>;
  readonly #problems: ExportProblem[];

  constructor(
    conditions: NamedConditions,
    places: LeafPlaces,
    rule: Place,
    operators: Set<string>,
    problems: ExportProblem[],
  ) {
    this.#conditions = conditions;
    this.#places = places;
    this.#rule = rule;
    this.#operators = operators;
    this.#problems = problems;
  }

  root(condition: RootCondition): RootCondition {
    if ('all' in condition) return { ...condition, all: condition.all.map((part) => this.#condition(part)) };
    if ('any' in condition) return { ...condition, any: condition.any.map((part) => this.#condition(part)) };
    if ('not' in condition) return { ...condition, not: this.#condition(condition.not) };
    const name = condition.condition;
    const target = this.#conditions[name];
    if (target !== undefined && this.named[name] === undefined) this.named[name] = this.root(target);
    return condition;
  }

  #condition(condition: Condition): Condition {
    return 'fact' in condition ? this.#leaf(condition) : this.root(condition);
  }

  #leaf(leaf: Leaf): Leaf {
    const { decorators, operator } = parseOperatorName(leaf.operator);
    if (OWN_OPERATORS.has(operator)) this.#operators.add(operator);
    if (decorators.includes('ignoreCase')) this.#operators.add('ignoreCase:');
    const fact = this.#fact(leaf, leaf, 'fact');
    return { ...leaf, ...fact, value: this.#value(leaf) };
  }

  #value(leaf: Leaf): ConditionValue {
    const { value } = leaf;
    if (isFactReference(value)) return this.#fact(value, leaf, 'value');
    const list: readonly unknown[] = Array.isArray(value) ? value : [value];
    const at = list.findIndex((entry) => typeof entry === 'bigint');
    if (at !== -1) {
      this.#report(leaf, 'value', Array.isArray(value) ? at : undefined, {
        message: 'JSON can not carry this number without losing digits',
        found: describeValue(list[at]),
        expected: `a number of at most ${Number.MAX_SAFE_INTEGER}, or the rule left to Picket`,
      });
    }
    return value;
  }

  /** `process.executable` is a part of the fact `process` there. */
  #fact(reference: FactReference, leaf: Leaf, key: 'fact' | 'value'): FactReference {
    const { fact, path } = reference;
    const [head = fact, ...below] = fact.split('.');
    if (below.length === 0) return path === undefined ? { fact } : { fact, path };
    const rest = path === undefined || path === '' ? '$' : path;
    if (rest !== '$' && !isWithin(fact, rest)) {
      this.#report(leaf, key, undefined, {
        message: 'this path begins in the middle of an event, and means another thing to json-rules-engine',
        found: `fact ${fact}, path ${rest}`,
        expected: `fact ${head}, path $${stepsOf(below)}${rest.slice(1)}`,
      });
    }
    return { fact: head, path: `$${stepsOf(below)}${rest.slice(1)}` };
  }

  #report(
    leaf: Leaf,
    key: keyof Leaf,
    entry: number | undefined,
    problem: Pick<RuleProblem, 'message' | 'found' | 'expected'>,
  ): void {
    const { file, line, column } = this.#places.get(leaf)?.(key, entry) ?? this.#rule;
    this.#problems.push({ file, line, column, code: 'not-exportable', ...problem, severity: 'error' });
  }
}

/**
 * Whether the path can as well begin further up: through objects or into a list. Picket takes a value that is neither as a
 * whole and leaves its path unread, and a fact under `es` may be anything.
 */
function isWithin(fact: string, path: string): boolean {
  const access = accessOf(fact, path);
  if (access?.slot === undefined || fact.startsWith('es.')) return false;
  return !access.isWhole || typeof access.steps[0] === 'number';
}

function stepsOf(names: readonly string[]): string {
  return names.map((name) => (/^[A-Za-z_][\w-]*$/.test(name) ? `.${name}` : `['${name}']`)).join('');
}
