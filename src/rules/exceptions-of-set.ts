// The exceptions of all files of a set, by the rule that each is for.

import { type ExceptionContext, parseException } from './exception-parser.ts';
import type { ParsedFile } from './parsed-file.ts';
import type { RuleException } from './schema.ts';
import { type UniqueNames, uniqueNames } from './unique-names.ts';

export function parseExceptions(
  files: readonly ParsedFile[],
  context: Omit<ExceptionContext, 'document'>,
): ReadonlyMap<string, readonly RuleException[]> {
  const ofRule = new Map<string, { readonly all: RuleException[]; readonly unique: UniqueNames }>();
  for (const { document, exceptions } of files) {
    for (const [value, path] of exceptions) {
      for (const exception of parseException(value, path, { ...context, document })) {
        const { rule, name } = exception;
        const known = ofRule.get(rule) ?? { all: [], unique: uniqueNames('exception', context.report, rule) };
        ofRule.set(rule, known);
        if (known.unique.take(name, document.placeOf([...path, 'name']))) known.all.push(exception);
      }
    }
  }
  return new Map([...ofRule].map(([rule, { all }]) => [rule, all]));
}
