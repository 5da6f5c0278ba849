// Loads rule files: every problem in all of them at once, each with its place. What has no error is in the rule set.

import type { Platform } from '../events/triggers.ts';
import { type LeafPlaces, parseCondition } from './condition-syntax.ts';
import type { Condition, Leaf, NamedConditions, RootCondition } from './conditions.ts';
import {
  type DocumentPath,
  type Place,
  type PlaceOfPart,
  parseRuleDocument,
  type RuleDocument,
} from './rule-document.ts';
import { type RuleText, readRuleFiles } from './rule-files.ts';
import { parseRule } from './rule-parser.ts';
import { describeValue, oneOf, RuleFileError, type RuleProblem } from './rule-problem.ts';
import { FILE_KEYS, fileSchema, type RuleDefinition, type RuleSet } from './schema.ts';
import { explainIssues } from './schema-problems.ts';

export { RuleFileError } from './rule-problem.ts';

export interface LoadOptions {
  /** Rules are judged by the facts of this platform only. */
  readonly platform?: Platform | undefined;
}

export interface LoadedRules {
  /** Whatever has no error; use it only if `problems` holds none. */
  readonly ruleSet: RuleSet;
  readonly problems: readonly RuleProblem[];
  /** Every file read, for watching. */
  readonly files: readonly string[];
  /** Where the leaves of conditions stand. */
  readonly places: LeafPlaces;
  /** Where named conditions stand. */
  readonly conditionPlaces: ReadonlyMap<string, Place>;
}

export async function loadRules(paths: readonly string[], options: LoadOptions = {}): Promise<LoadedRules> {
  const problems: RuleProblem[] = [];
  const found = await readRuleFiles(paths, (problem) => problems.push(problem));
  const loaded = parseRules(found.texts, options);
  return { ...loaded, problems: inOrder([...problems, ...loaded.problems]), files: found.files };
}

/** The rule set of files that have no error. Throws RuleFileError with every problem otherwise. */
export function requireRuleSet(loaded: Pick<LoadedRules, 'problems' | 'ruleSet'>): RuleSet {
  const errors = loaded.problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new RuleFileError(errors);
  return loaded.ruleSet;
}

/** The same for texts at hand. */
export function parseRules(texts: readonly RuleText[], options: LoadOptions = {}): LoadedRules {
  const problems: RuleProblem[] = [];
  const report = (problem: RuleProblem): void => void problems.push(problem);
  const files = texts.flatMap(({ file, text }) => {
    const document = parseRuleDocument(file, text, report);
    return document === undefined ? [] : [parseFile(document, report)];
  });
  const places = new Map<Leaf, PlaceOfPart>();
  const { conditions, conditionPlaces } = parseNamedConditions(files, places, report);
  const rules: RuleDefinition[] = [];
  const firstOf = new Map<string, Place>();
  for (const file of files) {
    for (const [value, path] of file.rules) {
      const context = {
        document: file.document,
        named: conditions,
        conditionNames: new Set(conditionPlaces.keys()),
      };
      const rule = parseRule(value, path, { ...context, platforms: file.platforms, options, places, report });
      const name = nameOf(value);
      if (name !== undefined) {
        const first = firstOf.get(name);
        const place = file.document.placeOf([...path, 'name']);
        if (first !== undefined) reportDuplicate('rule', name, first, place, report);
        else firstOf.set(name, place);
      }
      if (rule !== undefined) rules.push(rule);
    }
  }
  return {
    ruleSet: { rules, conditions, lists: {} },
    problems: inOrder(problems),
    files: texts.map(({ file }) => file),
    places,
    conditionPlaces,
  };
}

interface ParsedFile {
  readonly document: RuleDocument;
  readonly rules: readonly (readonly [unknown, DocumentPath])[];
  readonly conditions: Readonly<Record<string, unknown>>;
  readonly platforms: readonly Platform[] | undefined;
}

