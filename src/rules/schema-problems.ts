// zod's issues with a rule file, in words for the person who wrote it.

import type { z } from 'zod';
import { didYouMean, fixBy, nearestName } from './nearest.ts';
import type { DocumentPath, RuleDocument } from './rule-document.ts';
import { describeValue, oneOf, type RuleProblem } from './rule-problem.ts';

type Issue = z.core.$ZodIssue;

const NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  array: 'a list',
  object: 'a map',
  record: 'a map',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
};

/**
 * @param at where in the document the parsed value stands
 * @param keysAt the keys that are known at a path below it, for suggestions
 */
export function explainIssues(
  issues: readonly Issue[],
  document: RuleDocument,
  at: DocumentPath,
  keysAt: (path: DocumentPath) => readonly string[],
): RuleProblem[] {
  const mistyped = issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => nearestName(key, keysAt(stepsOf(issue))))
      : [],
  );
  return issues.flatMap((issue) => {
    const below = stepsOf(issue);
    const problems = explainIssue(issue, document, [...at, ...below], keysAt(below));
    // A key that is there under a wrong name is not missing as well.
    return problems.filter(({ code }) => code !== 'missing-key' || !mistyped.includes(String(below.at(-1))));
  });
}

function stepsOf(issue: Issue): (string | number)[] {
  return issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
}

function explainIssue(
  issue: Issue,
  document: RuleDocument,
  path: DocumentPath,
  keys: readonly string[],
): RuleProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey(document, [...path, key], key, keys));
  }
  const key = path.at(-1);
  const name =
    typeof key === 'number' ? `entry ${key + 1} of \`${String(path.at(-2))}\`` : `\`${String(key)}\``;
  const value = valueAt(document.value, path);
  if (value === undefined) {
    return [
      {
        ...document.placeOf(path.slice(0, -1)),
        code: 'missing-key',
        message: `the key ${name} is missing`,
        expected: EXPECTED[String(key)] ?? expectedOf(issue),
        severity: 'error',
      },
    ];
  }
  const suggestion =
    issue.code === 'invalid_value' && typeof value === 'string'
      ? nearestName(value, issue.values.map(String))
      : undefined;
  return [
    {
      ...document.placeOf(path),
      code: 'wrong-value',
      message: `${name} can't be this${didYouMean(suggestion)}`,
      found: describeValue(value),
      expected:
        typeof value === 'string' && isListWanted(issue)
          ? `a list: [${value}]`
          : (expectedOf(issue) ?? EXPECTED[String(key)]),
      severity: 'error',
      ...fixOf(issue, value),
    },
  ];
}

function fixOf(issue: Issue, value: unknown): Pick<RuleProblem, 'fix'> {
  if (typeof value !== 'string') return {};
  if (isListWanted(issue)) return { fix: { kind: 'list' } };
  return issue.code === 'invalid_value' ? fixBy(value, issue.values.map(String)) : {};
}

const isListWanted = (issue: Issue): boolean => issue.code === 'invalid_type' && issue.expected === 'array';

/** Of keys that are missing: what a rule says there. */
const EXPECTED: Readonly<Record<string, string>> = {
  name: 'a name of its own, such as `exec-from-downloads`',
  on: 'a list of triggers, such as `[notify.exec]`',
  conditions: '`all:`, `any:`, `not:` or `condition:`',
  event: 'what follows, such as `{ type: alert }`',
  type: 'allow, deny, forward, drop, alert or tag',
  given: 'the facts of an event, such as `{ process: { executable: /bin/x } }`',
  rule: 'the name of a rule, or a list of names',
  reason: "why these events are none of the rule's business, in words",
  expect: "the rule's own event type, none, or either after todo-",
};

/** A key that means nothing here, with the one that was most likely meant. */
export function unknownKey(
  document: RuleDocument,
  path: DocumentPath,
  key: string,
  known: readonly string[],
): RuleProblem {
  const meant = nearestName(key, known);
  return {
    ...document.placeOfKey(path),
    code: 'unknown-key',
    message: `unknown key \`${key}\`${didYouMean(meant)}`,
    found: `\`${key}\``,
    expected: oneOf(known),
    severity: 'error',
    ...fixBy(key, known),
  };
}

function expectedOf(issue: Issue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return NAMES[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return oneOf(issue.values.map(String));
    case 'too_small':
      if (issue.origin === 'string') return 'text';
      return issue.origin === 'array' ? 'at least one entry' : `at least ${String(issue.minimum)}`;
    case 'too_big':
      return `at most ${String(issue.maximum)}${issue.origin === 'string' ? ' characters' : ''}`;
    default:
      return undefined;
  }
}

function valueAt(value: unknown, path: DocumentPath): unknown {
  let current = value;
  for (const step of path) {
    if (current === null || typeof current !== 'object') return undefined;
    current = (current as Record<string | number, unknown>)[step];
  }
  return current;
}
