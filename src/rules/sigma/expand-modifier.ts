// Sigma's modifier `expand`: placeholders become what the user's lists say.

import { alternatives, type ModifierContext, textOf } from './modifier-values.ts';
import {
  expandPlaceholders,
  hasPlaceholder,
  MissingListError,
  TooManyFormsError,
  valuesOf,
} from './placeholders.ts';
import { SigmaError } from './sigma-error.ts';
import { parseTextPattern, patternSource, type TextPattern } from './text-pattern.ts';
import type { SigmaValue } from './value.ts';

export function expand(value: SigmaValue, context: ModifierContext): SigmaValue {
  const { lists, place } = context;
  try {
    if (value.kind === 'regex') {
      const source = value.source.replace(/\\%|%(\w+)%/g, (_, name?: string) =>
        name === undefined
          ? '%'
          : `(?:${valuesOf(name, lists)
              .map((one) => patternSource(parseTextPattern(one)))
              .join('|')})`,
      );
      return { ...value, source };
    }
    const text = textOf(value, context, 'expand');
    if (!hasPlaceholder(text.pattern)) {
      throw new SigmaError('value', place, '`expand` finds no placeholder here', {
        found: JSON.stringify(text.source),
        expected: '%name%',
      });
    }
    return alternatives(
      expandPlaceholders(text.pattern, lists).map((pattern: TextPattern) => ({ ...text, pattern })),
    );
  } catch (error) {
    if (error instanceof MissingListError) {
      throw new SigmaError('placeholder', place, error.message, {
        found: `%${error.list}%`,
        expected: `a file ${error.list}.txt in the folder of --lists`,
      });
    }
    if (!(error instanceof TooManyFormsError)) throw error;
    throw new SigmaError('placeholder', place, 'the lists of these placeholders multiply to too much');
  }
}
