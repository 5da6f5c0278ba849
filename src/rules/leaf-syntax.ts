// One test of one fact as it was written: names of operators and decorators, the path, and the value's shape.

import type { ConditionSyntax, Labels } from './condition-context.ts';
import type { ConditionValue, Leaf, Scalar } from './conditions.ts';
import { DECORATORS, parseOperatorName } from './decorators.ts';
import { isJsonPath } from './fact-access.ts';
import type { FindingCode } from './finding-codes.ts';
import { didYouMean, nearestName, sureName } from './nearest.ts';
import { checkOperands } from './operand-types.ts';
import { OPERATORS } from './operators.ts';
import type { DocumentPath, Place, PlaceOfPart } from './rule-document.ts';
import { describeValue, oneOf, type RuleProblem } from './rule-problem.ts';
import { unknownKey } from './schema-problems.ts';

/** undefined: wrong, and reported. */
export function parseLeaf(
  value: Readonly<Record<string, unknown>>,
  path: DocumentPath,
  labels: Labels | undefined,
  syntax: ConditionSyntax,
  isWhole: boolean,
): Leaf | undefined {
  const { document } = syntax;
  let isGood = isWhole;
  const error = (place: Place, problem: Omit<RuleProblem, 'severity' | keyof Place>): void => {
    isGood = false;
    syntax.report({ ...place, ...problem, severity: 'error' });
  };
  for (const key of ['fact', 'operator', 'value'] as const) {
    if (value[key] !== undefined) continue;
    isGood = false;
    // A key that is there under a wrong name is not missing as well.
    if (
      Object.keys(value).some((typed) => !LEAF_KEYS.includes(typed) && nearestName(typed, LEAF_KEYS) === key)
    )
      continue;
    const message = `the key \`${key}\` is missing`;
    error(document.placeOf(path), { code: 'missing-key', message, expected: EXPECTED[key] });
  }
  const { fact, operator, path: below } = value;
  for (const [key, entry] of [
    ['fact', fact],
    ['operator', operator],
    ['path', below],
  ] as const) {
    if (entry === undefined || (typeof entry === 'string' && entry !== '')) continue;
    const message = `\`${key}\` can't be this`;
    const found = describeValue(entry);
    error(document.placeOf([...path, key]), { code: 'wrong-value', message, found, expected: EXPECTED[key] });
  }
  if (typeof below === 'string' && below !== '' && !below.startsWith('$')) {
    error(document.placeOf([...path, 'path']), {
      code: 'wrong-path',
      message: 'a path is JSONPath, from the fact on',
      found: describeValue(below),
      expected: `\`$.${below.replace(/^\./, '')}\``,
      fix: { kind: 'replace', by: `$.${below.replace(/^\./, '')}` },
    });
  } else if (typeof below === 'string' && below !== '' && !isJsonPath(below)) {
    error(document.placeOf([...path, 'path']), wrongPath(below));
  }
  if (typeof operator === 'string') isGood = checkOperator(operator, path, syntax) && isGood;
  const parsed = value.value === undefined ? undefined : parseValue(value.value, [...path, 'value'], syntax);
  if (!isGood || parsed === undefined || typeof fact !== 'string' || typeof operator !== 'string')
    return undefined;
  const leaf: Leaf = {
    ...labels,
    fact,
    ...(typeof below === 'string' ? { path: below } : {}),
    operator,
    value: parsed.value,
  };
  const placeOf: PlaceOfPart = (key, entry) => {
    const at = [...path, key, ...(entry === undefined ? [] : [entry])];
    return { ...document.placeOf(at), source: document.sourceOf(at) };
  };
  const problems = checkOperands(leaf, placeOf);
  for (const problem of problems) syntax.report(problem);
  if (problems.length > 0) return undefined;
  syntax.places.set(leaf, placeOf);
  syntax.leaves?.push(leaf);
  return leaf;
}

function wrongPath(path: string): Pick<RuleProblem, 'code' | 'message' | 'found' | 'expected'> {
  return {
    code: 'wrong-path',
    message: 'this is no JSONPath: nothing would ever be found by it',
    found: describeValue(path),
    expected: "names and numbers, such as `$.user.id`, `$.args[0]` or `$['a name']`",
  };
}

export const LEAF_KEYS: readonly string[] = ['fact', 'path', 'operator', 'value', 'name', 'priority'];

const EXPECTED: Readonly<Record<string, string>> = {
  fact: 'the name of a fact, such as `process`',
  operator: 'an operator, such as `equal`',
  value: 'what the fact is compared with',
  path: 'JSONPath, such as `$.executable`',
};

