// Which rules a test of a test file is about, by the names and patterns that it gives.

import type { Trigger } from '../events/triggers.ts';
import { type Leaf, type NamedConditions, visitLeaves } from './conditions.ts';
import type { FindingCode } from './finding-codes.ts';
import { isNamePattern, nameMatcher } from './name-pattern.ts';
import { didYouMean, nearestName } from './nearest.ts';
import type { DocumentPath } from './rule-document.ts';
import type { RuleDefinition, RuleSet } from './schema.ts';
import type { WrittenFileTest } from './test-file-schema.ts';

type Fail = (at: DocumentPath, code: FindingCode, message: string, found?: string, expected?: string) => void;

export class TestedRules {
  readonly #all: readonly RuleDefinition[];
  readonly #byName = new Map<string, RuleDefinition>();
  readonly #broken: ReadonlySet<string>;
  readonly #several = new Map<string, readonly RuleDefinition[]>();
  readonly #named: NamedConditions;
  readonly #leaves = new WeakMap<readonly RuleDefinition[], Map<Trigger, readonly Leaf[]>>();
  readonly #names = new WeakMap<readonly RuleDefinition[], ReadonlySet<string>>();

  /** @param broken names of rules that have errors: to be told from those that do not exist */
  constructor({ rules, conditions }: Pick<RuleSet, 'rules' | 'conditions'>, broken: ReadonlySet<string>) {
    this.#all = rules;
    this.#named = conditions;
    this.#broken = broken;
    // Of two of the same name the loader has complained already.
    for (const rule of rules) if (!this.#byName.has(rule.name)) this.#byName.set(rule.name, rule);
  }

  /** The same list for the same names, so that what is compiled for it serves every test of them. */
  of({ rule, rules }: Pick<WrittenFileTest, 'rule' | 'rules'>, fail: Fail): readonly RuleDefinition[] {
    if (rule !== undefined && rules !== undefined) {
      const message = 'a test is about one rule or about several';
      fail(['rules'], 'test-shape', message, '`rule` and `rules`', 'one of them');
      return [];
    }
    if (rule !== undefined) return this.#only(rule, ['rule'], fail);
    if (rules === undefined) return this.#all;
    const key = JSON.stringify(rules);
    const known = this.#several.get(key);
    if (known !== undefined) return known;
    const found = rules.map((name, index) => this.#fitting(name, ['rules', index], fail));
    const several = [...new Set(found.flat())];
    // What is wrong is told of each test.
    if (found.every(({ length }) => length > 0)) this.#several.set(key, several);
    return several;
  }

  /** What they read of an event of the trigger. */
  leavesOn(rules: readonly RuleDefinition[], trigger: Trigger): readonly Leaf[] {
    const byTrigger = this.#leaves.get(rules) ?? new Map<Trigger, readonly Leaf[]>();
    this.#leaves.set(rules, byTrigger);
    const known = byTrigger.get(trigger);
    if (known !== undefined) return known;
    const leaves: Leaf[] = [];
    for (const rule of rules) {
      if (rule.on.includes(trigger)) visitLeaves(rule.conditions, this.#named, (leaf) => leaves.push(leaf));
    }
    byTrigger.set(trigger, leaves);
    return leaves;
  }

  namesOf(rules: readonly RuleDefinition[]): ReadonlySet<string> {
    const known = this.#names.get(rules);
    if (known !== undefined) return known;
    const names = new Set(rules.map(({ name }) => name));
    this.#names.set(rules, names);
    return names;
  }

  #only(name: string, at: DocumentPath, fail: Fail): readonly RuleDefinition[] {
    const found = this.#byName.get(name);
    if (found !== undefined) return [found];
    this.#failUnknown(name, `no rule is named \`${name}\``, at, fail);
    return [];
  }

  #fitting(name: string, at: DocumentPath, fail: Fail): readonly RuleDefinition[] {
    if (!isNamePattern(name)) return this.#only(name, at, fail);
    const matches = nameMatcher(name);
    const found = this.#all.filter((rule) => matches(rule.name));
    if (found.length === 0) this.#failUnknown(name, `no rule's name fits \`${name}\``, at, fail);
    return found;
  }

  #failUnknown(name: string, what: string, at: DocumentPath, fail: Fail): void {
    if (this.#broken.has(name)) {
      const message = `${name} has errors, so this can't be tested`;
      fail(at, 'unknown-rule', message, `\`${name}\``, 'a rule without errors');
      return;
    }
    const meant = nearestName(name, this.#byName.keys());
    const count = this.#byName.size;
    fail(
      at,
      'unknown-rule',
      `${what}${didYouMean(meant)}`,
      `\`${name}\``,
      meant ?? (count === 0 ? 'a rule; none was loaded' : `one of ${count} rules that were loaded`),
    );
  }
}
