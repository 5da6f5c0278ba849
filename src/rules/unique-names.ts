// Names that may be given once in a rule set: which are taken, and what is said of a second one.

import type { Place } from './rule-document.ts';
import type { RuleProblem } from './rule-problem.ts';

export interface UniqueNames {
  readonly names: ReadonlySet<string>;
  /** false: another has the name already, and that is reported. */
  take(name: string, place: Place): boolean;
}

/** @param of whose names these are, where they are unique for one of several */
export function uniqueNames(
  what: 'rule' | 'condition' | 'list' | 'exception',
  report: (problem: RuleProblem) => void,
  of = '',
): UniqueNames {
  const firstOf = new Map<string, Place>();
  const names = new Set<string>();
  return {
    names,
    take(name, place) {
      const first = firstOf.get(name);
      if (first === undefined) {
        firstOf.set(name, place);
        names.add(name);
        return true;
      }
      report({
        ...place,
        code: `duplicate-${what}`,
        message: `another ${what}${of === '' ? '' : ` of ${of}`} is named \`${name}\`, at ${first.file}:${first.line}:${first.column}`,
        found: `\`${name}\` twice`,
        expected: 'a name of its own',
        severity: 'error',
      });
      return false;
    },
  };
}