function parseFile(document: RuleDocument, report: (problem: RuleProblem) => void): ParsedFile {
  const { value } = document;
  const nothing: ParsedFile = { document, rules: [], conditions: {}, platforms: undefined };
  const wrong = (path: DocumentPath, message: string, found: string, expected: string): ParsedFile => {
    report({ ...document.placeOf(path), code: 'file-shape', message, found, expected, severity: 'error' });
    return nothing;
  };
  if (Array.isArray(value)) {
    return { ...nothing, rules: value.map((rule: unknown, index) => [rule, [index]]) };
  }
  if (value === undefined || value === null) {
    report({
      ...document.placeOf([]),
      code: 'empty-file',
      message: 'this rule file is empty',
      severity: 'warning',
    });
    return nothing;
  }
  if (typeof value !== 'object') {
    return wrong(
      [],
      'a rule file holds rules',
      describeValue(value),
      `a list of rules, or a map with ${oneOf(FILE_KEYS)}`,
    );
  }
  if (Object.hasOwn(value, 'name') && Object.hasOwn(value, 'conditions')) {
    return wrong([], 'this is one rule, not a list of rules', 'a map', 'a dash before it: `- name: …`');
  }
  const parsed = fileSchema.safeParse(value);
  if (parsed.success) {
    const { rules, conditions, platforms } = parsed.data;
    return {
      document,
      rules: (rules ?? []).map((rule, index) => [rule, ['rules', index]]),
      conditions: conditions ?? {},
      platforms,
    };
  }
  for (const problem of explainIssues(parsed.error.issues, document, [], () => FILE_KEYS)) report(problem);
  return nothing;
}

function parseNamedConditions(
  files: readonly ParsedFile[],
  places: Map<Leaf, PlaceOfPart>,
  report: (problem: RuleProblem) => void,
): { conditions: NamedConditions; conditionPlaces: ReadonlyMap<string, Place> } {
  const conditionPlaces = new Map<string, Place>();
  for (const { document, conditions } of files) {
    for (const name of Object.keys(conditions)) {
      const place = document.placeOfKey(['conditions', name]);
      const first = conditionPlaces.get(name);
      if (first !== undefined) reportDuplicate('condition', name, first, place, report);
      else conditionPlaces.set(name, place);
    }
  }
  const parsed = new Map<string, RootCondition>();
  const conditionNames = new Set(conditionPlaces.keys());
  for (const { document, conditions } of files) {
    for (const [name, value] of Object.entries(conditions)) {
      const syntax = { document, conditionNames, places, report };
      const condition = parseCondition(value, ['conditions', name], syntax, true);
      if (condition !== undefined && !('fact' in condition)) parsed.set(name, condition);
    }
  }
  const circle = [...parsed.keys()].filter((name) => reaches(name, name, parsed));
  for (const name of circle) {
    const place = conditionPlaces.get(name) ?? { file: '', line: 0, column: 0 };
    const message = `the condition \`${name}\` refers to itself`;
    const expected = 'conditions that end';
    report({
      ...place,
      code: 'condition-circle',
      message,
      found: circle.join(' and '),
      expected,
      severity: 'error',
    });
    parsed.delete(name);
  }
  return { conditions: Object.fromEntries(parsed), conditionPlaces };
}

/** Whether following references from one named condition meets another. */
function reaches(from: string, target: string, named: ReadonlyMap<string, Condition>): boolean {
  const seen = new Set<string>();
  const queue = referencesOf(named.get(from));
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (name === target) return true;
    if (seen.has(name)) continue;
    seen.add(name);
    queue.push(...referencesOf(named.get(name)));
  }
  return false;
}

export function referencesOf(condition: Condition | undefined): string[] {
  if (condition === undefined || 'fact' in condition) return [];
  if ('condition' in condition) return [condition.condition];
  if ('not' in condition) return referencesOf(condition.not);
  return ('all' in condition ? condition.all : condition.any).flatMap(referencesOf);
}

function reportDuplicate(
  what: string,
  name: string,
  first: Place,
  place: Place,
  report: (problem: RuleProblem) => void,
): void {
  report({
    ...place,
    code: `duplicate-${what}`,
    message: `another ${what} is named \`${name}\`, at ${first.file}:${first.line}:${first.column}`,
    found: `\`${name}\` twice`,
    expected: 'a name of its own',
    severity: 'error',
  });
}

function nameOf(rule: unknown): string | undefined {
  const name = rule !== null && typeof rule === 'object' && 'name' in rule ? rule.name : undefined;
  return typeof name === 'string' ? name : undefined;
}

/** By file and place; the same thing said of several triggers once. */
function inOrder(problems: readonly RuleProblem[]): readonly RuleProblem[] {
  const files = [...new Set(problems.map(({ file }) => file))];
  const seen = new Set<string>();
  return problems
    .filter((problem) => {
      const key = JSON.stringify([problem.file, problem.line, problem.column, problem.code, problem.message]);
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    })
    .sort((a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column);
}
