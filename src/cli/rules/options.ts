// What the options of `picket rules` commands have in common: how they are read, the platform, and the rules of it.
import { InvalidArgumentError, Option } from 'commander';
import type { Platform, Trigger } from '../../events/triggers.ts';
import { allTriggers, isKnownTrigger } from '../../rules/known-triggers.ts';
import type { LoadedRules } from '../../rules/load.ts';
import { didYouMean, nearestName } from '../../rules/nearest.ts';
import { PLATFORMS, type RuleDefinition } from '../../rules/schema.ts';

export interface RulesOptions {
  readonly platform?: Platform;
  readonly json?: boolean;
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

export function rulesFor(
  { ruleSet }: Pick<LoadedRules, 'ruleSet'>,
  { platform }: { readonly platform?: Platform | undefined },
): RuleDefinition[] {
  return ruleSet.rules.filter(({ platforms }) => platform === undefined || platforms.includes(platform));
}
