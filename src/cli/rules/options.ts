// What the commands of `picket rules` have in common: the platform, and the rules of it.
import { Option } from 'commander';
import type { Platform } from '../../events/triggers.ts';
import type { LoadedRules } from '../../rules/load.ts';
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

export function rulesFor(
  { ruleSet }: Pick<LoadedRules, 'ruleSet'>,
  { platform }: { readonly platform?: Platform | undefined },
): RuleDefinition[] {
  return ruleSet.rules.filter(({ platforms }) => platform === undefined || platforms.includes(platform));
}
