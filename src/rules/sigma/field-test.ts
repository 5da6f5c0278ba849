// A field of Sigma against its values, as conditions on a fact.

import type { Condition, Leaf } from '../conditions.ts';
import { nearestName } from '../nearest.ts';
import type { Place } from '../rule-document.ts';
import type { FieldTest } from './detection.ts';
import { factOf } from './fact-name.ts';
import { type FieldTarget, plainTarget, targetOf } from './field-mapping.ts';
import { allOf, anyOf, type Outcome } from './logic.ts';
import { numberOf } from './modifier-values.ts';
import { conditionsOf, type FactName, type Question } from './question-leaves.ts';
import { SigmaError } from './sigma-error.ts';
import { describeKnown, type KnownField, type Target } from './target.ts';
import { hasWildcard, patternSource, plainText } from './text-pattern.ts';
import type { SigmaValue } from './value.ts';
import { askOf, misfit, type QuestionContext } from './value-leaves.ts';

/** One field against its values. */
export function translateField(test: FieldTest, field: string, target: Target): Outcome {
  const known = target.known.get(field);
  if (known !== undefined) {
    const truths = test.values.map(({ value, place }) => knownTruth(value, known, field, place));
    return test.linking === 'all' ? truths.every(Boolean) : truths.some(Boolean);
  }
  const mapped = targetIn(target, field, test.place);
  if (target.source === undefined || mapped === undefined) throw unmapped(field, test.place, target);
  if (mapped.isNever) return withoutField(test);
  if (mapped.absent !== undefined) {
    target.differs(`${field}: ${mapped.absent}`);
    return withoutField(test);
  }
  const areNumbers = test.values.every(({ value }) => numberOf(value) !== undefined);
  const name = areNumbers ? (mapped.numbers ?? mapped.fact) : mapped.fact;
  const fact = factOf(name, target.source.on, target.platform, test.place);
  if (mapped.differs !== undefined) target.differs(`${field}: ${mapped.differs}`);
  const context = { fact, target: mapped, field, differs: target.differs };
  return valuesTest(test, context, target);
}

/** What a rule calls by its name in ECS needs no mapping. */
function targetIn({ source, platform }: Target, field: string, place: Place): FieldTarget | undefined {
  const mapped = source && targetOf(source, field);
  if (source === undefined || mapped !== undefined || !/^(?:message|[a-z_]+(?:\.[a-z0-9_]+)+)$/.test(field)) {
    return mapped;
  }
  try {
    factOf(field, source.on, platform, place);
    return plainTarget(field);
  } catch (error) {
    if (error instanceof SigmaError) return undefined;
    throw error;
  }
}

/** Of a field that no event has. */
function withoutField({ values, linking }: FieldTest): boolean {
  const truths = values.map(
    ({ value }) => value.kind === 'null' || (value.kind === 'exists' && !value.value),
  );
  return linking === 'all' ? truths.every(Boolean) : truths.some(Boolean);
}

function unmapped(field: string, place: Place, { source, known }: Target): SigmaError {
  const meant = source && nearestName(field, source.fields.keys());
  const where = source === undefined ? `events with ${describeKnown(known)}` : source.on.join(', ');
  const message =
    source === undefined
      ? `no trigger tells of ${where}`
      : `no fact of ${where} is \`${field}\`; ${meant === undefined ? 'a mapping file may name one' : `did you mean \`${meant}\`?`}`;
  return new SigmaError('field', place, message, { found: field, expected: meant });
}

/** Of a field whose value every event of the source has. */
function knownTruth(value: SigmaValue, known: KnownField, field: string, place: Place): boolean {
  switch (value.kind) {
    case 'exists':
      return value.value;
    case 'null':
      return false;
    case 'alternatives':
      return value.values.some((one) => knownTruth(one, known, field, place));
    case 'number':
    case 'boolean':
      return typeof known === 'string' && known.toLowerCase() === String(value.value);
    case 'text':
      if (typeof known !== 'string') {
        if (!hasWildcard(value.pattern)) return false;
        break;
      }
      return new RegExp(`^${patternSource(value.pattern)}$`, value.isCased ? 's' : 'is').test(known);
    default:
  }
  throw new SigmaError(
    'field',
    place,
    `\`${field}\` chooses between kinds of events, and only by whole names`,
    {
      expected: 'the names themselves',
    },
  );
}

