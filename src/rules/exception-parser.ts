// One exception as it was written, turned into one for each rule that it names, and judged by the facts of that rule's
// triggers.

import type { Platform } from '../events/triggers.ts';
import type { KnownLists } from './condition-context.ts';
import { parseCondition } from './condition-syntax.ts';
import {
  type Condition,
  type Leaf,
  type NamedConditions,
  type RootCondition,
  visitLeaves,
} from './conditions.ts';
import { isMap } from './document-map.ts';
import { isExpired, parseExpiry } from './exceptions.ts';
import type { FindingCode } from './finding-codes.ts';
import { didYouMean, nearestName } from './nearest.ts';
import type { DocumentPath, Place, PlaceOfPart, RuleDocument } from './rule-document.ts';
import { findReach } from './rule-facts.ts';
import { describeValue, oneOf, type RuleProblem } from './rule-problem.ts';
import { EXCEPTION_KEYS, exceptionSchema, type RuleDefinition, type RuleException } from './schema.ts';
import { explainIssues } from './schema-problems.ts';

export interface ExceptionContext {
  readonly document: RuleDocument;
  readonly named: NamedConditions;
  readonly conditionNames: ReadonlySet<string>;
  readonly lists: KnownLists;
  readonly usedLists?: Set<string> | undefined;
  readonly places: Map<Leaf, PlaceOfPart>;
  /** Those without error. */
  readonly rules: ReadonlyMap<string, RuleDefinition>;
  /** Of all rules, wrong ones too. */
  readonly ruleNames: ReadonlySet<string>;
  readonly options: { readonly platform?: Platform | undefined };
  readonly nowMs: number;
  report(problem: RuleProblem): void;
}

/** None: it has an error, and every one of them is reported. */
export function parseException(
  value: unknown,
  path: DocumentPath,
  context: ExceptionContext,
): RuleException[] {
  const { document, report } = context;
  if (!isMap(value)) {
    report({
      ...document.placeOf(path),
      code: 'exception-shape',
      message: 'an exception is a map',
      found: describeValue(value),
      expected: 'a map with rule, name, conditions and reason',
      severity: 'error',
    });
    return [];
  }
  const parsed = exceptionSchema.safeParse(value);
  const issues = parsed.error?.issues ?? [];
  for (const problem of explainIssues(issues, document, path, () => EXCEPTION_KEYS)) report(problem);

  const { rule, conditions: written } = value;
  const names = ruleNames(rule, path, context);
  const conditions = parseConditions(written, path, context);
  if (conditions !== undefined) {
    for (const name of names) judge(conditions, context.rules.get(name), path, context);
  }
  if (parsed.data === undefined || conditions === undefined) return [];
  const { name, reason, expires } = parsed.data;
  if (expires !== undefined && !isExpiry(expires, [...path, 'expires'], context)) return [];
  const place = document.placeOf(path);
  const exceptions = names.map(
    (of): RuleException => ({
      name,
      rule: of,
      conditions,
      reason: reason.trim(),
      ...(expires === undefined ? {} : { expires }),
      place,
    }),
  );
  if (reason.trim() === 'TODO') {
    report({
      ...document.placeOf([...path, 'reason']),
      code: 'exception-reason',
      message: `nobody has said yet why there is the exception \`${name}\``,
      found: 'TODO',
      expected: "why these events are none of the rule's business",
      severity: 'warning',
    });
  }
  const [first] = exceptions;
  if (first !== undefined && isExpired(first, context.nowMs)) {
    report({
      ...document.placeOf([...path, 'expires']),
      code: 'exception-expired',
      message: `the exception \`${name}\` has expired: ${oneOf(names).replace(' or ', ' and ')} no longer ${names.length === 1 ? 'heeds' : 'heed'} it`,
      found: expires,
      expected: 'a later date if it is still needed, else no such exception',
      severity: 'warning',
    });
  }
  return exceptions;
}

