// One rule as it was written, turned into a RuleDefinition: keys, triggers, event type, conditions, facts and tests.

import type { EcsEvent } from '../events/ecs-event.ts';
import { triggersOf } from '../events/fact-table.ts';
import type { Platform, Trigger } from '../events/triggers.ts';
import { parseCondition } from './condition-syntax.ts';
import { type Leaf, type NamedConditions, type RootCondition, visitLeaves } from './conditions.ts';
import { isAuthTrigger } from './decision.ts';
import { checkGiven, touches } from './given-facts.ts';
import { nearestName } from './nearest.ts';
import type { DocumentPath, Place, RuleDocument } from './rule-document.ts';
import { findReach } from './rule-facts.ts';
import { describeValue, oneOf, type RuleProblem } from './rule-problem.ts';
import {
  DEFAULT_PRIORITY,
  DEFAULT_SEVERITY,
  PLATFORMS,
  RULE_KEYS,
  type RuleDefinition,
  type RuleTest,
  ruleSchema,
  TEST_KEYS,
  type WrittenRule,
} from './schema.ts';
import { explainIssues } from './schema-problems.ts';

export interface RuleContext {
  readonly document: RuleDocument;
  readonly named: NamedConditions;
  readonly conditionNames: ReadonlySet<string>;
  /** Of the file, for rules that name none. */
  readonly platforms: readonly Platform[] | undefined;
  readonly options: { readonly platform?: Platform | undefined };
  readonly places: Map<Leaf, (key: keyof Leaf, entry?: number) => Place>;
  report(problem: RuleProblem): void;
}

const EVENT_KEYS = ['type', 'params'];
const PARAM_KEYS = ['message', 'tags'];

/** undefined: it has an error, and every one of them is reported. */
export function parseRule(
  value: unknown,
  path: DocumentPath,
  context: RuleContext,
): RuleDefinition | undefined {
  const { document } = context;
  let isGood = true;
  const report = (problem: RuleProblem): void => {
    if (problem.severity === 'error') isGood = false;
    context.report(problem);
  };
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    const expected = 'a map with name, on, conditions and event';
    const message = 'a rule is a map';
    report({
      ...document.placeOf(path),
      code: 'rule-shape',
      message,
      found: describeValue(value),
      expected,
      severity: 'error',
    });
    return undefined;
  }
  const parsed = ruleSchema.safeParse(value);
  for (const problem of explainIssues(parsed.error?.issues ?? [], document, path, keysAt)) report(problem);

  // Conditions are looked at even where the rest is wrong: one round of errors, not two.
  const conditionPath = [...path, 'conditions'];
  const conditions =
    'conditions' in value && value.conditions !== undefined
      ? parseCondition(value.conditions, conditionPath, { ...context, report }, true)
      : undefined;
  if (!parsed.success) return undefined;
  const written = parsed.data;
  const on = checkTriggers(written, path, document, report);
  checkEventType(written, on, path, document, report);
  if (conditions === undefined || 'fact' in conditions || on.length === 0) return undefined;

  const leaves: Leaf[] = [];
  visitLeaves(conditions, context.named, (leaf) => leaves.push(leaf));
  const reach = findReach(
    {
      name: written.name,
      on,
      platforms: written.platforms ?? context.platforms,
      leaves,
      place: document.placeOf([...path, 'name']),
      placeOfTrigger: (trigger) => document.placeOf([...path, 'on', written.on.indexOf(trigger)]),
    },
    context.places,
    context.options.platform,
  );
  for (const problem of reach.problems) report(problem);
  const tests = parseTests(written, on, reach.platforms, leaves, path, document, report);
  return isGood
    ? definitionOf(written, on, reach.platforms, conditions, tests, document.placeOf(path))
    : undefined;
}

function keysAt(path: DocumentPath): readonly string[] {
  const [key] = path;
  if (key === 'event') return path.length === 1 ? EVENT_KEYS : PARAM_KEYS;
  return key === 'tests' ? TEST_KEYS : RULE_KEYS;
}

function definitionOf(
  written: WrittenRule,
  on: readonly Trigger[],
  platforms: readonly Platform[],
  conditions: RootCondition,
  tests: readonly RuleTest[],
  place: Place,
): RuleDefinition {
  return {
    name: written.name,
    on,
    platforms,
    description: (written.description ?? '').trim(),
    severity: written.severity ?? DEFAULT_SEVERITY,
    tags: written.tags ?? [],
    mode: written.mode ?? 'enforce',
    priority: written.priority ?? DEFAULT_PRIORITY,
    conditions,
    event: { type: written.event.type, params: written.event.params ?? {} },
    tests,
    references: written.references ?? [],
    falsePositives: [...(written.falsepositives ?? []), ...(written.false_positives ?? [])],
    place,
  };
}

