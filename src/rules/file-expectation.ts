// What a test of a test file expects: words of one rule, a list of rules, numbers, a verdict.

import type { FindingCode } from './finding-codes.ts';
import { didYouMean, nearestName } from './nearest.ts';
import { describeValue, oneOf } from './rule-problem.ts';
import { EVENT_TYPES, type RuleDefinition } from './schema.ts';
import type { WrittenFileTest } from './test-file-schema.ts';

export interface FileExpectation {
  /** Events by rule that match, exactly. */
  readonly counts?: ReadonlyMap<string, number>;
  /** Rules that match some event, while no other one does. */
  readonly only?: readonly string[];
  readonly verdict?: string;
  /** As a person would say it. */
  readonly text: string;
}

export interface ExpectationContext {
  readonly rule: RuleDefinition | undefined;
  /** Of the rules that are tested. */
  readonly names: ReadonlySet<string>;
  /** It is about one rule, be that known or not. */
  readonly isOne: boolean;
  readonly todo: string | undefined;
}

type Fail = (
  at: readonly string[],
  code: FindingCode,
  message: string,
  found?: string,
  expected?: string,
) => void;

/** undefined: wrong, and reported. */
export function parseExpectation(
  written: WrittenFileTest['expect'],
  context: ExpectationContext,
  fail: Fail,
): { readonly expect: FileExpectation; readonly todo: string | undefined } | undefined {
  const { todo } = context;
  if (typeof written === 'string') return parseWord(written, context, fail);
  const expect = Array.isArray(written)
    ? parseOnly(written, context, fail)
    : parseMap(written as ExpectationMap, context, fail);
  return expect && { expect, todo };
}

type ExpectationMap = Extract<WrittenFileTest['expect'], { matches?: unknown }>;

function parseWord(
  word: string,
  { rule, isOne, todo }: ExpectationContext,
  fail: Fail,
): ReturnType<typeof parseExpectation> {
  const isTodo = word.startsWith('todo-');
  const plain = isTodo ? word.slice(5) : word;
  const gap = todo ?? (isTodo ? '' : undefined);
  if (plain === 'none') return { expect: { only: [], text: 'none' }, todo: gap };
  if (!isOne) {
    const isType = (EVENT_TYPES as readonly string[]).includes(plain);
    fail(
      [],
      'wrong-expectation',
      isType
        ? `which rule? \`${plain}\` is expected of one`
        : 'a test of several rules expects something else',
      describeValue(word),
      isType
        ? `\`rule:\` with a name, or \`{ verdict: ${plain} }\``
        : 'none, a list of rules, `{ matches: … }` or `{ verdict: … }`',
    );
    return undefined;
  }
  // A rule that is not known was reported already.
  if (rule === undefined) return undefined;
  const { type } = rule.event;
  if (plain !== type) {
    const expected = oneOf([type, 'none', `todo-${type}`, 'todo-none']);
    fail([], 'wrong-expectation', `a test of ${rule.name} can't expect this`, describeValue(word), expected);
    return undefined;
  }
  return { expect: { only: [rule.name], text: type }, todo: gap };
}

function parseOnly(
  names: readonly string[],
  context: ExpectationContext,
  fail: Fail,
): FileExpectation | undefined {
  const unknown = names.filter((name, index) => !isTested(name, context, [String(index)], fail));
  if (unknown.length > 0) return undefined;
  return { only: [...new Set(names)], text: names.length === 0 ? 'none' : names.join(', ') };
}

function parseMap(
  { matches, verdict }: ExpectationMap,
  context: ExpectationContext,
  fail: Fail,
): FileExpectation | undefined {
  const parts: string[] = verdict === undefined ? [] : [`verdict ${verdict}`];
  let counts: ReadonlyMap<string, number> | undefined;
  if (typeof matches === 'number') {
    if (!context.isOne) {
      fail(
        ['matches'],
        'wrong-expectation',
        'which rule? A number of matches is expected of one',
        describeValue(matches),
        '`rule:` with a name, or `matches: { name: number }`',
      );
      return undefined;
    }
    counts = new Map(context.rule === undefined ? [] : [[context.rule.name, matches]]);
    parts.push(textOfCount(matches));
  } else if (matches !== undefined) {
    const names = Object.keys(matches);
    const unknown = names.filter((name) => !isTested(name, context, ['matches', name], fail));
    if (unknown.length > 0) return undefined;
    counts = new Map(Object.entries(matches));
    parts.push(...names.map((name) => `${name} ${matches[name]}`));
  }
  if (parts.length === 0) {
    fail([], 'empty-test', 'this test asserts nothing', 'an empty map', '`matches` or `verdict`');
    return undefined;
  }
  return {
    ...(counts === undefined ? {} : { counts }),
    ...(verdict === undefined ? {} : { verdict }),
    text: parts.join(', '),
  };
}

export function textOfCount(count: number): string {
  return `${count} ${count === 1 ? 'match' : 'matches'}`;
}

function isTested(name: string, { names }: ExpectationContext, at: readonly string[], fail: Fail): boolean {
  if (names.has(name)) return true;
  // Without any rule, that none is there was reported already.
  if (names.size === 0) return false;
  const meant = nearestName(name, names);
  const hint = didYouMean(meant);
  fail(
    at,
    'unknown-rule',
    `no rule of this test is named \`${name}\`${hint}`,
    `\`${name}\``,
    meant ?? oneOf([...names].slice(0, 8)),
  );
  return false;
}