function ruleNames(rule: unknown, path: DocumentPath, context: ExceptionContext): readonly string[] {
  const { document, ruleNames: known, report } = context;
  const isList = Array.isArray(rule);
  const names = new Set<string>();
  for (const [index, name] of (isList ? (rule as readonly unknown[]) : [rule]).entries()) {
    if (typeof name !== 'string' || name === '') continue;
    const place = document.placeOf(isList ? [...path, 'rule', index] : [...path, 'rule']);
    const wrong = (code: FindingCode, message: string, expected: string): void =>
      report({ ...place, code, message, found: `\`${name}\``, expected, severity: 'error' });
    if (!known.has(name)) {
      const meant = nearestName(name, known);
      const hint = didYouMean(meant);
      wrong(
        'unknown-rule',
        `no rule is named \`${name}\`${hint}`,
        'the name of a rule that is loaded with it',
      );
    } else if (names.has(name)) wrong('repeated-rule', `\`${name}\` stands here twice`, 'each rule once');
    else names.add(name);
  }
  return [...names];
}

function parseConditions(
  written: unknown,
  path: DocumentPath,
  context: ExceptionContext,
): RootCondition | undefined {
  if (written === undefined) return undefined;
  const at = [...path, 'conditions'];
  const conditions = parseCondition(written, at, { ...context, report: quiet(context.report) }, true);
  if (conditions === undefined || 'fact' in conditions) return undefined;
  if (!holdsAlways(conditions, context.named)) return conditions;
  context.report({
    ...context.document.placeOf(at),
    code: 'exception-of-all',
    message: 'this exception covers every event: its rules would never match again',
    found: 'conditions that always hold',
    expected: 'conditions that hold for some events; to switch a rule off, take it out',
    severity: 'error',
  });
  return undefined;
}

/** That an empty list is true of every event is an error here, and said once. */
function quiet(report: (problem: RuleProblem) => void): (problem: RuleProblem) => void {
  return (problem) => {
    if (problem.code !== 'empty-list') report(problem);
  };
}

/** As json-rules-engine has it, an empty `any` holds, too. */
function holdsAlways(condition: Condition, named: NamedConditions): boolean {
  if ('fact' in condition) return false;
  if ('not' in condition) return false;
  if ('condition' in condition) {
    const target = named[condition.condition];
    return target !== undefined && holdsAlways(target, named);
  }
  if ('all' in condition) return condition.all.every((part) => holdsAlways(part, named));
  return condition.any.length === 0 || condition.any.some((part) => holdsAlways(part, named));
}

/**
 * The facts must exist for each of the rule's triggers. Of its platforms one is enough: a signature to go by is there on
 * macOS, and the same rule may guard Linux.
 */
function judge(
  conditions: RootCondition,
  rule: RuleDefinition | undefined,
  path: DocumentPath,
  { document, named, places, options, report }: ExceptionContext,
): void {
  if (rule === undefined) return;
  const leaves: Leaf[] = [];
  visitLeaves(conditions, named, (leaf) => leaves.push(leaf));
  const place: Place = document.placeOf([...path, 'rule']);
  const considered = rule.platforms.filter(
    (one) => options.platform === undefined || one === options.platform,
  );
  const findings = considered.map((platform) =>
    findReach(
      { name: rule.name, on: rule.on, platforms: [platform], leaves, place, placeOfTrigger: () => place },
      places,
      undefined,
    ).problems.filter(({ severity }) => severity === 'error'),
  );
  const [first] = findings;
  if (first === undefined || findings.some((problems) => problems.length === 0)) return;
  for (const problem of first)
    report({ ...problem, message: `${problem.message} (of the rule ${rule.name})` });
}

function isExpiry(expires: string, path: DocumentPath, { document, report }: ExceptionContext): boolean {
  if (parseExpiry(expires) !== undefined) return true;
  report({
    ...document.placeOf(path),
    code: 'wrong-expiry',
    message: 'this is no date',
    found: describeValue(expires),
    expected: 'a date such as 2027-01-31, or a time with its zone such as 2027-01-31T18:00:00Z',
    severity: 'error',
  });
  return false;
}