function checkTriggers(
  written: WrittenRule,
  path: DocumentPath,
  document: RuleDocument,
  report: (problem: RuleProblem) => void,
): Trigger[] {
  const known = new Set<string>(PLATFORMS.flatMap((platform) => triggersOf(platform)));
  const on: Trigger[] = [];
  for (const [index, trigger] of written.on.entries()) {
    const place = document.placeOf([...path, 'on', index]);
    if (!known.has(trigger)) {
      const meant = nearestName(trigger, known) ?? [...known].find((name) => name.endsWith(`.${trigger}`));
      report({
        ...place,
        code: 'unknown-trigger',
        message: `no trigger is named \`${trigger}\`${meant === undefined ? '' : `; did you mean \`${meant}\`?`}`,
        found: describeValue(trigger),
        expected: meant ?? 'auth.<action>, notify.<action>, log, dns.query, dns.answer, flow or picket',
        severity: 'error',
      });
    } else if (on.includes(trigger as Trigger)) {
      const message = `\`${trigger}\` stands here twice`;
      report({
        ...place,
        code: 'duplicate-trigger',
        message,
        found: trigger,
        expected: 'each trigger once',
        severity: 'error',
      });
    } else on.push(trigger as Trigger);
  }
  return on;
}

function checkEventType(
  { event: { type } }: WrittenRule,
  on: readonly Trigger[],
  path: DocumentPath,
  document: RuleDocument,
  report: (problem: RuleProblem) => void,
): void {
  const isVerdict = type === 'allow' || type === 'deny';
  if (!isVerdict && type !== 'forward' && type !== 'drop') return;
  const misfit = on.find((trigger) => isAuthTrigger(trigger) !== isVerdict);
  if (misfit === undefined) return;
  const place = document.placeOf([...path, 'event', 'type']);
  const message = isVerdict
    ? `\`${type}\` answers auth events, and ${misfit} asks nothing`
    : `\`${type}\` is for events that are told, and ${misfit} waits for an answer`;
  const expected = oneOf([...(isVerdict ? ['forward', 'drop'] : ['allow', 'deny']), 'alert', 'tag']);
  report({ ...place, code: 'event-type', message, found: type, expected, severity: 'error' });
}

function parseTests(
  written: WrittenRule,
  on: readonly Trigger[],
  platforms: readonly Platform[],
  leaves: readonly Leaf[],
  path: DocumentPath,
  document: RuleDocument,
  report: (problem: RuleProblem) => void,
): RuleTest[] {
  const { type } = written.event;
  const expectations = [type, 'none', `todo-${type}`, 'todo-none'];
  const names = new Set<string>();
  return (written.tests ?? []).map((test, index) => {
    const at = [...path, 'tests', index];
    const fail = (key: string, code: string, message: string, found: string, expected: string): void =>
      report({ ...document.placeOf([...at, key]), code, message, found, expected, severity: 'error' });
    if (names.has(test.name)) {
      fail(
        'name',
        'duplicate-test',
        `another test of ${written.name} has this name`,
        `\`${test.name}\``,
        'a name of its own',
      );
    }
    names.add(test.name);
    if (!expectations.includes(test.expect)) {
      const message = `a test of ${written.name} can't expect this`;
      fail('expect', 'wrong-expectation', message, describeValue(test.expect), oneOf(expectations));
    }
    const trigger = on.find((one) => one === test.on) ?? on[0] ?? 'picket';
    if (test.on !== undefined && test.on !== trigger) {
      fail(
        'on',
        'wrong-trigger',
        `${written.name} is not on this trigger`,
        describeValue(test.on),
        oneOf(on),
      );
    }
    const given = test.given as EcsEvent;
    const problems = checkGiven(test.given, document, [...at, 'given'], trigger, platforms);
    for (const problem of problems) report(problem);
    if (problems.length === 0 && leaves.length > 0 && !touches(given, leaves)) {
      const message = `the test \`${test.name}\` asserts nothing: it gives no fact that the rule reads`;
      const read = [...new Set(leaves.map((leaf) => `${leaf.fact}${leaf.path?.slice(1) ?? ''}`))];
      fail(
        'given',
        'empty-test',
        message,
        describeValue(test.given),
        `a value for ${oneOf(read.slice(0, 6))}`,
      );
    }
    const { line, column } = document.placeOf(at);
    return { name: test.name, given, expect: test.expect, on: trigger, line, column };
  });
}
