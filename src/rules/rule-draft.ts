// A rule that is being written for somebody: conditions that each have a value that fulfils them and one that does not,
// from which its tests follow, and the text of a rule file.

import { stringify } from 'yaml';
import type { FactValue } from '../events/facts.ts';
import type { Platform, Trigger } from '../events/triggers.ts';
import { resolveOperator } from './decorators.ts';
import type { RuleEventType, Severity } from './schema.ts';

type Value = string | number | boolean | readonly string[];

export interface DraftCondition {
  /** `process.executable`. */
  readonly fact: string;
  readonly operator: string;
  readonly value: Value;
  /** Of the fact, in an event that the condition is for. */
  readonly match: Value;
  /** Of the fact, in one that it is not for; undefined: made up. null: such an event lacks it. */
  readonly other?: Value | null;
}

export interface RuleDraft {
  readonly name: string;
  readonly trigger: Trigger;
  /** Nothing: wherever its facts are. */
  readonly platform?: Platform | undefined;
  readonly description: string;
  readonly severity: Severity;
  readonly tags?: readonly string[];
  readonly falsePositives?: readonly string[];
  readonly isShadow: boolean;
  readonly type: RuleEventType;
  readonly message: string;
  readonly conditions: readonly DraftCondition[];
}

/** The rule, with a test that matches and one for each condition that fails by it alone. */
export function writeDraft(draft: RuleDraft): string {
  const { name, trigger, platform, description, severity, tags, falsePositives, isShadow, type, message } =
    draft;
  const params = type === 'tag' ? { message, tags: [name] } : { message };
  const lines = [
    `- name: ${flowScalar(name)}`,
    ...entry('  ', 'on', [trigger]),
    ...(platform === undefined ? [] : entry('  ', 'platforms', [platform])),
    ...(isShadow ? ['  mode: shadow # reported, never enforced: take this line away once it is right'] : []),
    '  description: >',
    ...wrapped(description, 110).map((line) => `    ${line}`),
    `  severity: ${severity}`,
    ...(tags === undefined ? [] : entry('  ', 'tags', tags)),
    ...(falsePositives === undefined ? [] : entry('  ', 'false_positives', falsePositives)),
    '  conditions:',
    '    all:',
    ...draft.conditions.flatMap((condition) => item('      ', leafOf(condition))),
    ...entry('  ', 'event', { type, params }),
    '  tests:',
    ...testsOf(draft).flatMap(({ name: test, given, expect }) => [
      `    - name: ${flowScalar(test)}`,
      ...entry('      ', 'given', given),
      `      expect: ${expect}`,
    ]),
  ];
  return `${lines.join('\n')}\n`;
}

function leafOf({ fact, operator, value }: DraftCondition): object {
  const [whole = '', ...below] = fact.split('.');
  return { fact: whole, ...(below.length === 0 ? {} : { path: pathOf(below) }), operator, value };
}

/** A name that JSONPath can't take plainly stands in brackets. */
function pathOf(names: readonly string[]): string {
  return names.reduce(
    (path, name) => (/^[A-Za-z_][\w-]*$/.test(name) ? `${path}.${name}` : `${path}['${name}']`),
    '$',
  );
}

interface DraftTest {
  readonly name: string;
  readonly given: object;
  readonly expect: string;
}

function testsOf({ conditions, type }: RuleDraft): readonly DraftTest[] {
  const matching = new Map<string, FactValue>();
  for (const { fact, match } of conditions) matching.set(fact, match);
  const tests: DraftTest[] = [{ name: 'what it is for', given: eventOf(matching), expect: type }];
  const names = new Set<string>();
  for (const condition of conditions) {
    const { fact } = condition;
    const other = otherValue(condition);
    const first = other === null ? `without ${fact}` : `another ${fact}`;
    const name = names.has(first) ? `${first}, without ${String(condition.value)}` : first;
    names.add(name);
    tests.push({ name, given: eventOf(new Map([...matching, [fact, other]])), expect: 'none' });
  }
  return tests;
}

function eventOf(facts: ReadonlyMap<string, FactValue>): object {
  const event: Record<string, unknown> = {};
  for (const [fact, value] of facts) {
    const names = fact.split('.');
    const last = names.pop() ?? '';
    let object = event;
    for (const name of names) {
      object[name] ??= {};
      object = object[name] as Record<string, unknown>;
    }
    object[last] = value;
  }
  return event;
}

/** A value of the same kind that does not fulfil the condition. */
function otherValue({ operator, value, match, other }: DraftCondition): FactValue {
  if (other !== undefined) return other as FactValue;
  const isFulfilled = (one: FactValue): boolean => resolveOperator(operator)?.evaluate(one, value) ?? false;
  return candidatesFor(match, value).find((one) => !isFulfilled(one)) ?? null;
}

function candidatesFor(match: Value, value: Value): readonly FactValue[] {
  if (typeof match === 'boolean') return [!match];
  if (typeof match === 'number') return [match + 1];
  if (typeof match === 'string')
    return match.startsWith('/') ? ['/srv/other/thing'] : ['other', 'something else'];
  const rest = match.filter((entry) => entry !== value);
  return [rest.length === 0 ? ['other'] : rest, ['other']];
}

// As `rules fmt` writes: what fits stands on one line, what does not is opened.
const LINE_MAX = 120;

function entry(indent: string, key: string, value: unknown): readonly string[] {
  const line = `${indent}${flowScalar(key)}: ${flow(value)}`;
  if (line.length <= LINE_MAX || typeof value !== 'object' || value === null) return [line];
  const below = `${indent}  `;
  const lines = Array.isArray(value)
    ? value.flatMap((one) => item(below, one))
    : Object.entries(value).flatMap(([name, one]) => entry(below, name, one));
  return [`${indent}${flowScalar(key)}:`, ...lines];
}

function item(indent: string, value: unknown): readonly string[] {
  const line = `${indent}- ${flow(value)}`;
  if (line.length <= LINE_MAX || typeof value !== 'object' || value === null || Array.isArray(value))
    return [line];
  const [first = '', ...rest] = Object.entries(value).flatMap(([name, one]) =>
    entry(`${indent}  `, name, one),
  );
  return [`${indent}- ${first.trimStart()}`, ...rest];
}

function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return flowScalar(value);
  const entries = Object.entries(value).map(([key, one]) => `${flowScalar(key)}: ${flow(one)}`);
  return `{ ${entries.join(', ')} }`;
}

/** Within a list a comma or a bracket has to be quoted, which the library knows. */
function flowScalar(value: unknown): string {
  const list = stringify([value], { collectionStyle: 'flow', flowCollectionPadding: false, lineWidth: 0 });
  return list.trimEnd().slice(1, -1);
}

function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + word.length + 1 > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, line];
}
