// Rules that are named on the command line, by name or pattern. A name that no rule has is a mistake there.
import { isNamePattern, nameMatcher } from '../../rules/name-pattern.ts';
import { didYouMean, nearestName } from '../../rules/nearest.ts';
import type { RuleDefinition } from '../../rules/schema.ts';
import { CommandError } from '../failure.ts';

/** Throws CommandError with exit code 2 where one names none. */
export function rulesNamed(
  patterns: readonly string[],
  rules: readonly RuleDefinition[],
): ReadonlySet<RuleDefinition> {
  return new Set(
    patterns.flatMap((pattern) => {
      const named = rules.filter(({ name }) => nameMatcher(pattern)(name));
      if (named.length === 0) throw new CommandError(noneNamed(pattern, rules), 2);
      return named;
    }),
  );
}

export function noneNamed(pattern: string, rules: readonly RuleDefinition[]): string {
  const names = rules.map(({ name }) => name);
  const meant = isNamePattern(pattern) ? undefined : nearestName(pattern, names);
  return `no rule is named ${pattern}${didYouMean(meant, '')}`;
}
