// Sigma rules as texts, imported and loaded as the agent would load them.

import type { EcsEvent } from '../../../src/events/ecs-event.ts';
import type { Platform, Trigger } from '../../../src/events/triggers.ts';
import { compileRules } from '../../../src/rules/compile.ts';
import { givenFacts } from '../../../src/rules/given-facts.ts';
import { parseRules, requireRuleSet } from '../../../src/rules/load.ts';
import type { RuleSet } from '../../../src/rules/schema.ts';
import { loadMapping, type Mapping } from '../../../src/rules/sigma/field-mapping.ts';
import { type ImportOptions, type ImportResult, importSigma } from '../../../src/rules/sigma/import-rules.ts';
import type { Outcome } from '../../../src/rules/sigma/report.ts';

const STATUSES = ['stable', 'test', 'experimental'];

let mapping: Promise<Mapping> | undefined;

export function defaultMapping(): Promise<Mapping> {
  mapping ??= loadMapping([], (problem) => {
    throw new Error(problem.message);
  });
  return mapping;
}

export async function importTexts(
  texts: readonly string[],
  options: Partial<ImportOptions> = {},
): Promise<ImportResult> {
  const files = texts.map((text, index) => ({ file: `${index}.yml`, text, output: `${index}.yaml` }));
  return importSigma(files, {
    mapping: await defaultMapping(),
    lists: new Map(),
    platform: undefined,
    statuses: STATUSES,
    ...options,
  });
}

/** The loader's view of what was written; it must have no error to find. */
export function loaded({ files }: ImportResult): RuleSet {
  return requireRuleSet(parseRules(files.map(({ output, text }) => ({ file: output, text }))));
}

export async function matching(
  rules: RuleSet,
  event: unknown,
  trigger: Trigger,
  platform: Platform = 'linux',
): Promise<readonly string[]> {
  const given = event as EcsEvent;
  const facts = givenFacts({ ...given, picket: { ...given.picket, trigger } });
  const compiled = compileRules(rules, { platform });
  const { matched } = compiled.needsReferee(trigger, facts)
    ? await compiled.decideAsync(trigger, facts)
    : compiled.decide(trigger, facts);
  return matched.map(({ name }) => name);
}

/** A rule on the starts of programs on Linux. */
export function ruleOf(detection: string, extra = ''): string {
  return sigma('category: process_creation, product: linux', detection, extra);
}

export function sigma(logsource: string, detection: string, extra = ''): string {
  const indented = detection
    .trim()
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
  return `title: A rule\n${extra}\nlogsource: { ${logsource} }\ndetection:\n${indented}\n`;
}

export async function outcomeOf(text: string, options: Partial<ImportOptions> = {}): Promise<Outcome> {
  const { report } = await importTexts([text], options);
  const [entry] = report.entries;
  if (entry === undefined) throw new Error('the text holds no rule');
  return entry.outcome;
}

/** Why it was refused, as `line:column code message`. */
export async function refusalOf(text: string, options: Partial<ImportOptions> = {}): Promise<string> {
  const outcome = await outcomeOf(text, options);
  if (outcome.kind !== 'refused') return outcome.kind;
  const { line, column, code, message } = outcome.problems[0];
  return `${line}:${column} ${code} ${message}`;
}
