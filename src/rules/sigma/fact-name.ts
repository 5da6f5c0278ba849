// The names of facts in a mapping, as conditions write them.

import type { Platform, Trigger } from '../../events/triggers.ts';
import { explainAbsent, isAbsent, resolveFact } from '../condition-facts.ts';
import type { Condition } from '../conditions.ts';
import type { FactType } from '../operand.ts';
import type { Place } from '../rule-document.ts';
import type { SourceMapping } from './field-mapping.ts';
import { conditionsOf, type FactName } from './question-leaves.ts';
import { quotePattern } from './regular-expression.ts';
import { SigmaError } from './sigma-error.ts';
import type { KnownFields } from './target.ts';

/** A name in ECS as a condition's fact and path; it must exist in every trigger. */
export function factOf(name: string, on: readonly Trigger[], platform: Platform, place: Place): FactName {
  const split = /^([A-Za-z_]\w*)(.*)$/s.exec(name);
  const [, fact = name, rest = ''] = split ?? [];
  const path = rest === '' ? undefined : `$${rest}`;
  const wildcard = rest.indexOf('[*]');
  let type: FactType | undefined;
  for (const trigger of on) {
    const resolved = resolveFact(
      fact,
      wildcard === -1 ? path : `$${rest.slice(0, wildcard)}`,
      trigger,
      platform,
    );
    if (isAbsent(resolved)) {
      const { message } = explainAbsent(resolved, trigger, platform, false);
      throw new SigmaError('field', place, message.replace(/; `platforms: .*$/, ''), { found: name });
    }
    // What stands in the objects of a list is text, as far as anybody names it.
    type = wildcard === -1 ? resolved.type : { base: 'text', isList: true };
  }
  return { fact, path, name, type: type ?? { base: 'any', isList: false } };
}

/** `where:` and `matching:` of a source. */
export function whereConditions(
  source: SourceMapping,
  known: KnownFields,
  platform: Platform,
  place: Place,
): readonly Condition[] {
  const equal = [...source.where].map(([name, values]) => {
    const fact = factOf(name, source.on, platform, place);
    const questions = values.map((value) => ({ operator: 'equal', value, ignoresCase: true }));
    const [leaf, ...more] = conditionsOf(questions, fact, 'any');
    if (leaf === undefined || more.length > 0) throw new Error('values of one operator are one leaf');
    return leaf;
  });
  const matching = [...source.matching].map(([name, template]): Condition => {
    const { fact, path } = factOf(name, source.on, platform, place);
    const value = template.replace(/\{(\w+)\}/g, (whole, field: string) => {
      const text = known.get(field);
      return typeof text === 'string' ? quotePattern(text) : whole;
    });
    return { fact, ...(path === undefined ? {} : { path }), operator: 'ignoreCase:matches', value };
  });
  return [...equal, ...matching];
}
