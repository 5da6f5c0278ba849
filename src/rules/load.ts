// Loads rule files: every problem in all of them at once, each with its place. What has no error is in the rule set.

import type { Platform } from '../events/triggers.ts';
import type { LeafPlaces } from './condition-context.ts';
import type { Leaf } from './conditions.ts';
import { parseNamedConditions } from './conditions-of-set.ts';
import { withExceptions } from './exceptions.ts';
import { parseExceptions } from './exceptions-of-set.ts';
import { readListFiles } from './list-files.ts';
import { parseLists } from './lists-of-set.ts';
import { parseFile } from './parsed-file.ts';
import { type Place, type PlaceOfPart, parseRuleDocument } from './rule-document.ts';
import { type FoundRuleFiles, readRuleFiles } from './rule-files.ts';
import { parseRule } from './rule-parser.ts';
import { RuleFileError, type RuleProblem } from './rule-problem.ts';
import type { RuleText } from './rule-text.ts';
import type { RuleDefinition, RuleSet } from './schema.ts';
import { uniqueNames } from './unique-names.ts';

export interface LoadOptions {
  /** Rules are judged by the facts of this platform only. */
  readonly platform?: Platform | undefined;
  /** By which exceptions have expired or not; now. */
  readonly nowMs?: number | undefined;
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
  /** Where named lists stand. */
  readonly listPlaces: ReadonlyMap<string, Place>;
  /** Named lists that a condition refers to. */
  readonly usedLists: ReadonlySet<string>;
}

export async function loadRules(paths: readonly string[], options: LoadOptions = {}): Promise<LoadedRules> {
  return parseFound(await findRules(paths), options);
}

/** Files that were read and not yet looked into. */
export interface FoundRules extends FoundRuleFiles {
  /** Of the reading. */
  readonly problems: readonly RuleProblem[];
}

export async function findRules(paths: readonly string[]): Promise<FoundRules> {
  const problems: RuleProblem[] = [];
  const report = (problem: RuleProblem): void => void problems.push(problem);
  const found = await readRuleFiles(paths, report);
  const lists = await readListFiles(found.texts, report);
  return {
    texts: [...found.texts, ...lists.texts],
    files: [...found.files, ...lists.files],
    problems,
  };
}

export function parseFound({ texts, files, problems }: FoundRules, options: LoadOptions = {}): LoadedRules {
  const parsed = parseRules(texts, options);
  // Why a list's file could not be read was said when it was tried.
  const isTold = ({ code }: RuleProblem): boolean =>
    code === 'list-unreadable' && problems.some(({ severity }) => severity === 'error');
  const more = parsed.problems.filter((problem) => !isTold(problem));
  return { ...parsed, problems: inOrder([...problems, ...more]), files };
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
  const files = texts
    .filter(({ isList }) => !isList)
    .flatMap(({ file, text }) => {
      const document = parseRuleDocument(file, text, report);
      return document === undefined ? [] : [parseFile(document, report)];
    });
  const places = new Map<Leaf, PlaceOfPart>();
  const usedLists = new Set<string>();
  const { lists, listPlaces } = parseLists(files, texts, report);
  const syntax = { lists, usedLists, places, report };
  const { conditions, conditionPlaces } = parseNamedConditions(files, syntax);
  const context = { ...syntax, named: conditions, conditionNames: new Set(conditionPlaces.keys()), options };
  const rules = new Map<string, RuleDefinition>();
  const unique = uniqueNames('rule', report);
  for (const { document, rules: written, platforms } of files) {
    for (const [value, path] of written) {
      const rule = parseRule(value, path, { ...context, document, platforms });
      const name = nameOf(value);
      const isFirst = name === undefined || unique.take(name, document.placeOf([...path, 'name']));
      if (rule !== undefined && isFirst) rules.set(rule.name, rule);
    }
  }
  const nowMs = options.nowMs ?? Date.now();
  const exceptions = parseExceptions(files, { ...context, rules, ruleNames: unique.names, nowMs });
  return {
    ruleSet: {
      rules: [...rules.values()].map((rule) => withExceptions(rule, exceptions.get(rule.name) ?? [], nowMs)),
      conditions,
      lists: Object.fromEntries([...lists].flatMap(([name, list]) => (list ? [[name, list.values]] : []))),
    },
    problems: inOrder(problems),
    files: texts.map(({ file }) => file),
    places,
    conditionPlaces,
    listPlaces,
    usedLists,
  };
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
