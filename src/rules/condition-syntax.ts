// Conditions as they were written, turned into typed ones: shape, keys, operator names. What facts there are is
// checked apart (condition-facts.ts), for that depends on the trigger.

import type { ConditionSyntax, Labels } from './condition-context.ts';
import type { AllOf, AnyOf, Condition, NamedReference, NotOf } from './conditions.ts';
import { type DocumentMap, isMap } from './document-map.ts';
import type { FindingCode } from './finding-codes.ts';
import { LEAF_KEYS, parseLeaf } from './leaf-syntax.ts';
import { didYouMean, fixBy, nearestName } from './nearest.ts';
import type { DocumentPath } from './rule-document.ts';
import { describeValue, oneOf } from './rule-problem.ts';
import { unknownKey } from './schema-problems.ts';

const KINDS = ['all', 'any', 'not', 'condition', 'fact'] as const;
const LABELS = ['name', 'priority'] as const;

/** undefined: wrong, and reported. */
export function parseCondition(
  value: unknown,
  path: DocumentPath,
  syntax: ConditionSyntax,
  isRoot = false,
): Condition | undefined {
  const error = (code: FindingCode, message: string, found?: string, expected?: string): undefined => {
    syntax.report({ ...syntax.document.placeOf(path), code, message, found, expected, severity: 'error' });
    return undefined;
  };
  if (!isMap(value)) {
    return error(
      'condition-shape',
      'a condition is a map',
      describeValue(value),
      'all, any, not, condition, or fact with operator and value',
    );
  }
  const kinds = KINDS.filter((kind) => Object.hasOwn(value, kind));
  const [kind, second] = kinds;
  if (kind === undefined) {
    const keys = Object.keys(value);
    const isLeaf = keys.some((key) => key === 'operator' || key === 'value' || key === 'path');
    const known = isLeaf ? LEAF_KEYS : [...KINDS, ...LABELS];
    const typed = keys.find((key) => !(known as readonly string[]).includes(key));
    if (typed !== undefined) {
      syntax.report(unknownKey(syntax.document, [...path, typed], typed, known));
      return undefined;
    }
    return error(
      'condition-shape',
      'this condition says nothing to test',
      describeKeys(keys),
      isLeaf ? 'the key fact' : oneOf(KINDS),
    );
  }
  if (second !== undefined) {
    const place = syntax.document.placeOfKey([...path, second]);
    syntax.report({
      ...place,
      code: 'condition-shape',
      message: `a condition is one of ${oneOf(KINDS)}; this one is several`,
      found: kinds.join(' and '),
      expected: 'one of them; nest the other one in all or any',
      severity: 'error',
    });
    return undefined;
  }
  if (kind === 'fact' && isRoot) {
    return error(
      'root-leaf',
      'the outermost condition groups others',
      'a single fact',
      'all: or any: with a list, not:, or condition:',
    );
  }
  const known = kind === 'fact' ? LEAF_KEYS : [kind, ...LABELS];
  let isWhole = true;
  for (const key of Object.keys(value)) {
    if ((known as readonly string[]).includes(key)) continue;
    isWhole = false;
    syntax.report(unknownKey(syntax.document, [...path, key], key, known));
  }
  const labels = parseLabels(value, path, syntax);
  if (labels === undefined || !isWhole) isWhole = false;
  switch (kind) {
    case 'all':
    case 'any': {
      const parts = parseList(value[kind], [...path, kind], kind, syntax);
      if (parts === undefined || !isWhole) return undefined;
      return kind === 'all'
        ? ({ ...labels, all: parts } satisfies AllOf)
        : ({ ...labels, any: parts } satisfies AnyOf);
    }
    case 'not': {
      const part = parseCondition(value.not, [...path, 'not'], syntax);
      return part === undefined || !isWhole ? undefined : ({ ...labels, not: part } satisfies NotOf);
    }
    case 'condition':
      return parseReference(value, path, labels, syntax, isWhole);
    case 'fact':
      return parseLeaf(value, path, labels, syntax, isWhole);
  }
}

function parseLabels(value: DocumentMap, path: DocumentPath, syntax: ConditionSyntax): Labels | undefined {
  const { name, priority } = value;
  const wrong = (key: string, expected: string): undefined => {
    const message = `\`${key}\` can't be this`;
    const found = describeValue(value[key]);
    const place = syntax.document.placeOf([...path, key]);
    syntax.report({ ...place, code: 'wrong-value', message, found, expected, severity: 'error' });
    return undefined;
  };
  if (name !== undefined && typeof name !== 'string') return wrong('name', 'text');
  if (priority !== undefined && !(Number.isSafeInteger(priority) && Number(priority) > 0)) {
    return wrong('priority', 'a whole number of at least 1');
  }
  return {
    ...(name === undefined ? {} : { name }),
    ...(priority === undefined ? {} : { priority: Number(priority) }),
  };
}

function parseList(
  value: unknown,
  path: DocumentPath,
  kind: string,
  syntax: ConditionSyntax,
): Condition[] | undefined {
  if (!Array.isArray(value)) {
    syntax.report({
      ...syntax.document.placeOf(path),
      code: 'condition-shape',
      message: `\`${kind}\` takes a list of conditions`,
      found: describeValue(value),
      expected: 'a list: each condition on a line of its own, after a dash',
      severity: 'error',
    });
    return undefined;
  }
  if (value.length === 0) {
    syntax.report({
      ...syntax.document.placeOf(path),
      code: 'empty-list',
      message: `\`${kind}\` without conditions is true for every event`,
      found: 'an empty list',
      expected: 'at least one condition',
      severity: 'warning',
    });
  }
  const parts = value.map((part: unknown, index) => parseCondition(part, [...path, index], syntax));
  return parts.every((part) => part !== undefined) ? parts : undefined;
}

function parseReference(
  value: DocumentMap,
  path: DocumentPath,
  labels: Labels | undefined,
  syntax: ConditionSyntax,
  isWhole: boolean,
): NamedReference | undefined {
  const name = value.condition;
  if (typeof name === 'string' && syntax.conditionNames.has(name)) {
    return isWhole ? { ...labels, condition: name } : undefined;
  }
  const meant = typeof name === 'string' ? nearestName(name, syntax.conditionNames) : undefined;
  const names = [...syntax.conditionNames];
  syntax.report({
    ...syntax.document.placeOf([...path, 'condition']),
    code: 'unknown-condition',
    message:
      typeof name === 'string'
        ? `no condition is named \`${name}\`${didYouMean(meant)}`
        : 'a condition is referred to by its name',
    found: describeValue(name),
    expected:
      names.length === 0
        ? 'a name under `conditions:` of a rule file; there is none'
        : oneOf(names.slice(0, 12)),
    severity: 'error',
    ...(typeof name === 'string' ? fixBy(name, names) : {}),
  });
  return undefined;
}

function describeKeys(keys: readonly string[]): string {
  return keys.length === 0 ? 'an empty map' : keys.map((key) => `\`${key}\``).join(', ');
}
