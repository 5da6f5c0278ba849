// One rule as it was written, turned into a RuleDefinition: keys, triggers, event type, conditions, facts and tests.

import type { Platform, Trigger } from '../events/triggers.ts';
import type { KnownLists } from './condition-context.ts';
import { parseCondition } from './condition-syntax.ts';
import { type Leaf, type NamedConditions, type RootCondition, visitLeaves } from './conditions.ts';
import { isAuthTrigger } from './decision.ts';
import { type DocumentMap, isMap } from './document-map.ts';
import { allTriggers, isKnownTrigger } from './known-triggers.ts';
import { didYouMean, fixBy, nearestName } from './nearest.ts';
import type { DocumentPath, Place, PlaceOfPart, RuleDocument } from './rule-document.ts';
import { findReach } from './rule-facts.ts';
import { describeValue, oneOf, type RuleProblem } from './rule-problem.ts';
import {
  DEFAULT_PRIORITY,
  DEFAULT_SEVERITY,
  RULE_KEYS,
  type RuleDefinition,
  type RuleTest,
  ruleSchema,
  TEST_KEYS,
  type WrittenRule,
} from './schema.ts';
import { explainIssues } from './schema-problems.ts';
import { parseTests } from './test-parser.ts';

export interface RuleContext {
  readonly document: RuleDocument;
  readonly named: NamedConditions;
  readonly conditionNames: ReadonlySet<string>;
  readonly lists: KnownLists;
  readonly usedLists?: Set<string> | undefined;
  /** Of the file, for rules that name none. */
  readonly platforms: readonly Platform[] | undefined;
  readonly options: { readonly platform?: Platform | undefined };
  readonly places: Map<Leaf, PlaceOfPart>;
  report(problem: RuleProblem): void;
}

const EVENT_KEYS = ['type', 'params'];
const PARAM_KEYS = ['message', 'tags'];

const DEPRECATED = 'falsepositives';

/** An alert of the bridge or the agent itself (`picket-unasked`) must not be mistaken for a rule's. */
const RESERVED = 'picket-';

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
  if (!isMap(value)) {
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
  if (Object.hasOwn(value, DEPRECATED)) {
    report({
      ...document.placeOfKey([...path, DEPRECATED]),
      code: 'deprecated-key',
      message: `\`${DEPRECATED}\` is the old name of \`false_positives\``,
      found: `\`${DEPRECATED}\``,
      expected: '`false_positives`',
      severity: 'warning',
      // Two keys of one name would be an error.
      ...(Object.hasOwn(value, 'false_positives') ? {} : { fix: { kind: 'replace', by: 'false_positives' } }),
    });
  }

  // Triggers, conditions and facts are looked at even where the rest is wrong: one round of errors, not several.
  const written: Partial<WrittenRule> = parsed.data ?? salvage(value);
  const leaves: Leaf[] = [];
  const conditions =
    written.conditions === undefined
      ? undefined
      : parseCondition(written.conditions, [...path, 'conditions'], { ...context, leaves, report }, true);
  if (conditions !== undefined) {
    leaves.length = 0;
    visitLeaves(conditions, context.named, (leaf) => leaves.push(leaf));
  }
  const on = checkTriggers(written.on ?? [], path, document, report);
  if (written.event !== undefined) checkEventType(written.event, on, path, document, report);
  const place = document.placeOf([...path, 'name']);
  if (written.name?.startsWith(RESERVED)) {
    report({
      ...place,
      code: 'reserved-name',
      message: `names that begin with \`${RESERVED}\` are those of Picket's own alerts`,
      found: `\`${written.name}\``,
      expected: 'a name of its own',
      severity: 'error',
    });
  }
  const placeOfTrigger = (trigger: Trigger): Place =>
    document.placeOf([...path, 'on', (written.on ?? []).indexOf(trigger)]);
  const platforms = written.platforms ?? context.platforms;
  const reach = findReach(
    { name: written.name ?? 'this rule', on, platforms, leaves, place, placeOfTrigger },
    context.places,
    context.options.platform,
  );
  for (const problem of reach.problems) report(problem);
  const { type } = written.event ?? {};
  const isTestable = written.name !== undefined && type !== undefined && on.length > 0;
  // What a test gives is judged by a rule that is right: its mistakes would be repeated.
  const tests =
    isTestable && conditions !== undefined
      ? parseTests(
          written.tests ?? [],
          { name: written.name ?? '', type, on, platforms: reach.platforms, leaves },
          [...path, 'tests'],
          document,
          report,
        )
      : [];
  if (parsed.data === undefined || conditions === undefined || 'fact' in conditions || on.length === 0) {
    return undefined;
  }
  if (!isGood) return undefined;
  return definitionOf(parsed.data, on, reach.platforms, conditions, tests, document.placeOf(path));
}

/** The keys of a wrong rule that are right by themselves. */
function salvage(value: DocumentMap): Partial<WrittenRule> {
  const parts: Record<string, unknown> = {};
  for (const key of ['name', 'on', 'platforms', 'conditions', 'event', 'tests'] as const) {
    const part = ruleSchema.shape[key].safeParse(value[key]);
    if (part.success && part.data !== undefined) parts[key] = part.data;
  }
  return parts;
}

function keysAt(path: DocumentPath): readonly string[] {
  const [key] = path;
  if (key === 'event') return path.length === 1 ? EVENT_KEYS : PARAM_KEYS;
  return key === 'tests' ? TEST_KEYS : RULE_KEYS.filter((one) => one !== 'falsepositives');
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
    own: conditions,
    exceptions: [],
    event: { type: written.event.type, params: written.event.params ?? {} },
    tests,
    references: written.references ?? [],
    falsePositives: [...(written.falsepositives ?? []), ...(written.false_positives ?? [])],
    place,
  };
}

function checkTriggers(
  triggers: readonly string[],
  path: DocumentPath,
  document: RuleDocument,
  report: (problem: RuleProblem) => void,
): Trigger[] {
  const on: Trigger[] = [];
  for (const [index, trigger] of triggers.entries()) {
    const place = document.placeOf([...path, 'on', index]);
    if (!isKnownTrigger(trigger)) {
      const meant =
        nearestName(trigger, allTriggers()) ??
        [...allTriggers()].find((name) => name.endsWith(`.${trigger}`));
      report({
        ...place,
        code: 'unknown-trigger',
        message: `no trigger is named \`${trigger}\`${didYouMean(meant)}`,
        found: describeValue(trigger),
        expected: meant ?? 'auth.<action>, notify.<action>, log, dns.query, dns.answer, flow or picket',
        severity: 'error',
        ...fixBy(trigger, allTriggers()),
      });
    } else if (on.includes(trigger)) {
      const message = `\`${trigger}\` stands here twice`;
      report({
        ...place,
        code: 'duplicate-trigger',
        message,
        found: trigger,
        expected: 'each trigger once',
        severity: 'error',
        fix: { kind: 'remove' },
      });
    } else on.push(trigger);
  }
  return on;
}

function checkEventType(
  { type }: WrittenRule['event'],
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
