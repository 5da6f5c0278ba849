// What the commands of `picket rules` have in common: paths, the platform and the rules of it, numbers, formats.
import { Argument, InvalidArgumentError, Option } from 'commander';
import type { Platform, Trigger } from '../../events/triggers.ts';
import { FINDING_KINDS } from '../../rules/finding-codes.ts';
import { allTriggers, isKnownTrigger } from '../../rules/known-triggers.ts';
import type { LoadedRules } from '../../rules/load.ts';
import { didYouMean, nearestName } from '../../rules/nearest.ts';
import type { RuleProblem } from '../../rules/rule-problem.ts';
import { PLATFORMS, type RuleDefinition } from '../../rules/schema.ts';
import { CommandError, type ExitCode } from '../failure.ts';

export interface RulesOptions {
  readonly platform?: Platform;
  readonly json?: boolean;
}

export function pathsArgument(what = 'rule files or folders'): Argument {
  return new Argument('[path...]', what).default(['rules'], 'rules');
}

export function platformOption(): Option {
  return new Option('--platform <name>', 'look at the rules of one platform only').choices(PLATFORMS);
}

/** For an option that may be given several times. */
export function collected(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** A number of things, which may be none. */
export function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('A whole number is expected.');
  return Number(text);
}

/** Of one among several, counted from 1. */
export function parseNumber(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new InvalidArgumentError('A whole number from 1 is expected.');
  return number;
}

export function parseTrigger(text: string): Trigger {
  if (isKnownTrigger(text)) return text;
  const meant = nearestName(text, allTriggers());
  throw new InvalidArgumentError(`No trigger is named so${didYouMean(meant, '')}`);
}

/** `--json` beside `--format`. */
export function formatOf<Format extends string>(
  { format, json }: { readonly format?: Format; readonly json?: boolean },
  otherwise: Format,
): Format | 'json' {
  if (json !== true) return format ?? otherwise;
  if (format === undefined || format === 'json') return 'json';
  throw new CommandError(`--json and --format ${format} are two formats: leave one out`, 2);
}

export function rulesFor(
  { ruleSet }: Pick<LoadedRules, 'ruleSet'>,
  { platform }: { readonly platform?: Platform | undefined },
): RuleDefinition[] {
  return ruleSet.rules.filter(({ platforms }) => platform === undefined || platforms.includes(platform));
}

/** 3 where a file could not be read or Picket failed: what was to be looked at was not. */
export function exitCodeOfErrors(errors: readonly Pick<RuleProblem, 'code'>[]): ExitCode {
  if (errors.length === 0) return 0;
  return errors.some(({ code }) => FINDING_KINDS[code].isFailure) ? 3 : 1;
}