/** One fact against the values of a test. */
export function valuesTest(
  test: FieldTest,
  context: Omit<QuestionContext, 'place'>,
  target: Target,
): Outcome {
  const asked = test.values.map(({ value, place }) =>
    (value.kind === 'alternatives' ? value.values : [value]).map((one) =>
      one.kind === 'reference'
        ? referenceCondition(one, { ...context, place }, target)
        : askOf(one, { ...context, place }),
    ),
  );
  const { fact } = context;
  if (test.linking === 'any') return together(asked.flat(), fact, 'any');
  // A value that became several is one of them; the values that did not are asked together.
  const single = asked.filter((answers) => answers.length === 1 && isQuestion(answers[0])).flat();
  const several = asked.filter((answers) => !(answers.length === 1 && isQuestion(answers[0])));
  return allOf([
    ...(single.length === 0 ? [] : [() => together(single, fact, 'all')]),
    ...several.map((answers) => () => together(answers, fact, 'any')),
  ]);
}

type Answer = readonly Question[] | Condition;

const isQuestion = (answer: Answer | undefined): boolean => Array.isArray(answer) && answer.length === 1;

function together(answers: readonly Answer[], fact: FactName, linking: 'any' | 'all'): Outcome {
  const questions = answers.flatMap((answer): readonly Question[] => (Array.isArray(answer) ? answer : []));
  const others = answers.filter((answer): answer is Condition => !Array.isArray(answer));
  const parts = [...conditionsOf(questions, fact, linking), ...others].map((part) => () => part);
  return linking === 'any' ? anyOf(parts) : allOf(parts);
}

/** Two facts compared with each other; where both are missing they are not the same. */
function referenceCondition(
  value: SigmaValue & { readonly kind: 'reference' },
  context: QuestionContext,
  target: Target,
): Condition {
  const { fact, place } = context;
  const mapped = targetIn(target, value.field, place);
  if (target.source === undefined || mapped === undefined) throw unmapped(value.field, place, target);
  if (
    mapped.isNever ||
    mapped.absent !== undefined ||
    mapped.within !== undefined ||
    context.target.within !== undefined
  ) {
    throw misfit(context, `\`${value.field}\``);
  }
  if (mapped.differs !== undefined) target.differs(`${value.field}: ${mapped.differs}`);
  const other = factOf(mapped.fact, target.source.on, target.platform, place);
  const isText = fact.type.base === 'text' && other.type.base === 'text';
  const isWhole = !value.isOpenStart && !value.isOpenEnd;
  if (fact.type.isList || other.type.isList || (!isWhole && !isText) || fact.type.base !== other.type.base) {
    throw misfit(context, `\`${value.field}\` (${other.name})`);
  }
  const operator = referenceOperator(value);
  const reference = { fact: other.fact, ...(other.path === undefined ? {} : { path: other.path }) };
  const name = { fact: fact.fact, ...(fact.path === undefined ? {} : { path: fact.path }) };
  const compare: Leaf = {
    ...name,
    operator: isText && !value.isCased ? `ignoreCase:${operator}` : operator,
    value: reference,
  };
  return isWhole ? { all: [{ ...name, operator: 'exists', value: true }, compare] } : compare;
}

function referenceOperator({ isOpenStart, isOpenEnd }: SigmaValue & { readonly kind: 'reference' }): string {
  if (isOpenStart) return isOpenEnd ? 'includes' : 'endsWith';
  return isOpenEnd ? 'startsWith' : 'equal';
}

/** What a test names of a field, in small letters. */
export function namedValues(test: FieldTest): readonly string[] {
  return test.values
    .flatMap(({ value }) => (value.kind === 'alternatives' ? value.values : [value]))
    .flatMap((value) => {
      if (value.kind === 'number') return [String(value.value)];
      return value.kind === 'text' && !hasWildcard(value.pattern)
        ? [plainText(value.pattern).toLowerCase()]
        : [];
    });
}
