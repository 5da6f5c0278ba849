// What a rule is, and the zod schema of a rule file: a list of rules, or a map around one. Conditions are checked
// apart (condition-problems.ts): only with the table of facts at hand can an error say what was meant.

import { z } from 'zod';
import type { EcsEvent } from '../events/ecs-event.ts';
import type { Platform, Trigger } from '../events/triggers.ts';
import type { NamedConditions, RootCondition } from './conditions.ts';

const SEVERITIES = ['informational', 'low', 'medium', 'high', 'critical'] as const;
const MODES = ['enforce', 'shadow'] as const;
export const PLATFORMS = ['linux', 'macos'] as const satisfies readonly Platform[];
export const EVENT_TYPES = ['allow', 'deny', 'forward', 'drop', 'alert', 'tag'] as const;

export type Severity = (typeof SEVERITIES)[number];
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

interface RulePlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
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
  readonly conditions: RootCondition;
  readonly event: RuleEvent;
  readonly tests: readonly RuleTest[];
  readonly references: readonly string[];
  readonly falsePositives: readonly string[];
  readonly place: RulePlace;
}

export interface RuleSet {
  readonly rules: readonly RuleDefinition[];
  readonly conditions: NamedConditions;
  /** Named lists of values; no rule can refer to one yet. */
  readonly lists: Readonly<Record<string, readonly string[]>>;
}

export const DEFAULT_PRIORITY = 1;
export const DEFAULT_SEVERITY: Severity = 'medium';

const text = z.string().min(1);
const texts = z.array(text);

export const testSchema = z.strictObject({
  name: text,
  given: z.record(z.string(), z.unknown()),
  expect: text,
  on: text.optional(),
});

export const ruleSchema = z.strictObject({
  name: text,
  on: texts.min(1),
  platforms: z.array(z.enum(PLATFORMS)).min(1).optional(),
  description: text.optional(),
  severity: z.enum(SEVERITIES).optional(),
  tags: texts.optional(),
  mode: z.enum(MODES).optional(),
  priority: z.int().min(1).max(1_000_000).optional(),
  conditions: z.unknown().refine((value) => value !== undefined, { error: 'missing' }),
  event: z.strictObject({
    type: z.enum(EVENT_TYPES),
    params: z.strictObject({ message: text.optional(), tags: texts.optional() }).optional(),
  }),
  /** Parsed one by one: a wrong one hides no other. */
  tests: z.array(z.unknown()).optional(),
  references: texts.optional(),
  falsepositives: texts.optional(),
  false_positives: texts.optional(),
});

export type WrittenRule = z.infer<typeof ruleSchema>;

/** The map around a list of rules. The rules themselves are parsed one by one: a wrong one hides no other. */
export const fileSchema = z.strictObject({
  rules: z.array(z.unknown()).optional(),
  conditions: z.record(z.string(), z.unknown()).optional(),
  platforms: z.array(z.enum(PLATFORMS)).min(1).optional(),
});

export const RULE_KEYS = Object.keys(ruleSchema.shape);
export const FILE_KEYS = Object.keys(fileSchema.shape);
export const TEST_KEYS = Object.keys(testSchema.shape);