function checkOperator(name: string, path: DocumentPath, syntax: ConditionSyntax): boolean {
  const { decorators, operator } = parseOperatorName(name);
  const report = (
    code: FindingCode,
    message: string,
    found: string,
    expected: string,
    by?: string,
  ): false => {
    const place = syntax.document.placeOf([...path, 'operator']);
    const fix = by === undefined ? {} : { fix: { kind: 'replace', by } as const };
    syntax.report({ ...place, code, message, found, expected, severity: 'error', ...fix });
    return false;
  };
  const isBackwards = DECORATORS.has(operator) && decorators.some((one) => OPERATORS.has(one));
  if (isBackwards) {
    const turned = [...decorators, operator].reverse().join(':');
    return report(
      'operator-order',
      'decorators stand before the operator',
      `\`${name}\``,
      `\`${turned}\``,
      turned,
    );
  }
  if (!OPERATORS.has(operator)) {
    const meant = nearestName(operator, OPERATORS.keys());
    const prefix = decorators.map((one) => `${one}:`).join('');
    const hint = didYouMean(meant && `${prefix}${meant}`);
    return report(
      'unknown-operator',
      `no operator is named \`${operator}\`${hint}`,
      `\`${operator}\``,
      oneOf(OPERATORS.keys()),
      withName(decorators, sureName(operator, OPERATORS.keys())),
    );
  }
  for (const decorator of decorators) {
    if (DECORATORS.has(decorator)) continue;
    const meant = nearestName(decorator, DECORATORS.keys());
    const hint = didYouMean(meant && `${meant}:`);
    return report(
      'unknown-decorator',
      `no decorator is named \`${decorator}\`${hint}`,
      `\`${decorator}:\``,
      oneOf(DECORATORS.keys()),
      withDecorator(decorators, operator, decorator, sureName(decorator, DECORATORS.keys())),
    );
  }
  const ignoring = decorators.indexOf('ignoreCase');
  if (operator === 'matches' && ignoring !== -1 && ignoring !== decorators.length - 1) {
    const others = decorators.filter((one) => one !== 'ignoreCase');
    return report(
      'operator-order',
      'of a pattern, ignoreCase: must stand directly before matches',
      `\`${name}\``,
      `\`${[...others, 'ignoreCase', 'matches'].join(':')}\``,
      [...others, 'ignoreCase', 'matches'].join(':'),
    );
  }
  return true;
}

function withName(decorators: readonly string[], operator: string | undefined): string | undefined {
  return operator === undefined ? undefined : [...decorators, operator].join(':');
}

function withDecorator(
  decorators: readonly string[],
  operator: string,
  wrong: string,
  right: string | undefined,
): string | undefined {
  if (right === undefined) return undefined;
  return withName(
    decorators.map((one) => (one === wrong ? right : one)),
    operator,
  );
}

function parseValue(
  value: unknown,
  path: DocumentPath,
  syntax: ConditionSyntax,
): { readonly value: ConditionValue } | undefined {
  const wrong = (at: DocumentPath, message: string, found: string, expected: string): undefined => {
    const place = syntax.document.placeOf(at);
    syntax.report({ ...place, code: 'wrong-value', message, found, expected, severity: 'error' });
    return undefined;
  };
  if (isScalar(value)) return { value };
  if (Array.isArray(value)) {
    const at = value.findIndex((entry) => !isScalar(entry));
    if (at === -1) return { value };
    return wrong(
      [...path, at],
      'a list of values holds no other',
      describeValue(value[at]),
      'text, number, true or false',
    );
  }
  if (typeof value === 'object' && value !== null) {
    if (Object.hasOwn(value, 'list')) return parseListReference(value, path, syntax);
    const known = ['fact', 'path'];
    const unknown = Object.keys(value).find((key) => !known.includes(key));
    if (unknown !== undefined) {
      syntax.report(unknownKey(syntax.document, [...path, unknown], unknown, ['list', ...known]));
      return undefined;
    }
    const { fact, path: below } = value as { fact?: unknown; path?: unknown };
    if (
      typeof fact === 'string' &&
      fact !== '' &&
      (below === undefined || (typeof below === 'string' && below.startsWith('$')))
    ) {
      if (below !== undefined && !isJsonPath(below)) {
        const place = syntax.document.placeOf([...path, 'path']);
        syntax.report({ ...place, ...wrongPath(below), severity: 'error' });
        return undefined;
      }
      return { value: { fact, ...(below === undefined ? {} : { path: below }) } };
    }
    return wrong(
      path,
      'a value that is a map names another fact',
      describeValue(fact ?? null),
      '{ fact: process, path: $.executable }',
    );
  }
  return wrong(
    path,
    "a condition can't be compared with this",
    describeValue(value),
    'text, number, true, false or a list of them',
  );
}

function parseListReference(
  value: object,
  path: DocumentPath,
  { document, lists, usedLists, report }: ConditionSyntax,
): { readonly value: ConditionValue } | undefined {
  const { list: name, ...more } = value as { list: unknown };
  const [unknown] = Object.keys(more);
  if (unknown !== undefined) {
    report(unknownKey(document, [...path, unknown], unknown, ['list']));
    return undefined;
  }
  if (typeof name === 'string' && lists.has(name)) {
    usedLists?.add(name);
    const list = lists.get(name);
    return list && { value: list.values };
  }
  const meant = typeof name === 'string' ? nearestName(name, lists.keys()) : undefined;
  report({
    ...document.placeOf([...path, 'list']),
    code: 'unknown-list',
    message:
      typeof name === 'string'
        ? `no list is named \`${name}\`${didYouMean(meant)}`
        : 'a list is referred to by its name',
    found: describeValue(name),
    expected:
      lists.size === 0
        ? 'a name under `lists:` of a rule file; there is none'
        : oneOf([...lists.keys()].slice(0, NAMES_SHOWN)),
    severity: 'error',
  });
  return undefined;
}

const NAMES_SHOWN = 12;

function isScalar(value: unknown): value is Scalar {
  if (typeof value === 'number') return Number.isFinite(value);
  return (
    value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint'
  );
}
