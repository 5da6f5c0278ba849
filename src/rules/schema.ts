// What a rule is, and the zod schema of a rule file: a list of rules, or a map around one. Conditions are checked
// apart (condition-syntax.ts): only with the table of facts at hand can an error say what was meant.

import { z } from 'zod';
import type { EcsEvent } from '../events/ecs-event.ts';
import type { Platform, Trigger } from '../events/triggers.ts';
import type { NamedConditions, RootCondition, Scalar } from './conditions.ts';
import type { Place } from './rule-document.ts';

const SEVERITIES = ['informational', 'low', 'medium', 'high', 'critical'] as const;
const MODES = ['enforce', 'shadow'] as const;
export const PLATFORMS = ['linux', 'macos'] as const satisfies readonly Platform[];
export const EVENT_TYPES = ['allow', 'deny', 'forward', 'drop', 'alert', 'tag'] as const;

/** What stands in a named list: each type is checked when the list is read. */
export const LIST_TYPES = ['text', 'number', 'path', 'domain', 'cidr', 'sha256', 'cdhash'] as const;

export type Severity = (typeof SEVERITIES)[number];
export type ListType = (typeof LIST_TYPES)[number];
type RuleMode = (typeof MODES)[number];
export type RuleEventType = (typeof EVENT_TYPES)[number];
/** The event types that decide; `alert` and `tag` add. */
export type DecidingType = 'allow' | 'deny' | 'forward' | 'drop';

interface RuleEvent {
  readonly type: RuleEventType;
  readonly params: { readonly message?: string | undefined; readonly tags?: readonly string[] | undefined };
}

export interface RuleTest {
  readonly name: string;
  readonly given: EcsEvent;
  /** The rule's own event type, `none`, or either after `todo-`. */
  readonly expect: string;
  readonly on: Trigger;
  readonly line: number;
  readonly column: number;
}

/** Excludes events from a rule; it allows nothing. It stands apart from the rule, in a file of its own. */
export interface RuleException {
  readonly name: string;
  /** The rule that it is for. */
  readonly rule: string;
  readonly conditions: RootCondition;
  readonly reason: string;
  /** A date (the whole of it, UTC) or a time, as written: past it the exception no longer holds. */
  readonly expires?: string | undefined;
  readonly place: Place;
}

/** One rule as the loader leaves it: checked, defaults filled in, plain data that crosses to a worker thread. */
export interface RuleDefinition {
  readonly name: string;
  readonly on: readonly Trigger[];
  /** Where it applies; where the file names none, those that offer every fact it reads. */
  readonly platforms: readonly Platform[];
  readonly description: string;
  readonly severity: Severity;
  readonly tags: readonly string[];
  readonly mode: RuleMode;
  /** Higher wins; at least 1, as json-rules-engine has it. */
  readonly priority: number;
  /** What decides: `own`, without what the exceptions exclude that hold at the time of loading. */
  readonly conditions: RootCondition;
  /** As the rule says it, lists expanded. */
  readonly own: RootCondition;
  /** Those for this rule, also the expired ones. */
  readonly exceptions: readonly RuleException[];
  readonly event: RuleEvent;
  readonly tests: readonly RuleTest[];
  readonly references: readonly string[];
  readonly falsePositives: readonly string[];
  readonly place: Place;
}

export interface RuleSet {
  readonly rules: readonly RuleDefinition[];
  readonly conditions: NamedConditions;
  /** Named lists of values. In conditions the list itself stands, the same array wherever it is used. */
  readonly lists: Readonly<Record<string, readonly Scalar[]>>;
}

export const DEFAULT_PRIORITY = 1;
export const DEFAULT_SEVERITY: Severity = 'medium';

const text = z.string().min(1);
const texts = z.array(text);

/** Parsed apart, for errors that know facts and named conditions. */
const written = z.unknown().refine((value) => value !== undefined, { error: 'missing' });

// The descriptions are what an editor shows: the JSON Schema of rule files is made of these.

