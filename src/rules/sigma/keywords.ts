// Keywords: texts that stand anywhere in the event. Which facts are "the event" a source says.

import type { Place } from '../rule-document.ts';
import type { FieldTest } from './detection.ts';
import { factOf } from './fact-name.ts';
import { plainTarget } from './field-mapping.ts';
import { valuesTest } from './field-test.ts';
import { allOf, anyOf, type Outcome } from './logic.ts';
import type { FactName } from './question-leaves.ts';
import { SigmaError } from './sigma-error.ts';
import { describeKnown, type Target } from './target.ts';
import { hasWildcard, openEnd, openStart, plainText } from './text-pattern.ts';
import type { SigmaValue } from './value.ts';

const PLAIN = plainTarget('');

export function translateKeywords(test: FieldTest, target: Target): Outcome {
  const { source } = target;
  if (source?.keywords === undefined) {
    const where = source === undefined ? `events with ${describeKnown(target.known)}` : source.on.join(', ');
    throw new SigmaError('keywords', test.place, `keywords can't be looked for in ${where}`, {
      found: 'keywords',
      expected: 'fields',
    });
  }
  const { facts, differs, besides } = source.keywords;
  const couldBeElsewhere = test.values.some(({ value }) => standsBeside(value, besides));
  if (differs !== undefined && couldBeElsewhere) target.differs(differs);
  const found = facts.map((name) => factOf(name, source.on, target.platform, test.place));
  const open = {
    ...test,
    values: test.values.map(({ value, place }) => ({ value: anywhere(value, place), place })),
  };
  const asked = (part: FieldTest, fact: FactName) => (): Outcome =>
    valuesTest(part, { fact, target: PLAIN, field: 'a keyword', differs: target.differs }, target);
  if (test.linking === 'any' || found.length === 1) return anyOf(found.map((fact) => asked(open, fact)));
  // Each keyword may stand in another fact.
  return allOf(
    open.values.map((value) => () => anyOf(found.map((fact) => asked({ ...open, values: [value] }, fact)))),
  );
}

/** Whether a keyword could be found in what the facts leave out: digits vary there, and spaces join its parts. */
function standsBeside(value: SigmaValue, besides: string | undefined): boolean {
  if (besides === undefined || value.kind !== 'text' || hasWildcard(value.pattern)) return true;
  const text = plainText(value.pattern).toLowerCase();
  return /[\s"'0-9]/.test(text) || besides.toLowerCase().includes(text);
}

function anywhere(value: SigmaValue, place: Place): SigmaValue {
  switch (value.kind) {
    case 'text':
      return { ...value, pattern: openEnd(openStart(value.pattern)) };
    case 'number':
    case 'boolean': {
      const source = String(value.value);
      return { kind: 'text', pattern: openEnd(openStart([source])), isCased: false, source };
    }
    case 'alternatives':
      return { ...value, values: value.values.map((one) => anywhere(one, place)) };
    case 'regex':
      return value;
    default:
      throw new SigmaError('keywords', place, 'a keyword is text or a regular expression');
  }
}
