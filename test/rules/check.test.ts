import { describe, expect, test } from 'vitest';
import { checkRules } from '../../src/rules/check.ts';
import { parseRules } from '../../src/rules/load.ts';
import { formatProblem } from '../../src/rules/rule-problem.ts';

function warningsOf(text: string): string[] {
  const loaded = parseRules([{ file: 'r.yaml', text }]);
  expect(loaded.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  return checkRules(loaded).map(formatProblem);
}

const TESTED = 'tests: [ { name: t, given: { process: { name: x } }, expect: TYPE } ]';

function rule(parts: { type?: string; on?: string; conditions: string; more?: string }): string {
  const { type = 'alert', on = 'notify.exec', more = TESTED.replace('TYPE', type) } = parts;
  return `- { name: one, on: [${on}], platforms: [linux], conditions: ${parts.conditions}, event: { type: ${type} }, ${more} }`;
}

const named = (value: string, operator = 'equal'): string =>
  `{ fact: process, path: $.name, operator: '${operator}', value: ${value} }`;

describe('check warns', () => {
  test('of nothing in a good rule', () => {
    expect(warningsOf(rule({ conditions: `{ all: [ ${named('x')} ] }` }))).toEqual([]);
  });

  test.each([
    `{ all: [ ${named('x', 'notEqual')} ] }`,
    `{ not: ${named('x')} }`,
    `{ all: [ ${named('x', 'not:startsWith')} ] }`,
    `{ all: [ ${named('[x]', 'notIn')} ] }`,
    `{ not: { not: ${named('[x]', 'notIn')} } }`,
    `{ all: [ ${named('[x]', 'someValue:notEqual')} ] }`,
    `{ all: [ ${named('{ fact: process, path: $.parent.name }', 'notEqual')} ] }`,
  ])('of a negation over a fact that can be missing: %s', (conditions) => {
    expect(warningsOf(rule({ conditions })).join()).toContain(
      'warning[negation-of-missing]: one: this is also true of events without process.name (expected `exists` for process.name beside it, if that is not meant)',
    );
  });

  test.each([
    `{ all: [ ${named('x', 'notEqual')}, ${named('true', 'exists')} ] }`,
    `{ all: [ ${named('x', 'notEqual')}, ${named('y', 'startsWith')} ] }`,
    `{ not: ${named('[x]', 'notIn')} }`,
    "{ all: [ { fact: process, path: $.args, operator: 'everyFact:not:startsWith', value: x } ] }",
    "{ all: [ { fact: process, path: $.args, operator: 'someFact:notEqual', value: x } ] }",
    '{ all: [ { fact: event, path: $.action, operator: notEqual, value: x } ] }',
  ])('of no negation where its absence is thought of, or can not be: %s', (conditions) => {
    expect(warningsOf(rule({ conditions })).join()).not.toContain('negation-of-missing');
  });

  test('of a list without which a negated condition holds', () => {
    const conditions =
      "{ all: [ { fact: process, path: $.args, operator: 'not:someFact:startsWith', value: x } ] }";
    expect(warningsOf(rule({ conditions })).join()).toContain('also true of events without process.args');
  });

  test('of a named condition once, with the rules that use it', () => {
    const rules = ['one', 'two', 'three', 'four', 'five'].map((name) =>
      rule({ conditions: '{ condition: by-x }' }).replace('name: one', `name: ${name}`),
    );
    const text = `conditions:
  by-x: { not: ${named('x')} }
rules:
${rules.join('\n').replace(/^/gm, '  ')}`;
    expect(warningsOf(text).filter((line) => line.includes('negation-of-missing'))).toEqual([
      'r.yaml:2:57: warning[negation-of-missing]: one, two, three and 2 more: this is also true of events without process.name (expected `exists` for process.name beside it, if that is not meant)',
    ]);
  });

  test('of a program that waits for a rule that can not deny', () => {
    expect(warningsOf(rule({ on: 'auth.exec', conditions: `{ all: [ ${named('x')} ] }` }))).toEqual([
      'r.yaml:1:3: warning[auth-unneeded]: one only alerts: on auth.exec it sees events only while another rule denies there (expected `on: [notify.exec]`, which makes no program wait)',
    ]);
  });

  test('of a rule without tests, and of tests that never expect a match', () => {
    const conditions = `{ all: [ ${named('x')} ] }`;
    expect(warningsOf(rule({ conditions, more: 'tags: []' })).join()).toContain(
      'warning[no-tests]: one has no tests',
    );
    const none = TESTED.replace('TYPE', 'none').replace('name: x', 'name: y');
    expect(warningsOf(rule({ conditions, more: none })).join()).toContain('warning[no-matching-test]');
  });

  test.each([
    `{ all: [ ${named('x')}, ${named('y')} ] }`,
    `{ all: [ ${named('x')}, { any: [ ${named('y')}, ${named('[z]', 'in')} ] } ] }`,
    `{ all: [ ${named('[]', 'in')} ] }`,
  ])('of a rule that no event reaches: %s', (conditions) => {
    expect(warningsOf(rule({ conditions })).join()).toContain('warning[unreachable]: one matches no event');
  });

  test('of no rule that some event reaches', () => {
    const conditions = `{ all: [ ${named('[x, y]', 'in')}, { any: [ ${named('z')}, ${named('y')} ] } ] }`;
    expect(warningsOf(rule({ conditions })).join()).not.toContain('unreachable');
  });

  test('of a named condition that no rule refers to, and not of one that another refers to', () => {
    const text = `conditions:
  used: { condition: inner }
  inner: { all: [ ${named('x')} ] }
  unused: { all: [ ${named('x')} ] }
rules:
${rule({ conditions: '{ condition: used }' }).replace(/^/gm, '  ')}`;
    expect(warningsOf(text)).toEqual([
      'r.yaml:4:3: warning[unused-condition]: no rule refers to the condition `unused`',
    ]);
  });

  test('of tags on events that nothing forwards', () => {
    const tag = rule({ type: 'tag', conditions: `{ all: [ ${named('x')} ] }` });
    expect(warningsOf(tag).join()).toContain('warning[tag-unseen]: one tags events that no rule forwards');
    const forward = rule({ type: 'forward', conditions: `{ all: [ ${named('x')} ] }` }).replace('one', 'two');
    expect(warningsOf(`${tag}\n${forward}`)).toEqual([]);
  });
});