export const testSchema = z.strictObject({
  name: text.describe('What the test shows, such as: a tool that is signed.'),
  given: z
    .record(z.string(), z.unknown())
    .describe('The facts of an event. null: the event does not have the fact.'),
  expect: text.describe("The rule's own event type, none, or either after todo- for a known gap."),
  on: text.optional().describe('The trigger of the event; without it the first of the rule.'),
});

const platforms = z
  .array(z.enum(PLATFORMS))
  .min(1)
  .optional()
  .describe('Where the rule applies; without it where every fact that it reads is offered.');

/** What the bridge and a frame of the auth lane take: a denial must never lose its rule. */
const RULE_NAME_MAX = 256;

export const ruleSchema = z.strictObject({
  name: text.max(RULE_NAME_MAX).describe('What the rule is called everywhere, unique within the set.'),
  on: texts.min(1).describe('Triggers: the events for which the rule is asked.'),
  platforms,
  description: text.optional().describe('Why the rule exists and what an analyst does next.'),
  severity: z.enum(SEVERITIES).optional().describe(`How bad a match is; without it ${DEFAULT_SEVERITY}.`),
  tags: texts.optional().describe('Added to the event; ATT&CK as attack.t1059.004 and attack.execution.'),
  mode: z
    .enum(MODES)
    .optional()
    .describe('shadow: evaluated and reported, never enforced. Without it enforce.'),
  priority: z
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .describe(`The highest of the matching rules decides; without it ${DEFAULT_PRIORITY}.`),
  conditions: written.describe('What must hold. The outermost is all, any, not or condition.'),
  event: z
    .strictObject({
      type: z
        .enum(EVENT_TYPES)
        .describe('allow, deny on auth triggers; forward, drop on others; alert, tag on all.'),
      params: z
        .strictObject({
          message: text.optional().describe('What a person reads in the alert.'),
          tags: texts.optional().describe('Added to the event.'),
        })
        .optional()
        .describe('What the alert or the event is given.'),
    })
    .describe('What follows from a match.'),
  /** Parsed one by one: a wrong one hides no other. */
  tests: z.array(z.unknown()).optional().describe('Events and what the rule says of them.'),
  references: texts.optional().describe('Links.'),
  falsepositives: texts.optional().describe('As false_positives.'),
  false_positives: texts.optional().describe('What else matches, and what to do about it.'),
});

export const exceptionSchema = z.strictObject({
  rule: z.union([text, texts.min(1)]).describe('The rule that it is for, or several.'),
  name: text.describe('What the exception is called in explanations and logs.'),
  conditions: written.describe('For which events the rule does not hold.'),
  reason: text.describe("Why these events are none of the rule's business."),
  expires: text.optional().describe('Past this date (the whole of it, UTC) or time it no longer holds.'),
});

export const listSchema = z.strictObject({
  file: text.optional().describe('A file of values, one a line, its path from the folder of this file.'),
  values: z.array(z.unknown()).optional().describe('The values themselves.'),
  type: z.enum(LIST_TYPES).optional().describe('What each value is held to; without it text.'),
});

/** The map around a list of rules. What it holds is parsed one by one: a wrong one hides no other. */
export const fileSchema = z.strictObject({
  rules: z.array(z.unknown()).optional().describe('The rules.'),
  exceptions: z
    .array(z.unknown())
    .optional()
    .describe('Events for which rules of other files do not hold. They stand in files of their own.'),
  conditions: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('Named conditions, for every rule of the set.'),
  lists: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('Named lists of values, for every rule of the set.'),
  platforms: platforms.describe('For every rule of this file that names none itself.'),
});

export type WrittenRule = z.infer<typeof ruleSchema>;

export const RULE_KEYS = Object.keys(ruleSchema.shape);
export const FILE_KEYS = Object.keys(fileSchema.shape);
export const EXCEPTION_KEYS = Object.keys(exceptionSchema.shape);
export const LIST_KEYS = Object.keys(listSchema.shape);
export const TEST_KEYS = Object.keys(testSchema.shape);
